"""A link-local client of a global address, and our tcpserver, in a network namespace.

    unshare -n -m python -m tests.e2e.link_local PLACE

Prints the repr of what each way to accept says of such a client, then the
variables of a handler.
"""

import socket
import subprocess
import sys
from pathlib import Path

from tests.support.identd import Manner, says
from tests.support.namespace import settle
from tests.support.patience import PATIENCE
from tests.support.serving import read_all, serving
from ucspi.unix import native, sockets

CLIENT, SERVER, LINK = "fe80::55", "fd00::1", "link0"
PREPARE = f"""
ip link add {LINK} type veth peer name link1
ip link set {LINK} up
ip link set link1 up
ip addr add {SERVER}/64 dev {LINK} nodad
ip addr add {CLIENT}/64 dev {LINK} nodad
"""
SHOW = ["sh", "-c", "env | grep -E '^(TCP6INTERFACE|TCP6?REMOTE(IP|INFO))=' | sort"]
IDENT: Manner = says(b"1,2:USERID:UNIX:joe\r\n")


def connect(port: int) -> socket.socket:
    """Be the client."""
    client = socket.socket(socket.AF_INET6)
    client.settimeout(PATIENCE)
    client.bind((CLIENT, 0, 0, socket.if_nametoindex(LINK)))
    client.connect((SERVER, port))
    return client


def accept() -> None:
    """Print the client's interface, as each way to accept says it."""
    ways = [sockets._python_acceptor] + ([sockets._native_acceptor] if native.lib else [])
    for way in ways:
        with socket.create_server(("::", 0), family=socket.AF_INET6) as listener:
            listener.setblocking(False)
            with connect(listener.getsockname()[1]):
                accepted = way(listener, True, False)()
                assert accepted is not None
                print(repr((accepted[1], accepted[3], socket.if_indextoname(accepted[5]))))


def main() -> None:
    """Print all that is told of the client."""
    place = Path(sys.argv[1])
    settle(place, {})
    subprocess.run(["sh", "-ec", PREPARE], check=True, timeout=PATIENCE)
    accept()
    # An ident server that is asked from where the client came to, or not at all.
    identd = socket.socket(socket.AF_INET6)
    identd.bind((CLIENT, 113, 0, socket.if_nametoindex(LINK)))
    identd.listen()
    with serving(place, ["-H", "-l0"], SHOW, host="::") as served, connect(served.port) as client:
        asker, (ip, *_) = identd.accept()
        with asker:
            assert ip == SERVER, ip
            IDENT(asker, asker.recv(100))
        print(read_all(client).decode(), end="")


if __name__ == "__main__":
    main()
