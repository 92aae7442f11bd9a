"""Many DNS queries at once, in one poll loop and under one deadline.

Importing this module imports dnspython, so it is imported only when a query is
needed.
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
    """Sends queries to a few servers; a query without an answer at the deadline has failed."""

    __slots__ = ("_deadline", "_pending", "_places")

    def __init__(self, servers: "Sequence[bytes]", seconds: float, port: int = PORT) -> None:
        """Send nothing yet.

        Args:
            servers: their addresses, in the order to ask them.
            seconds: the time for all queries together.
            port: the port of every server.
        """
        self._places = [(server.decode("latin-1"), port) for server in servers]
        self._deadline = time.monotonic() + seconds
        self._pending: list[Query] = []

    def query(self, labels: "Sequence[bytes]", kind: "dns.rdatatype.RdataType") -> "Query":
        """Send a query; `wait` returns its answer.

        Args:
            labels: the name, without the empty label of the root.
            kind: `A` or `TXT`.
        """
        query = Query(labels, kind, self._places, self._deadline)
        if not query.done:
            self._pending.append(query)
        return query

    def wait(self, query: "Query") -> list[bytes] | None:
        """Return the data of the records that were found, or None when no server gave an answer.

        The data of an A record is its dotted address, that of a TXT record its
        strings in one.  A name that does not exist has no records.
        """
        while not query.done:
            self._turn()
        return query.records

    def close(self) -> None:
        """Drop the queries that have no answer yet."""
        for query in self._pending:
            query.close()
        self._pending.clear()

    def _turn(self) -> None:
        """Wait for an answer to any query, or until one must be sent again."""
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
