"""A connection that a step of a chain makes, and how C has it (``cdbext/system/becomeclient.h``)."""

from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Client:
    """How to connect, and what to say.

    Attributes:
        places: the addresses to try, in order, 4 or 16 bytes each, and how messages name each.
            For a path it is one, without bytes.
        path: of a UNIX-domain socket to connect to; empty: none.
        port: the port to connect to.
        local: the address to connect from; empty: the system chooses.
        local_port: the port to connect from; 0: the system chooses.
        patience: milliseconds for each place in the first pass and in the second; 0: there is no second.
        no_delay: whether to send at once (TCP_NODELAY).
        verbosity: 0: silent, 1: failures, 2: success too.
        proxy_version: of the PROXY header that is sent first; 0: none.
        local_host: the name of our own address.
    """

    __slots__ = (
        "local",
        "local_host",
        "local_port",
        "no_delay",
        "path",
        "patience",
        "places",
        "port",
        "proxy_version",
        "verbosity",
    )

    def __init__(self, places: "Sequence[tuple[bytes, bytes]]", port: int, local_host: bytes) -> None:
        self.places, self.port, self.local_host = places, port, local_host
        self.local, self.local_port, self.no_delay, self.path = b"", 0, False, b""
        self.patience, self.verbosity, self.proxy_version = (0, 0), 1, 0


def lay_out_client(client: Client, name: bytes) -> "tuple[Any, list[Any]]":
    """Return a client as C has it, and what must be kept as long as that is used.

    Args:
        client: the client.
        name: begins its messages.
    """
    ffi, kept = native.ffi, []

    def string(text: bytes) -> "Any":
        kept.append(ffi.new("char[]", text))
        return kept[-1]

    places = ffi.new("struct usys_place[]", len(client.places))
    for room, (ip, place) in zip(places, client.places, strict=True):
        room.ip[0 : len(ip)], room.length = ip, len(ip)
        room.failed = string(b"%s: unable to connect to %s: " % (name, place))
    laid_out = ffi.new("struct usys_client_step *")
    target = laid_out.target
    target.places, target.count, target.port = places, len(client.places), client.port
    target.local.ip[0 : len(client.local)], target.local.length = client.local, len(client.local)
    target.local_port, target.no_delay = client.local_port, client.no_delay
    target.patience[0], target.patience[1] = client.patience
    target.is_silent = not client.verbosity
    laid_out.version, laid_out.local_host = client.proxy_version, string(client.local_host)
    if client.path:
        laid_out.path = string(client.path)
    if client.verbosity > 1:
        rest = client.places[0][1] + b"\n" if client.path else b""
        laid_out.connected = string(name + b": connected to " + rest)
    if client.verbosity:
        laid_out.proxy_error = string(name + b": fatal: unable to send the PROXY header: ")
        for number in (6, 7):
            text = b"%s: fatal: unable to set up descriptor %d: " % (name, number)
            laid_out.descriptor_errors[number - 6] = string(text)
    return laid_out, [*kept, places, laid_out]
