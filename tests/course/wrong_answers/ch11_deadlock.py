"""Wrong answers to exercise 11.1, and right ones in other styles."""

import contextlib
import threading

import torch

from llcourse.course.solutions.ch11 import worker


def chain(lines="x w l u d", end="l", x=lambda recv, k: recv(k - 1), first=lambda: None, h_of=lambda h, g: h,
          g_of=lambda h, g: g, up=lambda k: k + 1, down=lambda k: k - 1, late=1, last=lambda k, K: k == K - 1,
          given=lambda got: got, rounds=lambda batches: batches):
    """The solution with its lines in another order, or one of its choices made otherwise.

    x: receive features; w: work; l: receive a gradient and learn, of the batch `late` before; u, d: send up, down.
    """
    def answer(k, K, batches, send, recv, work, learn):
        h = g = features = None
        for n in range(rounds(batches)):
            for line in lines.split():
                if line == "x":
                    features = x(recv, k) if k > 0 else first()
                elif line == "w":
                    h, g = work(given(features))
                elif line == "u" and not last(k, K):
                    send(up(k), h_of(h, g))
                elif line == "d" and k > 0:
                    send(down(k), g_of(h, g))
                elif line == "l" and not last(k, K) and n >= late:
                    learn(recv(k + 1))
        for _ in range(late if end and not last(k, K) else 0):
            learn(recv(k + 1))
    return answer


stuck = chain("x w u d l")  # the listing of the chapter


def hold_down(k, K, batches, send, recv, work, learn):
    """Right: a gradient is kept until the next features have come."""
    g = None
    for n in range(batches):
        x = recv(k - 1) if k else None
        if n and k:
            send(k - 1, g)
        h, g = work(x)
        if k + 1 < K:
            send(k + 1, h)
            if n:
                learn(recv(k + 1))
    if k:
        send(k - 1, g)
    if k + 1 < K:
        learn(recv(k + 1))


def with_threads(k, K, batches, send, recv, work, learn):
    """Right: the listing, with a thread for each send, as the package has."""
    def later(*what, before):
        if before is not None:
            before.join()
        thread = threading.Thread(target=send, args=what)
        thread.start()
        return thread

    up = down = None
    for n in range(batches):
        h, g = work(recv(k - 1) if k > 0 else None)
        if k < K - 1:
            up = later(k + 1, h.clone(), before=up)
        if k > 0:
            down = later(k - 1, g.detach(), before=down)
        if k < K - 1 and n > 0:
            learn(recv(k + 1))
    if k < K - 1:
        learn(recv(k + 1))
    for thread in (up, down):
        if thread is not None:
            thread.join()


RIGHT = [hold_down, with_threads, chain(), chain("x w l d u"), worker]


def even_odd(k, K, batches, send, recv, work, learn):
    """Workers of even number send first, all in the listing's order otherwise: odd ones still meet odd lines."""
    (chain("x w u d l") if k % 2 else chain("x w d u l"))(k, K, batches, send, recv, work, learn)


def forever(k, K, batches, send, recv, work, learn):
    while True:
        pass


def stubborn(k, K, batches, send, recv, work, learn):
    """Catches what it can, again and again."""
    while True:
        try:
            recv(k - 1 if k else 1)
        except Exception:
            pass


def swallowing(k, K, batches, send, recv, work, learn):
    try:
        stuck(k, K, batches, send, recv, work, learn)
    except Exception:
        pass


def hiding(k, K, batches, send, recv, work, learn):
    """Goes on whatever it is told."""
    def tried(call, *what):
        try:
            return call(*what)
        except Exception:
            pass

    chain(up=lambda k: k + 2)(k, K, batches, lambda *what: tried(send, *what), recv, work, learn)


def one_short(k, K, batches, send, recv, work, learn):
    """Right but for a single batch."""
    chain(end="" if batches == 1 else "l")(k, K, batches, send, recv, work, learn)


