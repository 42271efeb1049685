"""Reach: which loss trains which module.

A network is cut into K modules; loss i sits on the output of module i. The reach R is a K x K matrix of 0 and 1:
``R[i, j] = 1`` if loss i updates module j. A loss sees only what lies before it, so R is lower triangular, and a
module that no loss reaches would never learn, so no column is empty. Rows and columns are counted from 0 in the
code and from 1 in the text. A row of zeros is a loss that is not computed at all.
"""

import numpy as np


class ReachError(ValueError):
    """A matrix that no network can be trained with; the message says which entry is at fault."""


def check(matrix):
    """Return ``matrix`` as an integer array, or raise ReachError with the reason.

    Accepts a (rows, K) matrix with rows >= K: rows beyond the K-th are losses behind the last module that train a
    head alone (the final head of neuron groups).
    """
    R = np.asarray(matrix)
    if R.ndim != 2 or R.shape[0] < R.shape[1] or R.shape[1] == 0:
        raise ReachError(f"a reach has a row a loss and a column a module, at least 1 x 1; got shape {R.shape}")
    if not np.isin(R, (0, 1)).all():
        raise ReachError(f"a reach holds 0 and 1 only; got {sorted(set(R.ravel().tolist()) - {0, 1})}")
    R = R.astype(int)
    above = np.argwhere(np.triu(R, k=1))
    if len(above):
        i, j = above[0]
        raise ReachError(f"a reach is lower triangular: loss {i + 1} comes before module {j + 1} and cannot train it")
    empty = np.flatnonzero(R.sum(axis=0) == 0)
    if len(empty):
        raise ReachError(f"no loss reaches module {empty[0] + 1}: it would never learn; put a 1 into column {empty[0] + 1}")
    return R


def _window(K, N):
    if K < 1 or not 1 <= N <= K:
        raise ReachError(f"a window spans 1 to K modules; got N = {N}, K = {K}")


def backprop(K):
    """End-to-end backpropagation: the last loss trains every module."""
    _window(K, K)
    R = np.zeros((K, K), int)
    R[-1] = 1
    return check(R)


def local(K):
    """Each module learns from its own loss alone.

    Greedy layer-wise training, DGL (Belilovsky et al. 2020, section 3), InfoPro and ContSup share this matrix; they
    differ in schedule, loss terms and forward wiring.
    """
    return check(np.eye(K, dtype=int))


def chunked(K, N):
    """Disjoint chunks of N modules, one loss at the end of each (Laskin et al. 2020, section 3); the last may be shorter."""
    _window(K, N)
    j = np.arange(K)
    R = np.zeros((K, K), int)
    R[np.minimum((j // N + 1) * N, K) - 1, j] = 1
    return check(R)


def overlapping(K, N):
    """Every window of N neighbours has a loss at its end; the gradients of a module's losses add (Laskin et al. 2020)."""
    _window(K, N)
    i, j = np.indices((K, K))
    return check(((i >= N - 1) & (j <= i) & (j > i - N)).astype(int))


def interlocking(K, N):
    """N-wise interlocking backprop: module j learns from loss min(j + N - 1, K) alone (Gomez et al. 2022, section 3)."""
    _window(K, N)
    j = np.arange(K)
    R = np.zeros((K, K), int)
    R[np.minimum(j + N - 1, K - 1), j] = 1
    return check(R)


def deep_supervision(K):
    """Every loss trains every module before it: the full triangle, the other end from `local`."""
    return check(np.tril(np.ones((K, K), int)))


def groups(K, G):
    """K x G neuron groups (Patel et al. 2023): one loss a cell, and a last row, the final head, that trains no cell.

    Returns (K * G + 1, K * G); cell (k, g) is column k * G + g.
    """
    return check(np.vstack([np.eye(K * G, dtype=int), np.zeros((1, K * G), int)]))


METHODS = {  # every method of the course, as a function of K
    "Backprop": backprop,
    "Greedy, DGL, InfoPro, ContSup": local,
    "Chunked, 2 modules": lambda K: chunked(K, min(2, K)),
    "Overlapping, 2-wide": lambda K: overlapping(K, min(2, K)),
    "Interlocking, 2-wise": lambda K: interlocking(K, min(2, K)),
    "Interlocking, 3-wise": lambda K: interlocking(K, min(3, K)),
    "Deep supervision": deep_supervision,
    "Neuron groups, G = 2": lambda K: groups(K, 2),
}


def crossed(R):
    """Borders that some gradient crosses: a boolean (K - 1,) array. All others are a `detach()`."""
    K = R.shape[1]
    return np.array([R[b + 1 :, : b + 1].any() for b in range(K - 1)], bool)
