"""What goes wrong with data, said once."""

import errno
import os
from contextlib import contextmanager


class DataError(Exception):
    """Images are there but unusable, or cannot be put where they should go. The message says the mend."""


class Unavailable(Exception):
    """No mirror gave the archive; the message says what each one answered. `load` turns to the stand-in."""


@contextmanager
def readable(root):
    """Turn whatever the system refuses while images below `root` are read into a DataError with path and mend."""
    try:
        yield
    except OSError as error:
        path = error.filename or root
        nowhere = os.path.islink(path) and not os.path.exists(path)
        reason = "a link that leads nowhere" if nowhere else error.strerror or error
        raise DataError(f"{path} cannot be used ({reason}); mend its permissions or move it away, or name another "
                        "folder in LLCOURSE_DATA") from error


def there(path):
    """True if something has that name. A link that leads nowhere counts, and fails when it is read; what may not be
    looked at raises OSError: neither is a reason for a download or a stand-in."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


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
