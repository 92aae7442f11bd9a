"""What comes from outside must be bytes; text is refused with a word on what to do."""


def require_bytes(what: str, value: object) -> None:
    """Raise a TypeError that says what to do unless a value is bytes."""
    if not isinstance(value, bytes):
        advice = ": encode it first, for example with .encode()" if isinstance(value, str) else ""
        raise TypeError(f"{what} must be bytes, not {type(value).__name__}{advice}")


def require_client(ip: bytes, host: bytes | None, info: bytes | None) -> None:
    """Raise a TypeError unless a client is given in bytes, or None where that is allowed."""
    if type(ip) is bytes and host is info is None:
        return  # as for nearly every client
    require_bytes("ip", ip)
    if host is not None:
        require_bytes("host", host)
    if info is not None:
        require_bytes("info", info)
