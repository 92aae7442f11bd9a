"""Bytes-like objects: what may be a key or data, never text, and what is under a view."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Buffer


def to_bytes(value: "Buffer", what: str = "key") -> bytes:
    """Return a bytes-like object as bytes, or raise a TypeError that says what to do."""
    if type(value) is bytes:
        return value
    if isinstance(value, str):
        raise TypeError(f"cdb {what} must be bytes, not str: encode it first, for example with .encode()")
    try:
        return bytes(memoryview(value))
    except TypeError:
        name = type(value).__name__
        raise TypeError(f"cdb {what} must be a bytes-like object, not {name}") from None


def bytes_under(view: memoryview) -> "bytes | memoryview":
    """Return the bytes or the map under a view if it shows all of them, else the view.

    A slice of those is bytes at once; a slice of a view is one more view.
    """
    whole: Any = view.obj
    kind = type(whole)
    is_map = (kind.__module__, kind.__name__) == ("mmap", "mmap")  # and not loaded only to ask
    if (kind is bytes or is_map) and view.contiguous and len(whole) == len(view):
        return whole  # type: ignore[no-any-return]
    return view
