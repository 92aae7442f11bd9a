"""The programs that move bytes behind tcpserver: executed or as steps, they do what the originals do."""

import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.differential.movers.lines import ENDS, NOT_TO_BE_RUN
from tests.support.commands import COMMANDS
from tests.support.filters import pieces
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import read_all
from tests.support.warmed import CAN_BE_WARM, Executed, Server, server
from ucspi.unix import mover

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CAN_BE_WARM and mover.is_there()),
        reason="there are no steps without the compiled module, launchers and the mover",
    ),
]

SAY = b"one\ntwo\r\n\n" + b"x" * 300 + b"\nno end"
COPY = ["sh", "-c", "cat; exit 3"]
SHOW = ["sh", "-c", "cat >/dev/null; ls /proc/$$/fd; cat /proc/$$/limits"]
ENTRIES = ["sh", "-c", "cat >/dev/null; cat /proc/$$/environ"]
SIGNALS = "cat >/dev/null; exec grep -E '^(Name|Sig(Blk|Ign|Cgt)|Umask|Uid|Gid|Groups):' /proc/self/status"
# The copier as the program sees it: whose child it is, its name, its descriptors, its signals.
LOOK = """
read -r copier rest < /proc/$$/task/$$/children
cat >/dev/null
cd /proc/$copier
grep -E '^(Name|SigBlk|SigCgt|Umask|Uid):' status
grep '^PPid' status | grep -qw $$ && echo mine
tr '\\0' ' ' < cmdline | sed 's!^[^ ]*/!!'
ls fd
"""
# Each program reads all that there is, or it would be chance what the original still copies.
CASES = {
    "addcr": ["addcr"],
    "delcr": ["delcr", "word", "--help"],
    "a filter at the end": ["recordio", "argv0", "delcr", "x"],
    "a filter in a copier": ["fixcrio", "softlimit", "-o", "20", "addcr"],
    "recordio": ["recordio", *COPY],
    "fixcrio": ["fixcrio", *COPY],
    "one in the other": ["recordio", "fixcrio", *COPY],
    "the other in the one": ["fixcrio", "recordio", *COPY],
    "three": ["fixcrio", "recordio", "fixcrio", *COPY],
    "behind another name": ["recordio", "argv0", "sh", "-sh", "-c", 'cat; echo "$0"'],
    "in a session, with limits": [
        "pgrphack",
        "softlimit",
        "-o30",
        "fixcrio",
        "argv0",
        *SHOW[:1],
        "x",
        *SHOW[1:],
    ],
    "few descriptors": ["softlimit", "-o40", "recordio", "softlimit", "-o12", *SHOW],
    "behind what may wait": ["setlock", "lock", "recordio", "envdir", "variables", "fixcrio", *SHOW],
    "with variables": ["recordio", "envuidgid", "nobody", "fixcrio", *ENTRIES],
    "what the program has": ["recordio", *SHOW],
    "what it has of two": ["fixcrio", "recordio", *SHOW],
    "its environment": ["recordio", *ENTRIES],
    "its environment behind two": ["recordio", "fixcrio", *ENTRIES],
    "its signals": ["fixcrio", "sh", "-c", SIGNALS],
    "nothing to run": ["recordio", "./missing"],
    "nothing to run in PATH": ["fixcrio", "missing-program"],
    "no program at all": ["recordio"],
    "a directory": ["fixcrio", "/"],
    "the end by a signal": ["recordio", "sh", "-c", "cat; kill -9 $$"],
    "a foreign program between": ["recordio", "env", "A=b", "fixcrio", *COPY],
}
Told = tuple[bytes, bytes, bytes, bytes, list[bytes]]  # answer, status, recorded both ways, other lines


def told(folder: Path, way: str, handler: Sequence[str], rounds: int = 2) -> list[Told]:
    """Return what comes of each client."""
    with server(folder, way, handler) as running:
        return [visit(running, folder / f"log.{way}") for _ in range(rounds)]


def visit(running: Server, log: Path, say: Sequence[bytes] = (SAY,)) -> Told:
    """Be a client that sends all, in pieces, and then waits for the end."""
    before = len(log.read_bytes())
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        source = client.getsockname()[1]
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in say:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has been closed by force
        answer = read_all(client)

    def is_over() -> bool:
        text = log.read_bytes()[before:]
        if b"tcpserver: end " not in text:
            return False
        # A copier whose program could not be run may end before it sees an end.
        return b" status 28416\n" in text or b" < " not in text or b" > [EOF]\n" in text

    wait_for(is_over, lambda: log.read_bytes()[before:])
    text = log.read_bytes()[before:]
    ended = re.search(rb"tcpserver: end (\d+) status (\d+)\n", text)
    assert ended
    for number, name in ((ended[1], b"PID"), (b"%d" % source, b"SOURCE"), (b"%d" % running.port, b"PORT")):
        text, answer = (re.sub(rb"\b%s\b" % number, name, each) for each in (text, answer))
    text, answer = (each.replace(bytes(log), b"LOG") for each in (text, answer))
    answer = re.sub(rb"(?<![^\0\n])(UCSPI_WARM|PATH)=[^\0\n]*[\0\n]", b"", answer)
    lines = [line + b"\n" for line in text.split(b"\n")[:-1]]
    if ended[2] == b"%d" % (111 << 8):  # how much was recorded by then is chance
        lines = [line for line in lines if not line.startswith(b"PID ")]
    recorded = [
        b"".join(line for line in lines if line.startswith(b"PID %s " % mark)) for mark in (b"<", b">")
    ]
    others = [line for line in lines if not line.startswith((b"PID ", b"tcpserver: "))]
    return answer, ended[2], joined(recorded[0]), joined(recorded[1]), others