def below_the_last(k, K, batches, send, recv, work, learn):
    """Mended at the highest link alone."""
    (worker if k == K - 2 else stuck)(k, K, batches, send, recv, work, learn)


def all_first(k, K, batches, send, recv, work, learn):
    """All batches up, then all down."""
    gradients = []
    for _ in range(batches):
        h, g = work(recv(k - 1) if k > 0 else None)
        gradients.append(g)
        if k < K - 1:
            send(k + 1, h)
    for g in gradients:
        if k < K - 1:
            learn(recv(k + 1))
        if k > 0:
            send(k - 1, g)


def no_features(k, K, batches, send, recv, work, learn):
    for _ in range(batches):
        work(None)


def with_threads_stuck(k, K, batches, send, recv, work, learn):
    """A thread that is waited for is no help."""
    def ended(*what):
        with contextlib.suppress(SystemExit):
            send(*what)

    def sent(*what):
        thread = threading.Thread(target=ended, args=what, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.05)

    stuck(k, K, batches, sent, recv, work, learn)


WRONG = [(stuck, "worker 0 waits to send to 1, which waits to send to 0. Both send and neither receives"),
         (chain("x w d u l"), "waits to send to 0. Both send"),
         (even_odd, "Both send and neither receives"), (swallowing, "Both send and neither receives"),
         (with_threads_stuck, "Both send and neither receives"),
         (chain("l x w u d", late=1), "worker 0 learns from batch 0 before it has worked on batch 1"),
         (chain("x w u d l", end="", late=0), "it then waits for the worker above at every batch"),
         (chain("x l w u d", end="", late=0), "waits to receive from 1, which waits to receive from 0"),
         (chain("x w l u d", end=""), "which has ended. Not everything that is sent is received"),
         (chain("x w u d", late=9, end=""), "waits to send to 0. Both send"),
         (chain("x w l u"), "waits to receive from"), (chain("x w l d"), "waits to receive from"),
         (chain("x w l u u d"), "waits to"), (chain("x w l u d d"), "waits to"),
         (chain(last=lambda k, K: k == K), "worker 1 sends to 2, which is no neighbour"),
         (chain("x w l u d", x=lambda recv, k: recv(k + 1)), "receives from 2, which is no neighbour"),
         (chain(x=lambda recv, k: recv(0)), "receives from 0, which is no neighbour"),
         (chain(up=lambda k: 1), "sends to 1, which is no neighbour"),
         (chain(down=lambda k: 0), "sends to 0, which is no neighbour"),
         (chain(up=lambda k: None), "sends to None, which is no neighbour"),
         (chain(h_of=lambda h, g: g), "sends a gradient up to 1"),
         (chain(g_of=lambda h, g: h), "sends features down to 0"),
         (chain(h_of=lambda h, g: (h, g)), "`work` returns two"),
         (chain(h_of=lambda h, g: h.sum()), "messages are what `work` returned"),
         (chain(h_of=lambda h, g: None), "worker 0 sends a NoneType"),
         (chain(first=lambda: torch.zeros(3)), "draws its own images: it calls work(None)"),
         (chain(given=lambda got: None), "worker 1 calls work(None)"),
         (chain(rounds=lambda batches: batches - 1), "worker 0 learns from batch 1 before it has worked on batch 2"),
         (chain(rounds=lambda batches: batches + 1), "works on more than 3 batches"),
         (all_first, "at most two batches are in flight"), (no_features, "worker 0 works on batch 2 before"),
         (lambda *given: 3, "works on 0 batches of 3"), (forever, "is there a loop that never ends?"),
         (stubborn, "wait"),
         (one_short, "K = 3, 1 batch: worker 1 waits to send to 0, which has ended"),
         (below_the_last, "K = 3, 4 batches: worker 0 waits to send to 1, which waits to send to 0"),
         (hiding, "worker 0 sends to 2, which is no neighbour"), (lambda k, *rest: 1 / k, "division by zero")]
