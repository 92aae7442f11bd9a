"""The environment as the kernel gave it to us, for programs that execute another.

CPython started without a locale puts ``LC_CTYPE=C.UTF-8`` into its environment,
and every child would inherit that.  ``/proc/self/environ`` still holds what this
process was started with, in order.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# What CPython's locale coercion (PEP 538) sets.
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
    import os  # it takes longer to load than all else, and is hardly ever needed

    given = dict(os.environb)
    if given.get(b"LC_CTYPE") in _COERCED and not {b"LC_ALL", b"LANG"} & given.keys():
        del given[b"LC_CTYPE"]
    return [name + b"=" + value for name, value in given.items()]


def value_of(entries: list[bytes], name: bytes) -> bytes | None:
    """Return the value of the first entry with this name; None if there is none."""
    prefix = name + b"="
    for entry in entries:
        if entry.startswith(prefix):
            return entry[len(prefix) :]
    return None


def without(entries: list[bytes], names: frozenset[bytes]) -> list[bytes]:
    """Return the entries whose name is not among ``names``, in the same order."""
    return [entry for entry in entries if entry.partition(b"=")[0] not in names]


def changed(entries: list[bytes], changes: "Iterable[bytes]") -> list[bytes]:
    """Return the entries after some changes, in the same order as daemontools.

    A change ``NAME=VALUE`` sets a variable, and ``NAME`` alone removes it.  Either
    removes the first entry of that name, and the last entry moves to its place.  A
    new entry goes to the end.

    Source: observed from the original envdir and envuidgid.
    """
    result: list[bytes] = []
    places: dict[bytes, set[int]] = {}  # by name, so that many changes of a large environment need no search
    for entry in entries:
        _append(result, places, entry)
    for change in changes:
        here = places.get(change.partition(b"=")[0])
        if here:
            _take_out(result, places, min(here))
        if b"=" in change:
            _append(result, places, change)
    return result


def _append(result: list[bytes], places: dict[bytes, set[int]], entry: bytes) -> None:
    name, equals, _ = entry.partition(b"=")
    if equals:  # otherwise it is no variable, and no name finds it
        places.setdefault(name, set()).add(len(result))
    result.append(entry)


def _take_out(result: list[bytes], places: dict[bytes, set[int]], at: int) -> None:
    places[result[at].partition(b"=")[0]].remove(at)
    last = result.pop()
    if at == len(result):
        return
    result[at] = last
    name, equals, _ = last.partition(b"=")
    if equals:
        places[name].remove(len(result))
        places[name].add(at)
