"""Exercise 7.3: a plan for a pipeline, with fast links and with slow ones."""

from itertools import product

from ... import reach
from ...timeline import PIPELINES, batch_time, held, simulate
from . import Wrong

BLOCKS, BATCH, AHEAD = 16, 64, 4  # equal blocks; images a batch; how many blocks further up a module's loss sits
WORKERS, MICRO, LATENCIES = (2, 4, 8), (1, 2, 4, 8, 16), (0, 6)
ROOM, PASS = 8, 190  # MiB a worker; ms, both batches together
BEST = 74.4, 103.2  # ms at each latency, as `best` finds them, which tries all and takes its time


def price(K, N, micro, pipeline, latency):
    """(ms a batch, MiB that the fullest worker keeps) of N-wise interlocking on K workers."""
    R, images = reach.interlocking(K, N), BATCH / micro
    block = 0.2 + images / 8
    settings = dict(head=0 if N == K else block / 4, forward=BLOCKS / K * block, vjp=BLOCKS / K * block,
                    weight=BLOCKS / K * block, micro=micro, pipeline=pipeline, latency=latency)
    most = max(held(simulate(R, 2, **settings), K))
    return batch_time(R, **settings), most * images * BLOCKS / K * 0.05


def best(latency):
    """(ms, plan) of the fastest plan that is allowed."""
    every = [(K, N, micro, pipeline) for K, micro, pipeline in product(WORKERS, MICRO, PIPELINES)
             for N in range(1, K + 1)]
    return min((price(*plan, latency)[0], plan) for plan in every if not _forbidden(plan, latency))


def _forbidden(plan, latency):
    """What is against a plan, or None."""
    K, N, micro, pipeline = plan
    if N < K and (ahead := (N - 1) * BLOCKS // K) < AHEAD:
        return f"module 1 learns from a loss {ahead} blocks above it; at least {AHEAD}, or the last"
    mib = price(*plan, latency)[1]
    return f"a worker keeps {mib:.1f} MiB; there is room for {ROOM}" if mib > ROOM else None


def plans_score(answer):
    """ms of both plans together; Wrong where one is none, is not allowed, or a faster one is easily had."""
    if not isinstance(answer, (list, tuple)) or len(answer) != len(LATENCIES):
        raise Wrong(f"give two plans (K, N, micro, pipeline), for latency 0 and for latency 6; got {answer!r}")
    plans = [_plan(plan, which) for plan, which in zip(answer, ("first", "second"))]
    for plan, latency in zip(plans, LATENCIES):
        if fault := _forbidden(plan, latency):
            raise Wrong(f"{plan}: {fault}")
    ms = [price(*plan, latency)[0] for plan, latency in zip(plans, LATENCIES)]
    if sum(ms) >= PASS:
        raise Wrong(f"your score: {ms[0]:.1f} + {ms[1]:.1f} = {sum(ms):.1f} ms; pass under {PASS}. "
                    + _advice(plans, ms))
    return sum(ms)


def _plan(plan, which):
    if not isinstance(plan, (list, tuple)) or len(plan) != 4:
        raise Wrong(f"a plan is (K, N, micro, pipeline), such as (4, 2, 8, '1F1B'); the {which} is {plan!r}")
    *numbers, pipeline = plan
    try:
        K, N, micro = (int(number) for number in numbers)
    except (TypeError, ValueError):
        raise Wrong(f"K, N and micro are whole numbers; the {which} plan is {plan!r}") from None
    for name, value, allowed in (("K", K, WORKERS), ("micro", micro, MICRO), ("pipeline", pipeline, list(PIPELINES))):
        if not isinstance(value, (int, str)) or value not in allowed:
            raise Wrong(f"{name} is one of {', '.join(map(str, allowed))}; the {which} plan has {value!r}")
    if not 1 <= N <= K or [K, N, micro] != list(numbers):
        raise Wrong(f"N is a whole number from 1 to K = {K}; the {which} plan is {plan!r}")
    return K, N, micro, pipeline


def _advice(plans, ms):
    losses = [spent - least for spent, least in zip(ms, BEST)]
    if losses[0] >= losses[1]:
        K, N, *_ = plans[0]
        return "Links of latency 0: " + (
            "more workers are free here" if K < max(WORKERS) else
            "messages cost nothing here: what does a head, or a second loss's message, buy?" if N < K else
            "the micro-batches and the pipeline decide how long workers wait")
    K, N, *_ = plans[1]
    return "Links of latency 6: " + (
        "a gradient that comes down through all workers pays the latency at each" if N == K else
        "more workers are free here" if K < max(WORKERS) else
        "every module from N below it on hands a message on: how few are enough?" if N > 3 else
        "each micro-batch waits for a message of its own: try fewer and larger ones, as long as they have room")
