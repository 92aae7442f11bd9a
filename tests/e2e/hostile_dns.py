"""A name server that lies in every way, and our tcpserver that asks it, in a network namespace.

    unshare -n -m python -m tests.e2e.hostile_dns PLACE CLIENTS

Prints what was told of each client: a line with the repr of TCPREMOTEHOST, then
the log of the server.
"""

import os
import random
import struct
import sys
from pathlib import Path

from tests.support.dns_tables import NameServer
from tests.support.namespace import settle
from tests.support.serving import read_all, serving

# One question each, so that a lie costs a second and not ten.
QUICK = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
SHOW = 'printf "%s" "${TCPREMOTEHOST-unset}"'
LABELS = [b"a b", b"a.b", b"\n", b"\0", b"%:", b"\xff\xfe", b"=", b"A" * 63, b"-", b"x", b"\x1b[2J", b"*"]
HEADER = 12  # bytes


class Liar(NameServer):
    """Answers a question about any address with an odd name, then damages the answer."""

    def __init__(self) -> None:
        super().__init__({}, {})
        self._chance = random.Random(20261124)

    def _answer(self, query: bytes) -> bytes:
        chance = self._chance
        name = b"".join(
            bytes([len(label)]) + label for label in chance.choices(LABELS, k=chance.randrange(1, 5))
        )
        record = b"\xc0\x0c" + struct.pack(">HHIH", 12, 1, 60, len(name) + 1) + name + b"\0"
        head = query[:2] + struct.pack(">HHHHH", 0x8580, 1, 1, 0, 0)
        return chance.choice((_as_it_is, _flipped, _cut, _looping, _counted, _noise))(
            head + query[HEADER:] + record, len(query), chance
        )


def _as_it_is(answer: bytes, record: int, chance: random.Random) -> bytes:
    return answer


def _flipped(answer: bytes, record: int, chance: random.Random) -> bytes:
    """Change bytes behind the question, or the resolver would not listen at all."""
    changed = bytearray(answer)
    for _ in range(chance.randrange(1, 6)):
        changed[chance.randrange(record, len(answer))] = chance.randrange(256)
    return bytes(changed)


def _cut(answer: bytes, record: int, chance: random.Random) -> bytes:
    return answer[: chance.randrange(HEADER, len(answer))]


def _looping(answer: bytes, record: int, chance: random.Random) -> bytes:
    """Let the name point at itself."""
    return answer[: record + 12] + struct.pack(">H", 0xC000 | (record + 12))


def _counted(answer: bytes, record: int, chance: random.Random) -> bytes:
    """Promise more records than there are."""
    return answer[:6] + struct.pack(">HHH", 65535, 65535, 65535) + answer[HEADER:]


def _noise(answer: bytes, record: int, chance: random.Random) -> bytes:
    return answer[:2] + chance.randbytes(chance.randrange(600))


def main() -> None:
    """Serve many clients at once; see the module."""
    place, count = Path(sys.argv[1]), int(sys.argv[2])
    settle(place, {"/etc/resolv.conf": QUICK})
    Liar().start()
    options = ["-v", "-R", "-l0", f"-c{count}", "-b512", "--timeout-names=20"]
    with serving(place, options, ["sh", "-c", SHOW]) as served:
        clients = [served.connect(f"127.1.{n >> 8}.{n & 255}") for n in range(count)]
        for client in clients:
            print(repr(read_all(client)))
            client.close()
        served.wait_for(lambda lines: lines[-1:] == [f"tcpserver: status: 0/{count}"])
        sys.stdout.flush()
        os.write(1, served.log.read_bytes())


if __name__ == "__main__":
    main()
