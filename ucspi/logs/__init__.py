"""Logs: lines with the time before them, chosen, and kept in files that never grow without end."""

import posix as _os


def _state() -> "tuple[int, int, int] | None":
    try:
        found = _os.stat(__file__)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


_BEGAN = _state()


def _may_load() -> bool:
    """Return whether what is imported late would be of the package that we began with, not of a later one."""
    return _BEGAN is not None and _state() == _BEGAN
