"""Workers as forks of this process: the same code that torchrun starts, without a second of imports."""

import argparse
import os
import traceback

import torch

from llcourse.distributed import collect, prepare, worker


def crew(folder, net, images, epochs, **settings):
    """What `launch` does, without torchrun: returns the Report. AssertionError if a worker fails."""
    prepare(folder, net, images, epochs, **settings)
    statuses = run(folder, net.K)
    for old in folder.glob("meeting-*"):
        old.unlink()
    assert statuses == [0] * net.K, [path.read_text() for path in folder.glob("failure-*.json")]
    return collect(folder, net)


def run(folder, workers, attempt=0):
    """Fork so many workers of a job; returns their exit statuses when all have ended."""
    children = [fork(folder, number, workers, attempt) for number in range(workers)]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def fork(folder, number, workers, attempt=0):
    child = os.fork()
    if child:
        return child
    try:
        os.environ.update(RANK=str(number), WORLD_SIZE=str(workers), LLCOURSE_ALONE="1",
                          TORCHELASTIC_RESTART_COUNT=str(attempt))
        os._exit(worker.main(argparse.Namespace(folder=str(folder))))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def same(one, other):
    """Whether two networks hold the same bits, whatever borders hold included."""
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def figures(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]
