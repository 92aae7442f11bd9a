"""Ask tcpd's library who gets in: started as a program, it answers for many files and clients.

Each line of standard input is JSON: the two files in latin-1, the daemon, and
clients as pairs of address and name or null.  Each line of standard output is a
list of booleans.  What the library would run is not run.
"""

import ctypes
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

LIBRARY = "libwrap.so.0"
LOG_EMERG = 1  # as a mask: of what the library has to say, nothing reaches the system's log

Pair = tuple[bytes, bytes]
Client = tuple[bytes, bytes | None]


class Libwrap:
    """The library in a process of its own, since hostile files are not its strength."""

    def __init__(self, where: Path) -> None:
        """Start it; ``where`` is a directory for its files."""
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(where)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ask(self, files: Pair, daemon: bytes, clients: Sequence[Client]) -> list[bool]:
        """Say for each client whether it gets in."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        texts = [text.decode("latin-1") for text in (*files, daemon)]
        names = [(ip.decode(), None if name is None else name.decode("latin-1")) for ip, name in clients]
        self._process.stdin.write(json.dumps([*texts, names]).encode() + b"\n")
        self._process.stdin.flush()
        answer: list[bool] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=30)


def _serve(where: Path, lines: Iterable[str]) -> None:
    ctypes.CDLL(None).setlogmask(LOG_EMERG)
    library = ctypes.CDLL(LIBRARY)
    ctypes.c_int.in_dll(library, "dry_run").value = 1
    tables = []  # kept, since they keep the names
    for name in ("allow", "deny"):
        tables.append(ctypes.c_char_p.in_dll(library, f"hosts_{name}_table"))
        tables[-1].value = str(where / name).encode()
    for line in lines:
        allow, deny, daemon, clients = json.loads(line)
        (where / "allow").write_bytes(allow.encode("latin-1"))
        (where / "deny").write_bytes(deny.encode("latin-1"))
        answers = []
        for ip, name in clients:
            who = [(word or "unknown").encode("latin-1") for word in (daemon, name, ip, None)]
            answers.append(bool(library.hosts_ctl(*who)))
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.stdin)
