"""Bytes-like objects, which keys and data may be; text is refused."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Buffer


def to_bytes(value: "Buffer", what: str = "key") -> bytes:
    """Return a bytes-like object as bytes.

    Raises:
        TypeError: it is text or anything else; ``what`` names it in the message.
    """
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
    """Return the bytes or the mmap that a view shows, if it shows the whole, else the view.

    A slice of bytes or of an mmap is bytes; a slice of a view is another view.
    """
    whole: Any = view.obj
    kind = type(whole)
    is_map = (kind.__module__, kind.__name__) == ("mmap", "mmap")  # mmap is not imported for this
    if (kind is bytes or is_map) and view.contiguous and len(whole) == len(view):
        return whole  # type: ignore[no-any-return]
    return view
