"""Clients whose PROXY headers name addresses with names and ident servers, in a network namespace.

    unshare -n -m python -m tests.e2e.claimed_names PLACE

Names are looked up and judged of the client that the header names.  Nobody is
asked for ident, for that would have to be asked about a connection of the balancer's.
Fails with a traceback.
"""

import sys
from pathlib import Path

from tests.support.balanced import SHOW, ask, judge
from tests.support.named_clients import UNKNOWN, start_servers
from tests.support.serving import serving

JOE = "127.0.2.1"  # its ident server answers
NAMED = "127.0.3.1"
LIAR = "127.0.3.4"
OPTIONS = ("-v", "-p", "-t5", "-l0", "--proxy-from", "127.0.0.1")
RULES = '127.0.0.1:deny\n=one.two.test:allow,RULE="name"\n:allow,RULE="none"\n'


def header(ip: str) -> bytes:
    """Return a header that names a client."""
    return f"PROXY TCP4 {ip} 192.0.2.9 4000 25\r\n".encode()


def main() -> None:
    """See what is found out about each client."""
    place = Path(sys.argv[1])
    start_servers(place)
    show = ["sh", "-c", SHOW[2].replace("PROTO|", "PROTO|RULE|")]
    with serving(place, [*OPTIONS, *judge(place, RULES)], show) as served:
        known = {NAMED: ("one.two.test", "name"), LIAR: (None, "none"), UNKNOWN: (None, "none")}
        for ip, found in known.items():
            variables, data = ask(served, header(ip) + b"x")
            assert data == b"x"
            assert (variables.get("TCPREMOTEHOST"), variables["RULE"]) == found, variables
        variables, _ = ask(served, header(JOE))
        assert variables["TCPREMOTEIP"] == JOE
        assert "TCPREMOTEINFO" not in variables
        assert ask(served, b"PROXY UNKNOWN\r\n") == ({}, b"")  # the balancer itself, by its address
        variables, data = ask(served, header(NAMED), b"what came while the name was looked up")
        assert data == b"what came while the name was looked up"
        assert any(" ok " in line and " one.two.test:127.0.3.1::4000" in line for line in served.lines())
        source = served.connect(JOE)  # nobody's balancer: its ident is asked as ever
        with source:
            source.sendall(b"x")
            text = source.recv(4096)
            while b"TCPREMOTEPORT" not in text:
                text += source.recv(4096)
        assert b"TCPREMOTEINFO=joe\n" in text, text


if __name__ == "__main__":
    main()
