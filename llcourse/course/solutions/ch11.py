"""Solutions of chapter 11."""

import math

SOLUTIONS = {"11.1": "worker", "11.2": "wire_bytes", "11.3": "queue_length", "11.4": "first_failure"}


def worker(k, K, batches, send, recv, work, learn):
    for n in range(batches):
        h, g = work(recv(k - 1) if k > 0 else None)
        if k < K - 1 and n > 0:
            learn(recv(k + 1))  # of batch n - 1, before batch n is sent: worker k + 1 is sending it by now
        if k < K - 1:
            send(k + 1, h)
        if k > 0:
            send(k - 1, g)
    if k < K - 1:
        learn(recv(k + 1))


def wire_bytes(shapes, batch, N, width):
    K, bytes_ = len(shapes) + 1, []
    for k, shape in enumerate(shapes, 1):  # border k, between modules k and k + 1
        features = batch * math.prod(shape) * width
        crossing = [i for i in range(max(k + 1, N), K + 1) if min(i, K) - N + 1 <= k]  # losses above that train below
        bytes_.append((features + 8 * batch, len(crossing) * features))
    return bytes_


def queue_length(produce, consume):
    def seconds(M):
        put, ends = 0.0, []
        for n, (p, c) in enumerate(zip(produce, consume)):
            put += p  # finished; for its place it waits until batch n - M has been taken
            if n > M:
                put = max(put, ends[n - M - 1])
            ends.append(max(put, ends[-1] if ends else 0.0) + c)
        return ends[-1]

    endless = seconds(len(produce))
    return next(M for M in range(len(produce)) if seconds(M) <= endless + 1e-6)


def first_failure(report, now, patience):
    failures = []
    for row in report:
        code, cause = row["exit"], None
        if code is None:
            cause = "hung" if now - row["sign"] > patience else None
        elif code < 0:
            cause = "killed" if code != -15 else None
        elif code > 0 and row["waits"] is None:
            cause = "nan" if math.isnan(row["loss"]) else "raised"
        if cause:
            failures.append((row["sign"], row["worker"], cause))
    return min(failures)[1:]
