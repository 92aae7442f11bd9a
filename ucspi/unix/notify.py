"""Telling a supervisor that a service is ready: s6's descriptor, systemd's socket.

Source: skarnet.org/software/s6/notifywhenup.html; sd_notify(3).
"""

import _socket
import os

from ucspi.unix.unixdomain import require_path


def ready_descriptor(number: int) -> None:
    """Write a newline to a descriptor and close it.

    Raises:
        OSError: it is not open or cannot be written to; it is closed in any case.
    """
    try:
        os.write(number, b"\n")
    finally:
        os.close(number)


def service_manager(address: bytes, state: bytes) -> None:
    """Send a state, such as ``READY=1``, to the socket in ``$NOTIFY_SOCKET``.

    Args:
        address: a path, or an abstract name, which begins with ``@``.
        state: lines of ``NAME=VALUE``.

    Raises:
        OSError: nobody listens there, or the address is not valid.
    """
    if address[:1] == b"@":
        address = b"\0" + address[1:]
    require_path(address)
    notice = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        notice.setblocking(False)
        notice.sendto(state, address)
    finally:
        notice.close()
