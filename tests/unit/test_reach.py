"""The declared matrices: the fact sheet's K = 4 table, the family's limits, and what is refused."""

import numpy as np
import pytest

from llcourse import reach

K4 = {  # rows = losses 1..4
    "backprop": (reach.backprop(4), "0000 0000 0000 1111"),
    "local": (reach.local(4), "1000 0100 0010 0001"),
    "chunked": (reach.chunked(4, 2), "0000 1100 0000 0011"),
    "overlapping": (reach.overlapping(4, 2), "0000 1100 0110 0011"),
    "interlocking 2": (reach.interlocking(4, 2), "0000 1000 0100 0011"),
    "interlocking 3": (reach.interlocking(4, 3), "0000 0000 1000 0111"),
    "deep supervision": (reach.deep_supervision(4), "1000 1100 1110 1111"),
}


@pytest.mark.parametrize("name", K4)
def test_published_matrices(name):
    R, rows = K4[name]
    assert ["".join(map(str, row)) for row in R] == rows.split()


@pytest.mark.parametrize("K", [1, 2, 5])
def test_limits_of_the_windows(K):
    for family in (reach.chunked, reach.overlapping, reach.interlocking):
        assert np.array_equal(family(K, 1), reach.local(K))
        assert np.array_equal(family(K, K), reach.backprop(K))


def test_a_last_chunk_may_be_shorter():
    assert reach.chunked(5, 2).tolist()[-1] == [0, 0, 0, 0, 1]


def test_groups_are_cells_and_a_head_row():
    R = reach.groups(2, 3)
    assert R.shape == (7, 6) and np.array_equal(R[:6], np.eye(6)) and not R[6].any()


@pytest.mark.parametrize("K", [1, 2, 3, 7])
def test_every_method_is_a_valid_reach(K):
    for method in reach.METHODS.values():
        reach.check(method(K), method.wiring(K))


@pytest.mark.parametrize("matrix, words", [
    ([[1, 1], [0, 1]], "loss 1 comes before module 2"),
    ([[1, 0], [1, 0]], "no loss reaches module 2"),
    ([[2, 0], [0, 1]], "0 and 1 only; got [2]"),
    ([[1, 0, 0], [0, 1, 0]], "shape (2, 3)"),
    ([1, 1], "shape (2,)"),
])
def test_refusals_give_the_reason(matrix, words):
    with pytest.raises(reach.ReachError, match=None) as error:
        reach.check(matrix)
    assert words in str(error.value)


@pytest.mark.parametrize("N", [0, 5])
def test_windows_outside_the_network_are_refused(N):
    with pytest.raises(reach.ReachError, match=f"N is {N}; it is a whole number from 1 to 4"):
        reach.interlocking(4, N)


def test_crossed_borders():
    assert reach.crossed(reach.chunked(4, 2)).tolist() == [True, False, True, False]
    assert (not reach.crossed(reach.local(4)).any()
            and reach.crossed(reach.interlocking(4, 2)).tolist() == [True] * 3 + [False])
