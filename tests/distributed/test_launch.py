"""Real launches, under torchrun: workers killed at random moments, and still the result of the uninterrupted run."""

import os
import random
import sys
import threading

import psutil
import torch

from llcourse import Recipe, distributed, networks, train
from llcourse.distributed import saving

from .conftest import MARK, marked
from .crew import figures, same

RECIPE, EPOCHS, EVERY = Recipe(batch=8, lr=0.05), 12, 10
STEPS = 9 * EPOCHS
KILLS = 20 if os.environ.get("LLCOURSE_ATTACK") else 3


def network():
    torch.manual_seed(0)
    return networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(3, "linear")


class Killer(threading.Thread):
    """Kills one worker of each attempt, `kills` times: while it starts, or when so many steps are done."""

    def __init__(self, folder, kills):
        super().__init__()
        self.folder, self.kills, self.chance, self.over = folder, kills, random.Random(0), threading.Event()
        self.victims, self.listens = [], set()  # workers; addresses that were listened to

    def run(self):
        seen = set()
        while len(self.victims) < self.kills and not self.over.wait(0.02):
            workers = {process.pid: process for process in marked(os.environ[MARK]) if works(process)}
            if len(workers) == 3 and not seen & workers.keys():
                seen |= workers.keys()
                self.strike([workers[pid] for pid in sorted(workers)])

    def strike(self, workers):
        done = saving.done(self.folder, 0) or 0
        step = self.chance.randint(-STEPS // 4, STEPS * (len(self.victims) + 1) // self.kills)
        while step > done and not self.over.wait(0.002):
            done = saving.done(self.folder, 0) or 0
        self.over.wait(self.chance.uniform(0, 2 if step <= 0 else 0.01))
        number = self.chance.randrange(3)
        for process in (workers[0].parent(), *workers):
            self.listens |= {at.laddr.ip for at in process.net_connections("tcp") if at.status == psutil.CONN_LISTEN}
        workers[number].kill()
        self.victims.append(number + 1)


def works(process):
    try:
        return process.cmdline()[1:5] == ["-u", "-m", "llcourse", "worker"]
    except psutil.Error:
        return False


def test_workers_that_are_killed_cost_a_few_steps_and_change_nothing(images, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["llcourse.distributed.launch"], "LOOK", 0.5)  # the others notice long before
    whole, net, folder = network(), network(), tmp_path / "job"
    history = train(whole, images, EPOCHS, recipe=RECIPE)
    killer = Killer(folder, KILLS)
    killer.start()
    try:
        report = distributed.launch(net, images, EPOCHS, recipe=RECIPE, folder=folder, save_every=EVERY, restarts=KILLS)
    finally:
        killer.over.set()
        killer.join()
    assert same(net, whole) and figures(report.history) == figures(history)
    assert [failure["worker"] for failure in report.failures] == killer.victims and len(killer.victims) == KILLS
    assert all("killed by signal 9 (SIGKILL)" in failure["cause"] for failure in report.failures)
    assert 0 < report.lost <= EVERY
    assert killer.listens <= {"127.0.0.1"}
