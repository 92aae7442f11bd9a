"""Finding out about a server what the client program shall know: names, and ident.

As `ucspi.tcp.facts` does for the clients of a server, but for one connection,
and with the client's own meaning of no name: empty, where the name server says
that there is none; unknown only where nobody answers.

Source: the original tcpclient as observed.
"""

import time
from _queue import Empty, SimpleQueue

from ucspi.tcp import ident, names
from ucspi.tcp.facts import GRACE
from ucspi.tcp.lookups import Lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.connection import Connection

NAMES_TIMEOUT = 60.0  # seconds


def inquire(connection: "Connection", *, local: bool, remote: bool, info_timeout: float) -> None:
    """Ask in parallel, and wait until all is answered or given up.

    Args:
        connection: where the answers are noted.
        local: ask for the name of our own address.
        remote: ask for the name of the server's.
        info_timeout: seconds to wait for ident, twice; 0 does not ask.
    """
    woken: SimpleQueue[None] = SimpleQueue()
    lookups = Lookups(3, lambda: woken.put(None))

    def note(name: str, answer: bytes | None) -> None:
        setattr(connection, name, answer)

    if local:
        lookups.ask(
            lambda: names.find(connection.local_ip), lambda name: note("local_host", name), NAMES_TIMEOUT
        )
    if remote:
        lookups.ask(
            lambda: names.find(connection.remote_ip), lambda name: note("remote_host", name), NAMES_TIMEOUT
        )
    if info_timeout > 0:
        ends = (
            (connection.local_ip, connection.local_port),
            (connection.remote_ip, connection.remote_port),
        )
        lookups.ask(
            lambda: ident.ask(*ends, info_timeout),
            lambda info: note("remote_info", info),
            2 * info_timeout + GRACE,
        )
    while (deadline := lookups.next_deadline()) is not None:
        try:
            woken.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            pass
        lookups.collect()
