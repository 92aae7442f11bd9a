"""Converted rules and tcpd itself, on the same files and clients.

``tcpdmatch`` says what tcpd does with a client without a name; the library
under both is asked for clients with names, and for many more files.
"""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.support import hosts_files
from tests.support.examples import share
from tests.support.libwrap import Client, Libwrap, Pair
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.rules_files import image_of
from ucspi.cdb import Reader
from ucspi.errors import HostsAccessError
from ucspi.rules import RuleSet, convert_hosts

pytestmark = pytest.mark.oracle

DAEMON = hosts_files.DAEMON
DENY_ALL = b"ALL: ALL\n"
TAME, WILD = 0.0, 0.25


def ours(files: Pair, clients: Sequence[Client]) -> list[bool] | None:
    """Say for each client whether it gets in; None if the files are refused."""
    try:
        made = convert_hosts(*files, DAEMON)
    except HostsAccessError:
        return None
    rules = RuleSet(Reader(image_of(made)))
    return [rules.judge(*client).allowed for client in clients]


@pytest.fixture
def libwrap(oracle: Oracle, tmp_path: Path) -> Iterator[Libwrap]:
    oracle("tcpdmatch")  # its package brings the library
    library = Libwrap(tmp_path)
    yield library
    library.close()


@pytest.fixture
def tcpdmatch(oracle: Oracle, tmp_path: Path) -> "Ask":
    return Ask(oracle("tcpdmatch"), tmp_path)


class Ask:
    """tcpdmatch in a directory with files."""

    def __init__(self, program: str, where: Path) -> None:
        """Make an inetd.conf, without which it stops."""
        (where / "inetd.conf").write_bytes(b"x stream tcp nowait root /usr/sbin/tcpd %s\n" % DAEMON)
        self._command = [program, "-d", "-i", "inetd.conf"]
        self._where = where

    def __call__(self, files: Pair, ip: bytes) -> bool:
        """Say whether a client gets in."""
        for name, text in zip(("hosts.allow", "hosts.deny"), files, strict=True):
            (self._where / name).write_bytes(text)
        done = subprocess.run(
            [*self._command, DAEMON, ip], cwd=self._where, capture_output=True, timeout=PATIENCE
        )
        answers = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(b"access:")]
        assert answers in ([b"granted"], [b"denied"]), (files, ip, done)
        return answers == [b"granted"]


def compare(libwrap: Libwrap, pairs: int, wildness: float, seed: int) -> float:
    """Compare that many pairs for all clients; return the share that is converted."""
    random = Random(seed)
    converted = 0
    for _ in range(pairs):
        files = hosts_files.pair(random, wildness)
        verdicts = ours(files, hosts_files.CLIENTS)
        if verdicts is None:
            continue
        converted += 1
        for client, mine, theirs in zip(
            hosts_files.CLIENTS, verdicts, libwrap.ask(files, DAEMON, hosts_files.CLIENTS), strict=True
        ):
            assert mine == theirs, (*files, client)
    return converted / pairs


@pytest.mark.drawn
def test_rules_judge_as_tcpd_or_the_files_are_refused(libwrap: Libwrap) -> None:
    assert compare(libwrap, share(300), TAME, 1) > 0.5, "ordinary files are refused"
    assert compare(libwrap, share(700), WILD, 2) > 0.1, "the generator lost its balance"


@pytest.mark.slow
def test_rules_judge_as_tcpd_for_very_many_files(libwrap: Libwrap) -> None:
    for seed in range(10, 14):
        compare(libwrap, 500, TAME, seed)
        compare(libwrap, 6000, WILD, -seed)


@pytest.mark.drawn
def test_rules_judge_as_tcpdmatch_says(tcpdmatch: Ask) -> None:
    random = Random(3)
    converted = 0
    while converted < share(60):
        files = hosts_files.pair(random, random.choice([TAME, WILD]))
        clients: list[Client] = [(ip, None) for ip in random.sample(hosts_files.ADDRESSES, 4)]
        verdicts = ours(files, clients)
        if verdicts is not None:
            converted += 1
            assert verdicts == [tcpdmatch(files, ip) for ip, _ in clients], (*files, clients)
