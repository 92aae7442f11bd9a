"""The names of signals."""

import _signal

_OTHER_NAMES = frozenset(("SIGCLD", "SIGIOT", "SIGPOLL"))  # older names of SIGCHLD, SIGABRT and SIGIO


def signal_name(number: int) -> bytes:
    """Return a signal's name, such as ``SIGTERM`` or ``SIGRTMIN+1``."""
    lowest = getattr(_signal, "SIGRTMIN", number + 1)
    if number > lowest:
        return b"SIGRTMIN+%d" % (number - lowest)
    for name, value in vars(_signal).items():
        if value == number and name.startswith("SIG") and name not in _OTHER_NAMES and name[3] != "_":
            return name.encode()
    return b"SIG%d" % number