def joined(record: bytes) -> bytes:
    """Return what passed, wherever it was cut; the end may come too late to be recorded."""
    text = re.sub(rb"(?m)^PID . (\[EOF\]$)?", b"", record)
    return re.sub(
        rb"(UCSPI_WARM|PATH)=[^\0]*\0", b"", text.replace(b"+\n", b"").replace(b" \n", b"\n")
    ).rstrip(b"\n")


@pytest.mark.parametrize("case", CASES)
def test_three_ways_are_one(oracle: Oracle, tmp_path: Path, case: str) -> None:
    for program in ("tcpserver", "recordio", "fixcrio"):
        oracle(program)
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables/A").write_text("b\n")
    ways = {way: told(tmp_path, way, CASES[case]) for way in ("original", "cold", "warm")}
    assert ways["cold"] == ways["original"]
    assert ways["warm"] == ways["original"]


@pytest.mark.parametrize("line", [*NOT_TO_BE_RUN, *(["sh", "-c", f"cat; {end}"] for end in ENDS)])
@pytest.mark.parametrize("program", ["recordio", "fixcrio"])
def test_lines_that_are_run_alone_end_so_three_ways(
    oracle: Oracle, tmp_path: Path, program: str, line: list[str]
) -> None:
    oracle(program)
    ways = {way: told(tmp_path, way, [program, *line], 1) for way in ("original", "cold", "warm")}
    assert ways["cold"] == ways["original"]
    assert ways["warm"] == ways["original"]


@pytest.mark.parametrize("chain", [["addcr"], ["delcr"], ["recordio", "cat"], ["fixcrio", "cat"]])
def test_streams_in_odd_pieces_come_out_alike_three_ways(
    oracle: Oracle, tmp_path: Path, chain: list[str]
) -> None:
    oracle(chain[0])
    answers = {}
    for way in ("original", "cold", "warm"):
        random = Random(88)
        with server(tmp_path, way, chain) as running:
            answers[way] = [visit(running, tmp_path / f"log.{way}", pieces(random, 60)) for _ in range(6)]
    assert answers["cold"] == answers["original"]
    assert answers["warm"] == answers["original"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_step_behind_another_user_needs_no_interpreter(oracle: Oracle, tmp_path: Path) -> None:
    oracle("recordio")
    chain = ["setuidgid", "nobody", "recordio", "softlimit", "-o30", "fixcrio", *COPY]
    original, warm = (told(tmp_path, way, chain) for way in ("original", "warm"))
    assert original == warm


@pytest.mark.parametrize("program", ["recordio", "fixcrio"])
def test_copier_is_the_same_process_three_ways(oracle: Oracle, tmp_path: Path, program: str) -> None:
    oracle("tcpserver")
    ways = {way: told(tmp_path, way, [program, "sh", "-c", LOOK]) for way in ("original", "cold", "warm")}
    assert ways["warm"] == ways["cold"]
    for way in ("original", "warm"):
        assert b"Name:\t%s" % program.encode() in ways[way][0][0]
        assert b"mine" in ways[way][0][0]


@pytest.mark.parametrize("program", ["recordio", "fixcrio"])
@pytest.mark.parametrize("word", ["--help", "--version", "-x"])
def test_what_it_says_of_itself_it_says_behind_a_server(tmp_path: Path, program: str, word: str) -> None:
    assert told(tmp_path, "cold", [program, word]) == told(tmp_path, "warm", [program, word])


@pytest.mark.parametrize(("way", "count"), [("cold", 1), ("warm", 0)])
def test_nothing_of_ours_is_executed(tmp_path: Path, way: str, count: int) -> None:
    watched = [Executed(COMMANDS / program) for program in ("recordio", "fixcrio", "addcr")]
    with server(tmp_path, way, ["recordio", "fixcrio", "addcr"]) as running:
        for each in watched:
            each.count()
        visit(running, tmp_path / f"log.{way}")
        assert [min(each.count(), 1) for each in watched] == [count] * 3
    for each in watched:
        each.close()


@pytest.mark.parametrize("way", ["original", "warm"])
def test_descriptors_that_just_suffice_do(oracle: Oracle, tmp_path: Path, way: str) -> None:
    oracle("recordio")
    (outcome,) = told(tmp_path, way, ["softlimit", "-o7", "recordio", "cat"], 1)
    assert outcome == (SAY, b"0", SAY, SAY, [])
