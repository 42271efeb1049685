"""Matrices that a learner writes."""

from ... import reach
from . import Wrong


def legal(matrix, K):
    """The learner's matrix as a K x K reach; Wrong if it is none."""
    try:
        R = reach.check(matrix)
    except reach.ReachError as error:
        raise Wrong(str(error)) from None
    except ValueError:
        raise Wrong("the rows of a matrix are equally long") from None
    if R.shape != (K, K):
        raise Wrong(f"K = {K} needs {K} rows and {K} columns; this is {R.shape[0]} x {R.shape[1]}")
    return R
