"""The UCSPI environment variables of a handler or a client program.

A connection on an IPv6 socket also has ``TCP6`` variables, with addresses in
IPv6 form.  If its client uses IPv4, PROTO and the ``TCP`` variables say so.  A
UNIX-domain connection has ``UNIX`` variables instead.

Source: cr.yp.to/ucspi-tcp/environment.html, and the originals as observed,
Debian's ucspi-tcp-ipv6 for IPv6; ucspi-unix 1.0 as observed, and its file PROTOCOL.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.connection import Connection

_SUFFIXES = (b"LOCALIP", b"LOCALPORT", b"LOCALHOST", b"REMOTEIP", b"REMOTEPORT", b"REMOTEHOST", b"REMOTEINFO")

# Variables that are never inherited; without a value they are unset.
REPLACED = frozenset((b"PROTO", *(b"TCP" + suffix for suffix in _SUFFIXES)))
_IDS = (
    *(b"UNIXLOCALUID", b"UNIXLOCALGID", b"UNIXLOCALPID"),
    *(b"UNIXREMOTEPID", b"UNIXREMOTEEUID", b"UNIXREMOTEEGID"),
)
REPLACED_UNIX = REPLACED | {b"UNIXLOCALPATH", *_IDS}
PROXY_IP, PROXY_PORT = b"TCPPROXYIP", b"TCPPROXYPORT"
REPLACED6 = REPLACED | {b"TCP6INTERFACE", *(b"TCP6" + suffix for suffix in _SUFFIXES)}


def said_by_balancers(names: "Iterable[bytes]") -> frozenset[bytes]:
    """Return those of some variables that are a balancer's to set: handlers trust that they are true."""
    return frozenset(
        name for name in names if name.startswith((b"TCPPROXY", b"SSL_")) or name == b"PROXY_UNIQUE_ID"
    )


def variables(connection: "Connection", assignments: "Iterable[tuple[bytes, bytes]]") -> bytes:
    """Return the variables that a program gets besides those it inherits.

    Args:
        connection: the judged connection.
        assignments: those of the rule that decided.  They override the
            variables of the connection, and later ones override earlier ones.

    Returns:
        ``NAME=VALUE`` strings, each ended by a NUL, each name once.
    """
    is_unix = connection.user is not None or connection.path is not None
    new = _unix(connection) if is_unix else _tcp(connection)
    if connection.balancer is not None:
        new[PROXY_IP], new[PROXY_PORT] = connection.balancer.ip, b"%d" % connection.balancer.port
        new.update(connection.balancer.variables)
    if connection.tls is not None:
        connection.tls.add_to(new)
    new.update(assignments)
    return b"".join(b"%s=%s\0" % pair for pair in new.items())


def _tcp(connection: "Connection") -> dict[bytes, bytes]:
    new = {b"PROTO": b"TCP6" if b":" in connection.remote_ip else b"TCP"}
    _add(new, b"TCP", connection, connection.local_ip, connection.remote_ip)
    if connection.ip6:
        _add(new, b"TCP6", connection, _in_ip6(connection.local_ip), _in_ip6(connection.remote_ip))
        if connection.scope:
            new[b"TCP6INTERFACE"] = _interface(connection.scope)
    return new


def _unix(connection: "Connection") -> dict[bytes, bytes]:
    """Return the variables with what the kernel knows about both ends.

    A handler's process fills in its own pid.  A client program will have our pid.
    """
    import os  # UNIX-domain connections are rare

    path, own_pid = connection.local_ip, b""
    if connection.user is not None:
        other = (connection.remote_port, *connection.user)
    else:
        from ucspi.unix.unixdomain import credentials

        path, own_pid = connection.path or b"", b"%d" % os.getpid()
        other = credentials(connection.descriptor)
    numbers = (b"%d" % os.getuid(), b"%d" % os.getgid(), own_pid, *(b"%d" % number for number in other))
    return {b"PROTO": b"UNIX", b"UNIXLOCALPATH": path, **dict(zip(_IDS, numbers, strict=True))}


def _add(
    new: dict[bytes, bytes], prefix: bytes, connection: "Connection", local_ip: bytes, remote_ip: bytes
) -> None:
    if connection.local_ip:
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
    """Return the name of an interface, or its index if the interface is gone."""
    import _socket  # link-local clients are rare

    try:
        return _socket.if_indextoname(scope).encode()
    except OSError:
        return b"%d" % scope
