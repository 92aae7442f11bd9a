"""What the name of a socket says of one end of a connection.

Apart from `ucspi.unix.sockets`, so that a client need not load the compiled
module.
"""

_MAPPED = "::ffff:"


def describe(name: "tuple[str, int] | tuple[str, int, int, int]") -> tuple[bytes, int, int]:
    """Return address, port and scope of a socket's name, an IPv4 address as what it is."""
    address = name[0].partition("%")[0]
    if address.startswith(_MAPPED) and "." in address:
        return address.removeprefix(_MAPPED).encode(), name[1], 0
    return address.encode(), name[1], name[3] if len(name) == 4 else 0
