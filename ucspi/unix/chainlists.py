"""Block lists that a step of a chain asks, and how C has them (``cdbext/system/asklists.h``)."""

from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Lists:
    """Block lists, and how to ask them."""

    __slots__ = ("patience", "port", "server", "tails")

    def __init__(self, tails: "Sequence[bytes]", server: bytes, port: int, patience: int) -> None:
        """Take the end of each question, the server's address, and the milliseconds for all."""
        self.tails, self.server, self.port, self.patience = tails, server, port, patience


def lay_out_lists(lists: Lists) -> "tuple[Any, list[Any]]":
    """Return block lists as C has them, and what must be kept as long as that is used."""
    ffi = native.ffi
    texts = [ffi.new("unsigned char[]", tail) for tail in lists.tails]
    tails = ffi.new("struct usys_tail[]", [(text, len(text) - 1) for text in texts])  # but for a NUL
    server = ffi.new("unsigned char[]", lists.server)
    laid_out = ffi.new("struct usys_lists *")
    laid_out.tails, laid_out.count = tails, len(lists.tails)
    laid_out.server, laid_out.server_length = server, len(lists.server)
    laid_out.port, laid_out.patience = lists.port, lists.patience
    return laid_out, [*texts, tails, server, laid_out]
