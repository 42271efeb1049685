"""Exercise 7.1: the share of a pipeline's time in which its workers wait."""

from math import isclose

from ... import reach
from ...timeline import bubble
from . import Wrong

PLANS = "GPipe", "1F1B", "ZB-H1", "local"
SIZES = (4, 4), (2, 3), (4, 8), (3, 7), (5, 16)  # (K, m), with m >= K, where ZB-H1 is defined


def idle_right(answer):
    """Wrong unless answer(plan, K, m) is the share that the simulator shows, once the workers are in step."""
    for K, m in SIZES:
        for plan in PLANS:
            given, right = answer(plan, K, m), _bubble(plan, K, m)
            if isinstance(given, bool) or not isinstance(given, (int, float)):
                raise Wrong(f"{plan}, K = {K}, m = {m}: a share is one number from 0 to 1; got {given!r}")
            if not isclose(given, right, rel_tol=1e-5, abs_tol=1e-6):
                raise Wrong(f"{plan}, K = {K}, m = {m}: you say {given:.4g}. {_slip(plan, K, m, given, right)}")


def _bubble(plan, K, m):
    return bubble(reach.local(K), micro=m) if plan == "local" else bubble(reach.backprop(K), micro=m, pipeline=plan)


def _slip(plan, K, m, given, right):
    def near(value):
        return isclose(given, value, rel_tol=1e-5)

    if near(100 * right) and right:
        return "That is in percent: give a share from 0 to 1"
    if near(1 - right):
        return "That is the share in which they are busy"
    if plan == "local":
        return ("No gradient comes from above, and the next micro-batch is there when a worker is free: after the "
                "first fill nobody waits")
    if near(right / (1 - right)):
        return "You divide by the time in which a worker is busy; the share is of all its time, waiting included"
    if near(K / (m + K)) or near(K / (3 * m + K)):
        return f"Between the first worker and the last there are {K - 1} steps, not {K}: so many times a worker waits"
    if plan == "ZB-H1":
        return ("A worker fills most of its waiting with weight gradients. Count in the chart: K = 4, m = 4, a batch "
                "every 15 units, 12 of them busy. Only K - 1 forward passes are left to wait for")
    return ("Count in the chart: K = 4, m = 4, a batch every 21 units, 12 of them busy. A worker waits K - 1 times for "
            "a forward pass and K - 1 times for a backward pass, which takes 2")
