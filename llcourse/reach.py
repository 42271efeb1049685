"""Reach: which loss trains which module.

A network is cut into K modules; loss i sits on the output of module i. The reach R is a K x K matrix of 0 and 1:
``R[i, j] = 1`` if loss i updates module j. A loss sees only what lies before it, so R is lower triangular (and, where
the modules are no chain, 0 wherever no path leads from module j to loss i), and a module that no loss reaches would
never learn, so no column is empty. Rows and columns are counted from 0 in the
code and from 1 in the text. A row of zeros is a loss that is not computed at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import wiring as wirings
from .arguments import whole


class ReachError(ValueError):
    """A matrix that no network can be trained with; the message says which entry is at fault."""


def check(matrix, wiring=None):
    """Return ``matrix`` as an integer array, or raise ReachError with the reason.

    wiring: what the network's cells read (see wiring.py; default: a chain of as many modules as there are columns). It
    says how many rows and columns there are and which loss may train which cell. Rows beyond the last column are losses
    that train a head alone (the final head of neuron groups).

    >>> check([[1, 0], [1, 1]]).tolist()
    [[1, 0], [1, 1]]
    """
    R = _matrix(matrix)
    if wiring is None:
        wiring = wirings.chain(R.shape[1], losses=R.shape[0])
    if R.shape != (shape := (len(wiring.heads), len(wiring.cells))):
        raise ReachError(f"this network has K = {shape[1]} modules and {shape[0]} losses; "
                         f"got a reach of shape {R.shape}")
    for i, j in np.argwhere(R):
        if i < j:
            raise ReachError(f"a reach is lower triangular: loss {i + 1} comes before module {j + 1} "
                             "and cannot train it")
        if not wiring.may_train(i, j):
            raise ReachError(f"no path leads from module {j + 1} to loss {i + 1}, which cannot train it")
    for i in range(R.shape[1], R.shape[0]):
        if R[i].any():
            raise ReachError(f"loss {i + 1} sits on a head alone, behind the last module, and trains no module: "
                             f"leave row {i + 1} empty")
    if any(wiring.carried):
        for j in np.flatnonzero(crossed(R, wiring) & np.array([bool(above) for above in wiring.carried])):
            raise ReachError(f"a gradient would come back above module {j + 1}, past which modules read detached "
                             f"context: half of it would be missing; take reach.local({R.shape[1]})")
    empty = np.flatnonzero(R.sum(axis=0) == 0)
    if len(empty):
        raise ReachError(f"no loss reaches module {empty[0] + 1}: it would never learn; "
                         f"put a 1 into column {empty[0] + 1}")
    return R


def _matrix(given):
    """As an integer array with at least as many rows as columns, of 0 and 1; else a ReachError."""
    try:
        R = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors with a gradient or on a GPU
        raise ReachError(f"a reach is a matrix of plain numbers, a row a loss and a column a module; got {given!r} "
                         f"({error})") from error
    if R.ndim != 2 or R.shape[0] < R.shape[1] or R.shape[1] == 0:
        raise ReachError(f"a reach has a row a loss and a column a module, at least 1 x 1; got shape {R.shape}")
    if strange := [entry for entry in R.ravel().tolist() if not _is_0_or_1(entry)]:
        raise ReachError(f"a reach holds 0 and 1 only; got {strange}")
    return R.astype(int)


def _is_0_or_1(entry):
    return isinstance(entry, (bool, int, float)) and entry in (0, 1)


def _modules(K):
    return whole("K", K, 1, error=ReachError)


def _window(K, N):
    """K modules and a window of N of them, as ints."""
    return _modules(K), whole("N", N, 1, _modules(K), error=ReachError)


def backprop(K):
    """End-to-end backpropagation: the last loss trains every module."""
    K = _modules(K)
    R = np.zeros((K, K), int)
    R[-1] = 1
    return check(R)


def local(K, losses=None):
    """Each module learns from its own loss alone; losses (default K) beyond the K-th train a head alone.

    Greedy layer-wise training, DGL (Belilovsky et al. 2020, section 3), InfoPro and ContSup share this matrix; they
    differ in schedule, loss terms and forward wiring.
    """
    K = _modules(K)
    return check(np.eye(K if losses is None else whole("losses", losses, K, error=ReachError), K, dtype=int))


def chunked(K, N):
    """Disjoint chunks of N modules, one loss at the end of each (Laskin et al. 2020, section 3); the last may be
    shorter."""
    K, N = _window(K, N)
    j = np.arange(K)
    R = np.zeros((K, K), int)
    R[np.minimum((j // N + 1) * N, K) - 1, j] = 1
    return check(R)


def overlapping(K, N):
    """Every window of N neighbours has a loss at its end; the gradients of a module's losses add (Laskin et al.
    2020)."""
    K, N = _window(K, N)
    i, j = np.indices((K, K))
    return check(((i >= N - 1) & (j <= i) & (j > i - N)).astype(int))


def mean_weights(R):
    """For each module 1 / the number of losses that train it: `net.weights` of these make gradients that add up a mean.

    Where the windows of Laskin et al. (2020) overlap, a module gets the sum of several gradients, which under SGD is a
    higher learning rate.

    >>> mean_weights(overlapping(4, 2))
    [1.0, 0.5, 0.5, 1.0]
    """
    return (1 / check(R).sum(axis=0)).tolist()


def interlocking(K, N):
    """N-wise interlocking backprop: module j learns from loss min(j + N - 1, K) alone (Gomez et al. 2022, section 3).

    >>> interlocking(4, 2).tolist()
    [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]]
    """
    K, N = _window(K, N)
    j = np.arange(K)
    R = np.zeros((K, K), int)
    R[np.minimum(j + N - 1, K - 1), j] = 1
    return check(R)


def deep_supervision(K):
    """Every loss trains every module before it: the full triangle, the other end from `local`."""
    return check(np.tril(np.ones((_modules(K), K), int)))


def groups(K, G):
    """K x G neuron groups (Patel et al. 2023): one loss a cell, and a last row, the final head, that trains no cell.

    Returns (K * G + 1, K * G); cell (k, g) is column k * G + g.
    """
    K, G = _modules(K), whole("G", G, 1, error=ReachError)
    return local(K * G, K * G + 1)


@dataclass(frozen=True)
class Method:
    """A row of METHODS: `method(K)` is its reach, `method.wiring(K)` what the cells read, `column` what a column is."""

    reach: Callable
    wiring: Callable = wirings.chain
    column: str = "module"

    def __call__(self, K):
        return self.reach(K)


METHODS = {  # every method of the course, as a function of K
    "Backprop": Method(backprop),
    "Greedy, DGL, InfoPro, ContSup": Method(local),
    "Chunked, 2 modules": Method(lambda K: chunked(K, min(2, K))),
    "Overlapping, 2-wide": Method(lambda K: overlapping(K, min(2, K))),
    "Interlocking, 2-wise": Method(lambda K: interlocking(K, min(2, K))),
    "Interlocking, 3-wise": Method(lambda K: interlocking(K, min(3, K))),
    "Deep supervision": Method(deep_supervision),
    "Neuron groups, G = 2": Method(lambda K: groups(K, 2), lambda K: wirings.groups(K, 2),
                                   "cell: K modules x G groups"),
}


def crossed(R, wiring=None):
    """Above which modules a gradient comes back down: a boolean array, one a column. All other borders are a
    `detach()`.

    >>> crossed(chunked(4, 2)).tolist()
    [True, False, True, False]
    """
    R = _matrix(R)
    wiring = wirings.chain(R.shape[1], losses=R.shape[0]) if wiring is None else wiring
    down = np.zeros(R.shape[1], bool)
    for i in range(len(R)):
        for j in (passed := wirings.visits(R, wiring, i)):
            down[[s for s in wiring.cells[j] if s in passed]] = True
    return down


def called(R):
    """The name in METHODS of the chain that has this reach, else "a reach of its own".

    >>> called(interlocking(4, 2))
    'Interlocking, 2-wise'
    """
    R = _matrix(R)
    same = (name for name, method in METHODS.items() if np.array_equal(method(R.shape[1]), R))
    return next(same, "a reach of its own")
