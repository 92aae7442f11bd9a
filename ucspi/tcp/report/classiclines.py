"""The log lines of the original, as bytes.

Each ends in a newline.  In lines that a new process writes itself, `PID`
stands for its pid.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.connection import Connection

PID = b"\0"
FIELD_MAX = 100
DENIED_STATUS = 100 << 8  # the raw wait status of an exit 100
DROPPED_STATUS = 111 << 8

# Replaces bytes that would end a line, or a field of it.
_SAFE = bytes(ord("?") if byte < 33 or byte > 126 or byte in b"%:" else byte for byte in range(256))


def field(text: bytes | None) -> bytes:
    """Return a text in a form that fits into a line; None becomes empty.

    A text of 100 bytes or more is cut after 100 bytes and gets three dots.
    The original also marks a text of exactly 100 bytes so.
    """
    if not text:
        return b""
    safe = text[:FIELD_MAX].translate(_SAFE)
    return safe + b"..." if len(text) >= FIELD_MAX else safe


def status(children: int, limit: int) -> bytes:
    """Return the line that says how many clients there are, of how many there may be."""
    return b"tcpserver: status: %d/%d\n" % (children, limit)


def arrival(pid: bytes, connection: "Connection") -> bytes:
    """Return the line that names the process and the address of a client."""
    return b"tcpserver: pid %s from %s\n" % (pid, connection.remote_ip)


def verdict(word: bytes, pid: bytes, connection: "Connection", why: bytes = b"") -> bytes:
    """Return the line of a verdict, ``ok`` or ``deny``, with both ends of the connection.

    ``why`` is the limit that the client is over; the original has no such limits.
    """
    return b"tcpserver: %s %s %s:%s:%d %s:%s:%s:%d%s\n" % (
        word,
        pid,
        field(connection.local_host),
        field(connection.local_ip),  # may be the path of a socket
        connection.local_port,
        field(connection.remote_host),
        connection.remote_ip.replace(b":", b"?"),
        field(connection.remote_info),
        connection.remote_port,
        b" " + why if why else b"",
    )


def refusal(
    pid: int, connection: "Connection", middle: bytes, wait_status: int, children: int, limit: int
) -> bytes:
    """Return the lines of a client that got no process; ``pid`` stands for its pid.

    Args:
        middle: the line between the client's arrival and its end.
        wait_status: how the process of the original would have ended.
        children: how many clients are left, of ``limit``.
    """
    return b"tcpserver: pid %d from %s\n%stcpserver: end %d status %d\ntcpserver: status: %d/%d\n" % (
        pid,
        connection.remote_ip,
        middle,
        pid,
        wait_status,
        children,
        limit,
    )


def end(pid: int, wait_status: int) -> bytes:
    """Return the line of a process that has ended, with its raw wait status."""
    return b"tcpserver: end %d status %d\n" % (pid, wait_status)


def expiry(pid: int, limit: bytes, seconds: int) -> bytes:
    """Return the line of a process that is ended because of a time limit; the original has no such limits."""
    how = b"idle for" if limit == b"idle-time" else b"longer than"
    return b"tcpserver: ending %d: %s %d seconds (%s)\n" % (pid, how, seconds, limit)


def dropping(reason: bytes) -> bytes:
    """Return the warning about a client that is cut off without a verdict."""
    return b"tcpserver: warning: dropping connection, %s\n" % reason


def warning(text: bytes) -> bytes:
    """Return any other warning."""
    return b"tcpserver: warning: %s\n" % text
