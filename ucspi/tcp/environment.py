"""The UCSPI environment of a handler or a client program.

A connection of an IPv6 socket has the ``TCP6`` variables too, its addresses in
IPv6 form; PROTO and the ``TCP`` variables say IPv4 where the client does.  One
of the UNIX domain has ``UNIX`` variables instead, see `local`.

Source: cr.yp.to/ucspi-tcp/environment.html, and the originals as observed,
Debian's ucspi-tcp-ipv6 for IPv6; the page PROTOCOL of ucspi-unix.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.connection import Connection

_FACTS = (b"LOCALIP", b"LOCALPORT", b"LOCALHOST", b"REMOTEIP", b"REMOTEPORT", b"REMOTEHOST", b"REMOTEINFO")

# Variables that are removed, even if inherited, when there is no value for them.
REPLACED = frozenset((b"PROTO", *(b"TCP" + fact for fact in _FACTS)))
_IDS = (
    *(b"UNIXLOCALUID", b"UNIXLOCALGID", b"UNIXLOCALPID"),
    *(b"UNIXREMOTEPID", b"UNIXREMOTEEUID", b"UNIXREMOTEEGID"),
)
REPLACED_UNIX = REPLACED | {b"UNIXLOCALPATH", *_IDS}
REPLACED6 = REPLACED | {b"TCP6INTERFACE", *(b"TCP6" + fact for fact in _FACTS)}


def variables(connection: "Connection", assignments: "Iterable[tuple[bytes, bytes]]") -> bytes:
    """Return what a handler gets beside what it inherits.

    Args:
        connection: the judged connection.
        assignments: those of the rule that decided; a later one wins, and all
            of them win over the connection's own.

    Returns:
        ``NAME=VALUE`` strings, each ended by a NUL, each name once.
    """
    if connection.user is not None:
        new = _local(connection)
    elif connection.path is not None:
        new = _of_unix(connection, connection.path)
    else:
        new = _tcp(connection)
    new.update(assignments)
    return b"".join(b"%s=%s\0" % pair for pair in new.items())


def _local(connection: "Connection") -> dict[bytes, bytes]:
    from ucspi.tcp import local  # most servers have no such clients

    assert connection.user is not None, "whoever asks has looked"
    return local.variables(connection.local_ip, connection.remote_port, connection.user)


def _tcp(connection: "Connection") -> dict[bytes, bytes]:
    new = {b"PROTO": b"TCP6" if b":" in connection.remote_ip else b"TCP"}
    _add(new, b"TCP", connection, connection.local_ip, connection.remote_ip)
    if connection.ip6:
        _add(new, b"TCP6", connection, _in_ip6(connection.local_ip), _in_ip6(connection.remote_ip))
        if connection.scope:
            new[b"TCP6INTERFACE"] = _interface(connection.scope)
    return new


def _of_unix(connection: "Connection", path: bytes) -> dict[bytes, bytes]:
    """Say what ucspi-unix says; of the server, what the kernel knows since it began to listen."""
    import _socket  # a Unix socket is rare
    import os
    import struct

    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, connection.descriptor)
    try:
        remote = struct.unpack("iII", sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12))
    finally:
        sock.detach()
    numbers = (os.getuid(), os.getgid(), os.getpid(), *remote)
    new = {b"PROTO": b"UNIX", b"UNIXLOCALPATH": path}
    new.update((name, b"%d" % number) for name, number in zip(_IDS, numbers, strict=True))
    return new


def _add(
    new: dict[bytes, bytes], prefix: bytes, connection: "Connection", local_ip: bytes, remote_ip: bytes
) -> None:
    new[prefix + b"LOCALIP"] = local_ip
    new[prefix + b"LOCALPORT"] = b"%d" % connection.local_port
    if connection.local_host is not None:
        new[prefix + b"LOCALHOST"] = connection.local_host
    new[prefix + b"REMOTEIP"] = remote_ip
    new[prefix + b"REMOTEPORT"] = b"%d" % connection.remote_port
    if connection.remote_host is not None:
        new[prefix + b"REMOTEHOST"] = connection.remote_host
    if connection.remote_info is not None:
        new[prefix + b"REMOTEINFO"] = connection.remote_info


def _in_ip6(ip: bytes) -> bytes:
    return ip if b":" in ip else b"::ffff:" + ip


def _interface(scope: int) -> bytes:
    """Return the name of an interface, or its index when it is gone."""
    import _socket  # link-local clients are rare

    try:
        return _socket.if_indextoname(scope).encode()
    except OSError:
        return b"%d" % scope
