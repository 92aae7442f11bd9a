"""Whether a module may be imported late: only while the package is still the one that we began with."""

import posix as _os


def _state() -> "tuple[int, int, int] | None":
    try:
        found = _os.stat(__file__)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


_BEGAN = _state()


def may_load() -> bool:
    """Return whether what is imported late would be of the package that we began with, not of a later one."""
    return _BEGAN is not None and _state() == _BEGAN
