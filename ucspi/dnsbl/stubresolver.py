"""Many DNS queries at once, in one poll loop and under one deadline.

dnspython is imported by whoever makes the first `StubResolver`, and by nobody
else.
"""

import select
import time

from ucspi.dnsbl.dnsquery import Query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import dns.rdatatype

PORT = 53


class StubResolver:
    """Asks a few servers many queries; what is not known at the deadline never will be."""

    __slots__ = ("_deadline", "_pending", "_places")

    def __init__(self, servers: "Sequence[bytes]", seconds: float, port: int = PORT) -> None:
        """Take the servers' addresses, in the order in which they are asked, and the time for everything."""
        self._places = [(server.decode("latin-1"), port) for server in servers]
        self._deadline = time.monotonic() + seconds
        self._pending: list[Query] = []

    def query(self, labels: "Sequence[bytes]", kind: "dns.rdatatype.RdataType") -> "Query":
        """Send a query; `wait` gives its answer.

        Args:
            labels: the name, without the empty label of the root.
            kind: `A` or `TXT`.
        """
        query = Query(labels, kind, self._places, self._deadline)
        if not query.done:
            self._pending.append(query)
        return query

    def wait(self, query: "Query") -> list[bytes] | None:
        """Return the data of the records that were found, or None when nobody knows for now.

        Of an A record it is the address in dots, of a TXT record all its
        strings in one.  A name that does not exist has no records.
        """
        while not query.done:
            self._turn()
        return query.records

    def close(self) -> None:
        """Forget the queries that are still open."""
        for query in self._pending:
            query.close()
        self._pending.clear()

    def _turn(self) -> None:
        """Wait for an answer to any query, or for the time to send one again."""
        poll = select.poll()
        waiting = {query.register(poll): query for query in self._pending}
        now = time.monotonic()
        until = min(query.due for query in self._pending)
        ready = poll.poll(max(0.0, until - now) * 1000 + 1)
        for descriptor, _ in ready:
            waiting[descriptor].proceed()
        now = time.monotonic()
        for query in self._pending:
            if not query.done and now >= query.due:
                query.send_again()
        self._pending = [query for query in self._pending if not query.done]
