"""What autograd says when it refuses a learner's code, in the words of the exercise."""

import contextlib

from . import Wrong


@contextlib.contextmanager
def explained(meanings, where=""):
    """A RuntimeError within the block that holds one of these words is raised as Wrong with its meaning, others as they
    are. meanings: {words: meaning}.   where: what the meaning begins with."""
    try:
        yield
    except RuntimeError as error:
        for words, meaning in meanings.items():
            if words in str(error):
                raise Wrong(where + meaning) from None
        raise
