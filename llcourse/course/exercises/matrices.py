"""Matrices that a learner writes."""

import numpy as np

from ... import reach
from . import Wrong


def legal(matrix, K):
    """The learner's matrix as a K x K reach; Wrong if it is none."""
    try:
        given = np.asarray(matrix)
        if given.ndim == 2 and len(given) < K:
            raise Wrong(f"K = {K} needs {K} rows: a loss that is not computed is a row of zeros")
        R = reach.check(matrix)
    except reach.ReachError as error:
        raise Wrong(str(error)) from None
    except ValueError:
        raise Wrong("the rows of a matrix are equally long") from None
    if R.shape != (K, K):
        raise Wrong(f"K = {K} needs {K} rows and {K} columns; this is {R.shape[0]} x {R.shape[1]}")
    return R
