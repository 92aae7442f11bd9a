"""The C scanner of plain rules lines, called as the compiler calls it."""

import pytest

from ucspi.rules._native import ffi, lib

needs_core = pytest.mark.skipif(lib is None, reason="the C core is not in use")
END, ASK, FULL = range(3)


def scan(text: bytes, room: int | None = None) -> tuple[int, int, bytes]:
    """Return the status, where it stopped, and the records."""
    state = ffi.new("struct ucdb_rules *")
    out = ffi.new("unsigned char[]", 2 * len(text) if room is None else room)
    exact = ffi.new("unsigned char[]", len(text))  # no NUL behind it: a sanitizer sees each overrun
    ffi.memmove(exact, text, len(text))
    status = lib.ucdb_rules_scan(exact, len(text), out, len(out), state)
    return status, state.at, ffi.buffer(out, state.used)[:]
