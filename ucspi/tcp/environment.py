"""The UCSPI environment of a handler.

Source: cr.yp.to/ucspi-tcp/environment.html, and the original as observed.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.connection import Connection

# Variables that are removed, even if inherited, when there is no value for them.
REPLACED = frozenset(
    (
        b"PROTO",
        b"TCPLOCALIP",
        b"TCPLOCALPORT",
        b"TCPLOCALHOST",
        b"TCPREMOTEIP",
        b"TCPREMOTEPORT",
        b"TCPREMOTEHOST",
        b"TCPREMOTEINFO",
    )
)


def variables(connection: "Connection", assignments: "Iterable[tuple[bytes, bytes]]") -> bytes:
    """Return what a handler gets beside what it inherits.

    Args:
        connection: the judged connection.
        assignments: those of the rule that decided; a later one wins, and all
            of them win over the connection's own.

    Returns:
        ``NAME=VALUE`` strings, each ended by a NUL, each name once.
    """
    new = {
        b"PROTO": b"TCP",
        b"TCPLOCALIP": connection.local_ip,
        b"TCPLOCALPORT": b"%d" % connection.local_port,
    }
    if connection.local_host is not None:
        new[b"TCPLOCALHOST"] = connection.local_host
    new[b"TCPREMOTEIP"] = connection.remote_ip
    new[b"TCPREMOTEPORT"] = b"%d" % connection.remote_port
    if connection.remote_host is not None:
        new[b"TCPREMOTEHOST"] = connection.remote_host
    if connection.remote_info is not None:
        new[b"TCPREMOTEINFO"] = connection.remote_info
    new.update(assignments)
    return b"".join(b"%s=%s\0" % pair for pair in new.items())
