"""Parsing the name of a socket: the address of one end of a connection.

This is apart from `ucspi.unix.sockets` so that a client need not load the
compiled module.
"""

_MAPPED = "::ffff:"


def parse_name(name: "tuple[str, int] | tuple[str, int, int, int]") -> tuple[bytes, int, int]:
    """Return the address, port and scope in a socket's name; an IPv4-mapped address as an IPv4 address."""
    address = name[0].partition("%")[0]
    if address.startswith(_MAPPED) and "." in address:
        return address.removeprefix(_MAPPED).encode(), name[1], 0
    return address.encode(), name[1], name[3] if len(name) == 4 else 0
