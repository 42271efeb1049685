"""Timing functions against each other on one machine."""

import statistics
import time
from functools import partial

import torch


def round_robin(steps, rounds, device):
    """Median seconds of each function, called in turn so that a drifting machine slows all of them alike."""
    wait = (lambda: None) if torch.device(device).type == "cpu" else partial(torch.accelerator.synchronize, device)
    times = [[] for _ in steps]
    for r in range(rounds + 2):
        for step, seconds in zip(steps, times):
            began = time.perf_counter()
            step()
            wait()
            if r > 1:  # the first two rounds warm up
                seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds) for seconds in times]
