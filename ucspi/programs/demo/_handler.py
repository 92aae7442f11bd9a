"""The handler of the demonstration: greets the client, shows the UCSPI environment, and echoes."""

import os

from ucspi.unix.output import printable, write_all

BLOCK = 4096  # bytes


def serve() -> int:
    """Serve the client on descriptors 0 and 1 until it stops sending."""
    try:
        write_all(1, _greeting())
        while block := os.read(0, BLOCK):
            write_all(1, block)
    except OSError:
        pass  # the client has closed the connection
    return 0


def _greeting() -> bytes:
    shown = [
        b"  %s=%s" % (printable(name), printable(text))  # some of it comes from the client
        for name, text in os.environb.items()
        if name.startswith(b"TCP") or name in (b"PROTO", b"DEMO")
    ]
    lines = [
        b"Welcome to the ucspi demo.  I am process %d, made for you alone," % os.getpid(),
        b"and this is what tcpserver told me:",
        *shown,
        b"Whatever you type comes back.  Ctrl-D ends it.",
        b"",
    ]
    return b"\r\n".join(lines)
