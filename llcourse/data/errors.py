"""What goes wrong with data, said once."""

import errno
from contextlib import contextmanager


class DataError(Exception):
    """Images are there but unusable, or cannot be put where they should go. The message says the mend."""


class Unavailable(Exception):
    """No mirror gave the archive; the message says what each one answered. `load` turns to the stand-in."""


@contextmanager
def room_for(size, folder, left_behind):
    """Turn "no space left", while writing `size` bytes to `folder`, into a DataError naming what is kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DataError(f"no space left in {folder}: {size / 1e6:,.1f} MB more are needed. {left_behind} "
                        "Free some space, or name another folder in LLCOURSE_DATA.") from error
