"""Forty clients at once, whose names nobody tells, and a tcpserver with little memory, in a namespace.

    unshare -n -m python -m tests.e2e.limited_names PLACE soft|hard RLIMIT_AS|RLIMIT_DATA BYTES

Prints how many were served, whether the server then serves one more, and its log.
"""

import resource
import socket
import sys
from pathlib import Path

from tests.support.namespace import settle
from tests.support.serving import read_all, serving

CLIENTS = 40  # as many as there may be at once
QUICK = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"


def main(place: Path, kind: str, limit: str, size: int) -> None:
    number = getattr(resource, limit)
    settle(place, {"/etc/resolv.conf": QUICK})

    def before() -> None:
        resource.setrlimit(number, (size, size if kind == "hard" else resource.getrlimit(number)[1]))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))
        with serving(place, ["-vRl0"], ["echo", "served"], before=before) as served:
            clients = [served.connect(f"127.0.0.{1 + number}") for number in range(CLIENTS)]
            answers = [read_all(client) for client in clients]
            with served.connect() as late:
                print(
                    answers.count(b"served\n"), read_all(late) == b"served\n", served.process.poll() is None
                )
            print(*served.lines(), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
