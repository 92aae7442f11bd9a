"""Reading a file that was seen, where it cannot change unnoticed between the two."""

import os

from ucspi.unix.cachedstat import size_in
from ucspi.unix.chain import Seen, confirm

_SIZE_MAX = 1 << 20  # bytes


def contents(seen: Seen) -> bytes | None:
    """Return what is in a file; None unless it is the one that was seen, and cannot change unnoticed.

    Raises:
        TooNewError: it has changed just now.
    """
    if seen.error:
        return None
    try:
        descriptor = os.open(seen.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not confirm(descriptor, seen) or size_in(seen.glimpse) > _SIZE_MAX:
            return None
        text = os.pread(descriptor, _SIZE_MAX, 0)
        return text if len(text) == size_in(seen.glimpse) else None
    except OSError:
        return None
    finally:
        os.close(descriptor)
