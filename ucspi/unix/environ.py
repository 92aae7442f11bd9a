"""The environment as the kernel gave it to us, for programs that execute another.

CPython puts ``LC_CTYPE=C.UTF-8`` into its own environment when started without
a locale, and every child would inherit it.  ``/proc/self/environ`` still holds
what we were started with, in order.
"""

import os

# What CPython's locale coercion (PEP 538) sets; never what a user typed here.
_COERCED = (b"C.UTF-8", b"C.utf8", b"UTF-8")


def inherited() -> list[bytes]:
    """Return the ``NAME=VALUE`` entries this process was started with, in order."""
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            text = file.readall()
    except OSError:
        return _without_coercion()
    return text.split(b"\0")[:-1] if text else []


def _without_coercion() -> list[bytes]:
    given = dict(os.environb)
    if given.get(b"LC_CTYPE") in _COERCED and not {b"LC_ALL", b"LANG"} & given.keys():
        del given[b"LC_CTYPE"]
    return [name + b"=" + value for name, value in given.items()]


def value_of(entries: list[bytes], name: bytes) -> bytes | None:
    """Return the value of the first entry with this name, or None when it is unset."""
    prefix = name + b"="
    for entry in entries:
        if entry.startswith(prefix):
            return entry[len(prefix) :]
    return None


def without(entries: list[bytes], names: frozenset[bytes]) -> list[bytes]:
    """Return the entries whose name is not among ``names``, order kept."""
    return [entry for entry in entries if entry.partition(b"=")[0] not in names]
