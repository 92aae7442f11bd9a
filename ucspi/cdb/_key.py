"""What may be a key or data: any bytes-like object, never text."""

TYPE_CHECKING = False
if TYPE_CHECKING:
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
