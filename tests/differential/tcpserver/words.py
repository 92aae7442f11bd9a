"""Words in place of the numbers that differ in every run."""

import re
from collections.abc import Sequence

from tests.differential.tcpserver.connection import Connection

# What follows the pid in an ok or deny line.
VERDICT = (
    rb"(?P<head> [^: ]*:[^: ]*:)(?P<local>\d+)"
    rb"(?P<middle> [^: ]*:(?P<ip>[^: ]*):[^: ]*:)(?P<port>\d+)\n"
)


class Words:
    """Names for the numbers that differ in every run: pids and ports."""

    def __init__(self, server_pid: int, port: int, connections: Sequence[Connection], log: bytes) -> None:
        """Number the children in the order of their ``pid`` lines."""
        self._port = b"%d" % port
        # Two clients may have one port number, at different addresses.
        self._clients = {
            (connection.source, b"%d" % connection.port): b"CLIENT-%d" % number
            for number, connection in enumerate(connections, 1)
        }
        self.pids = {server_pid: "SERVER"}
        for pid in re.findall(rb"^tcpserver: pid (\d+) from", log, re.MULTILINE):
            self.pids.setdefault(int(pid), f"CHILD-{len(self.pids)}")

    def line(self, line: bytes) -> bytes:
        """Return a log line with words for its numbers."""
        match = re.fullmatch(rb"(tcpserver: (?:pid|ok|deny|end) )(\d+)( .*\n)", line, re.DOTALL)
        if match is None:
            return line
        pid = self.pids.get(int(match[2]), "STRANGER").encode()
        return match[1] + pid + re.sub(VERDICT, self._ports, match[3])

    def _ports(self, match: re.Match[bytes]) -> bytes:
        local = b"PORT" if match["local"] == self._port else match["local"]
        client = self._clients.get((match["ip"], match["port"]), match["port"])
        return match["head"] + local + match["middle"] + client + b"\n"
