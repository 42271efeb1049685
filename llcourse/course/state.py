"""The state of a process that code of a learner may leave changed: known while it runs, and afterwards as before."""

import contextlib
import gc
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch._tensor_str import get_printoptions

AS_IT_IS = object()


class Setting(NamedTuple):
    """How to read a setting, how to write what was read, and what it is while the code runs."""

    get: Callable
    put: Callable
    inside: Any = AS_IT_IS


@contextlib.contextmanager
def kept():
    """Within the block gradients are on, numbers are float32 on the CPU and chance is seeded with 0; after it all of
    SETTINGS, the random state and the streams are what they were. What closes a stream or ends the kernel does not.

    Code that leaves a `with` of torch's open, or patches a module, is not undone.
    """
    before, python, numpy = [setting.get() for setting in SETTINGS], random.getstate(), np.random.get_state()
    try:
        for setting, value in zip(SETTINGS, before):
            if setting.inside is not AS_IT_IS and setting.inside != value:
                setting.put(setting.inside)
        with contextlib.ExitStack() as stack:
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            for context in (torch.inference_mode(False), torch.enable_grad(), _streams(), _no_exit(),
                            torch.random.fork_rng(devices=range(torch.cuda.device_count()))):
                stack.enter_context(context)
            torch.manual_seed(0)
            yield
    finally:
        for setting, value in zip(SETTINGS, before):
            if setting.get() != value:
                setting.put(value)
        random.setstate(python)
        np.random.set_state(numpy)


class _Open:
    """A stream that nobody closes or takes apart."""

    def __init__(self, stream):
        self._stream = stream

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def close(self):
        pass

    detach = close


@contextlib.contextmanager
def _streams():
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = (stream and _Open(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@contextlib.contextmanager
def _no_exit():
    """In a notebook `exit()` raises nothing: it asks the shell to end once the cell is done. Here it is an exit as
    elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if not shell:
        yield
        return

    def leave():
        raise SystemExit

    shell.ask_exit = leave
    try:
        yield
    finally:
        del shell.ask_exit


def _handlers():
    return {number: handler for number in signal.valid_signals()
            if (handler := signal.getsignal(number)) is not None}  # None: not Python's, which cannot put it back


def _put_handlers(before):
    for number, handler in before.items():
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)


def _folder():
    try:
        return os.getcwd()
    except FileNotFoundError:  # removed
        return None


def _put_folder(folder):
    with contextlib.suppress(FileNotFoundError, TypeError):  # removed meanwhile, or before
        os.chdir(folder)


def _put_environment(before):
    os.environ.clear()
    os.environ.update(before)


def _put_warnings(before):
    warnings.resetwarnings()  # so that what was decided by the other filters is forgotten
    warnings.filters[:] = before


def _autocast(device):
    return [
        Setting(lambda: torch.is_autocast_enabled(device), lambda on: torch.set_autocast_enabled(device, on), False),
        Setting(lambda: torch.get_autocast_dtype(device), lambda kind: torch.set_autocast_dtype(device, kind)),
    ]


CUDNN = ("benchmark", "deterministic")
SETTINGS = [
    *([Setting(lambda: signal.getitimer(signal.ITIMER_REAL), lambda left: signal.setitimer(signal.ITIMER_REAL, *left))]
      if hasattr(signal, "setitimer") else []),  # first: no alarm rings while the others are put back
    Setting(_handlers, _put_handlers),
    Setting(_folder, _put_folder),
    Setting(lambda: dict(os.environ), _put_environment),
    Setting(lambda: list(sys.path), lambda before: sys.path.__setitem__(slice(None), before)),
    Setting(sys.getrecursionlimit, sys.setrecursionlimit),
    Setting(gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    Setting(lambda: list(warnings.filters), _put_warnings),
    Setting(np.geterr, lambda kinds: np.seterr(**kinds),
            {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}),
    Setting(np.geterrcall, np.seterrcall),
    Setting(np.get_printoptions, lambda options: np.set_printoptions(**options)),
    Setting(get_printoptions, lambda options: torch.set_printoptions(**options)),
    Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    Setting(torch.get_default_device,  # "cpu" is what None gives, without a mode that every call goes through
            lambda device: torch.set_default_device(None if device.type == "cpu" else device)),
    Setting(torch.get_num_threads, torch.set_num_threads),
    Setting(torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
    Setting(torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    Setting(lambda: [getattr(torch.backends.cudnn, name) for name in CUDNN],
            lambda before: [setattr(torch.backends.cudnn, name, value) for name, value in zip(CUDNN, before)]),
    *_autocast("cpu"), *_autocast("cuda"), *_autocast("mps"),
]
