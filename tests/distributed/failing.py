"""A layer at which something goes wrong, once in a run, however often its worker is started anew."""

import os
import signal
import time
from pathlib import Path

from torch import nn


def _raise(x):
    raise RuntimeError("out of luck")


HAPPENS = {
    "raise": _raise,
    "nan": lambda x: x * float("nan"),
    "kill": lambda x: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda x: os.kill(os.getpid(), signal.SIGSTOP) or x,  # a process that does not even say that it lives
    "sleep": lambda x: time.sleep(600),  # one that says so, and comes no further
}


class Failing(nn.Module):
    """Hands on what it gets; at the forward pass number `step`, from 1, of this process in training, `what` happens.

    flag: a file, made before it does; with it there nothing happens again.
    """

    def __init__(self, what, step, flag):
        super().__init__()
        self.what, self.step, self.flag, self.passes = what, step, str(flag), 0

    def forward(self, x):
        self.passes += self.training
        if self.training and self.passes == self.step and not Path(self.flag).exists():
            Path(self.flag).touch()
            x = HAPPENS[self.what](x)
        return x
