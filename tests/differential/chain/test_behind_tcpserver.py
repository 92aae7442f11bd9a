"""Links behind tcpserver: executed or taken as steps, they do what the originals do."""

import ctypes
import os
import resource
import select
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.warmed import CAN_BE_WARM, server, three_ways

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.slow,
    pytest.mark.skipif(
        not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers"
    ),
]

SHOW = ["cat", "/proc/self/limits", "/proc/self/environ"]
STATUS = ["grep", "-E", "^(Name|Sig(Blk|Ign|Cgt)|Umask|Uid|Gid|Groups|FDSize):", "/proc/self/status"]
NAMES = ["sh", "-c", 'echo "$0" "$@"; exit 3']
CASES = {
    "a name": ["argv0", *NAMES[:1], "-sh", *NAMES[1:], "one", "", "two  three"],
    "no name": ["argv0", "./tell", ""],
    "argv0 with too little": ["argv0", "cat"],
    "argv0, nothing to run": ["argv0", "./missing", "x"],
    "argv0, nothing in PATH": ["argv0", "missing-program", "x"],
    "argv0, a directory": ["argv0", "./folder", "x"],
    "argv0, no program": ["argv0", "./plain", "x"],
    "a session": ["pgrphack", "sh", "-c", 'read p c s pp g i r </proc/self/stat; test "$p" != "$g"'],
    "a session twice": ["pgrphack", "pgrphack", *STATUS],
    "nothing to run in a session": ["pgrphack", "./missing"],
    "limits": ["softlimit", "-o50", "-c", "0", "-m", "50000000", "-p=", "-t100000", *SHOW],
    "the same limit twice": ["softlimit", "-o9", "-o", "40", "-s3000000", *SHOW],
    "limits and nothing to run": ["softlimit", "-o5", "./missing"],
    "a limit that the complaint exceeds": ["softlimit", "-f0", "argv0", "./missing", "x"],
    "an unknown limit": ["softlimit", "-n", "50", *SHOW],
    "no number": ["softlimit", "-o", "x", *SHOW],
    "behind --": ["softlimit", "-o20", "--", *SHOW],
    "all": ["pgrphack", "softlimit", "-o", "30", "argv0", "grep", "x", *STATUS[1:]],
    "a chain behind a foreign program": ["env", "A=b", "softlimit", "-o", "30", "argv0", "cat", *SHOW],
    "a foreign program in a chain": ["argv0", "env", "x", "A=b", "softlimit", "-o", "30", *SHOW],
    "the end by a signal": ["argv0", "sh", "x", "-c", "kill -9 $$"],
}
OURS = ("cold", "warm")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain").write_bytes(b"")
    (tmp_path / "tell").write_text("#!/bin/sh\necho told\n")
    (tmp_path / "tell").chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_three_ways_are_one(oracle: Oracle, place: Path, case: str) -> None:
    three_ways(oracle, place, CASES[case])


def _lower_limits() -> None:
    for number, soft in ((resource.RLIMIT_DATA, 40_000_000), (resource.RLIMIT_AS, 60_000_000)):
        resource.setrlimit(number, (soft, resource.getrlimit(number)[1]))


def _ignore() -> None:
    for number in (signal.SIGXFSZ, signal.SIGPIPE, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


@pytest.mark.parametrize("before", [_lower_limits, _ignore])
@pytest.mark.parametrize(
    "case", ["a session", "a session twice", "behind --", "all", "nothing to run in a session"]
)
def test_what_the_server_was_given_goes_through_links(
    oracle: Oracle, place: Path, case: str, before: Callable[[], None]
) -> None:
    three_ways(oracle, place, CASES[case], before=before)


@pytest.mark.parametrize("program", ["argv0", "pgrphack", "softlimit"])
@pytest.mark.parametrize("word", ["--help", "--version", "-x", "--"])
def test_what_a_link_says_of_itself_it_says_behind_a_server(
    oracle: Oracle, place: Path, program: str, word: str
) -> None:
    three_ways(oracle, place, [program, word], ways=OURS)


def test_a_link_needs_no_interpreter_s_descriptors(oracle: Oracle, place: Path) -> None:
    """An executed argv0 of ours does not start with so few."""
    chain = ["softlimit", "-o4", "argv0", "cat", "x", "/proc/self/limits"]
    three_ways(oracle, place, chain, ways=("original", "warm"))


def test_a_limit_does_not_cut_off_the_complaint(oracle: Oracle, place: Path) -> None:
    """The original's own limit ends it by SIGXFSZ before it says a word."""
    outcome = three_ways(oracle, place, ["softlimit", "-f0", "./missing"], ways=OURS)
    assert outcome == (b"", 111 << 8, b"softlimit: fatal: unable to run ./missing: file does not exist\n")


def test_little_memory_for_a_python_script_is_said(oracle: Oracle, place: Path) -> None:
    (place / "script").write_text("#!/usr/bin/env python3\n")
    (place / "script").chmod(0o755)
    _, _, said = three_ways(oracle, place, ["softlimit", "-m9000000", "./script"], ways=OURS)
    assert b"softlimit: warning: ./script is run by Python" in said
    assert three_ways(oracle, place, ["softlimit", "-m9000000", "./tell"])[2] == b""


IDS = ["grep", "-E", "^(Uid|Gid|Groups|Cap...|NoNewPrivs):", "/proc/self/status"]
VARIABLES = ["cat", "/proc/self/environ"]
BEHIND_NOBODY = {"another user in the middle", "back to root", "what only root may run, behind"}
ACCOUNT_CASES = {
    "another user": ["setuidgid", "nobody", *IDS],
    "another user in the middle": [
        "softlimit",
        "-o",
        "50",
        "setuidgid",
        "nobody",
        "argv0",
        "grep",
        "x",
        *IDS[1:],
    ],
    "root": ["setuidgid", "root", *IDS],
    "twice": ["setuidgid", "root", "setuidgid", "nobody", *IDS],
    "back to root": ["setuidgid", "nobody", "setuidgid", "root", *IDS],
    "an unknown account": ["setuidgid", "no-such-account", *IDS],
    "an empty account": ["setuidgid", "", *IDS],
    "a number": ["setuidgid", "0", *IDS],
    "nothing to run": ["setuidgid", "nobody", "./missing"],
    "what only root may run": ["setuidgid", "nobody", "./private"],
    "what only root may run, behind": ["setuidgid", "nobody", "argv0", "./private", "x"],
    "environment": ["setuidgid", "nobody", *VARIABLES],
    "ids as variables": ["envuidgid", "nobody", *VARIABLES],
    "ids as variables twice": ["envuidgid", "nobody", "argv0", "envuidgid", "x", "root", *VARIABLES],
    "ids as variables of nobody known": ["envuidgid", "no-such-account", *VARIABLES],
    "ids as variables for nothing": ["envuidgid", "nobody", "./missing"],
    "ids as variables, then another user": ["envuidgid", "nobody", "setuidgid", "nobody", *VARIABLES],
}


def _ways(case: str) -> tuple[str, ...]:
    """An executed link needs an interpreter, which nobody may not run where it is root's own."""
    link = str(COMMANDS / "argv0")
    runs = (
        case not in BEHIND_NOBODY
        or not subprocess.run(
            [link, "/bin/true", "x"], user=65534, group=65534, extra_groups=[], capture_output=True
        ).returncode
    )
    return ("original", "cold", "warm") if runs else ("original", "warm")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("case", ACCOUNT_CASES)
@pytest.mark.parametrize(
    "environ", [{}, {"UID": "old", "A": "b", "GID": "older", "LAST": "one"}], ids=["bare", "full"]
)
def test_accounts_three_ways_are_one(oracle: Oracle, place: Path, case: str, environ: dict[str, str]) -> None:
    (place / "private").write_text("#!/bin/sh\n")
    (place / "private").chmod(0o700)
    three_ways(oracle, place, ACCOUNT_CASES[case], environ=environ, ways=_ways(case))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change ids")
@pytest.mark.parametrize("account", ["nobody", "root"])
def test_server_that_is_not_root_changes_no_ids(oracle: Oracle, place: Path, account: str) -> None:
    options = ["-u65534", "-g65534"]
    three_ways(oracle, place, ["setuidgid", account, *IDS], options=options, ways=OURS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have another root come back")
def test_root_that_could_come_back_is_refused(oracle: Oracle, place: Path) -> None:
    """As ours, executed; the original runs the program."""

    def keep() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.prctl(28, 1 << 2, 0, 0, 0) == 0  # PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP

    outcome = three_ways(oracle, place, ["setuidgid", "nobody", *IDS], before=keep, ways=OURS)
    assert outcome[1:] == (111 << 8, b"setuidgid: fatal: unable to setuid: permission denied\n")


SUM = ["sh", "-c", "env | grep ^V | cksum"]
FILE_CASES = {
    "variables": ["envdir", "./variables", *VARIABLES],
    "variables twice": ["envdir", "./variables", "argv0", "envdir", "x", "./more", *VARIABLES],
    "variables for nothing": ["envdir", "./variables", "./missing"],
    "no directory": ["envdir", "./missing", *VARIABLES],
    "no name of a directory": ["envdir", "", *VARIABLES],
    "a file for a directory": ["envdir", "./plain", *VARIABLES],
    "an empty directory": ["envdir", "./folder", *VARIABLES],
    "a directory in it": ["envdir", "./nested", *VARIABLES],
    "many variables": ["envdir", "./many", *SUM],
    "a long variable": ["envdir", "./long", *SUM],
    "too long a variable": ["envdir", "./too-long", *SUM],
    "another PATH": ["envdir", "./path", "argv0", "tell", "x"],
    "another PATH, at once": ["envdir", "./path", "tell"],
    "a fifo": ["envdir", "./fifo", *VARIABLES],
    "a lock": [
        "setlock",
        "./lock",
        "sh",
        "-c",
        "ls /proc/self/fd | wc -l; readlink /proc/self/fd/3 | grep -c lock",
    ],
    "a lock twice": ["setlock", "-n", "./lock", "setlock", "-n", "./lock", "/bin/echo"],
    "a lock twice, silently": ["setlock", "-nx", "./lock", "setlock", "-nx", "./lock", "/bin/echo"],
    "a lock in no directory": ["setlock", "./missing/lock", "/bin/echo"],
    "a lock that is a directory": ["setlock", "-x", "./folder", "/bin/echo"],
    "a lock and nothing to run": ["setlock", "./lock", "./missing"],
    "a lock with few descriptors": ["setlock", "./lock", "softlimit", "-o4", "/bin/echo"],
}


def _fill(place: Path) -> None:
    """Make directories of variables; they are read in the same order by all."""
    variables = {
        "A": b"one\nrest",
        "TCPREMOTEIP": b"none",
        "B": b"blanks \t \n",
        "PROTO": b"",
        "EMPTY": b"\n",
        "NUL": b"a\0b\0\nc",
        "X=Y": b"odd",
        ".hidden": b"no",
        "LAST": b"\t tabs\t",
    }
    more = {"A": b"two", "B": b"", "C": b"three"}
    for folder, files in (("variables", variables), ("more", more), ("path", {"PATH": b"/bin:."})):
        (place / folder).mkdir()
        for name, text in files.items():
            (place / folder / name).write_bytes(text)
    (place / "nested/folder").mkdir(parents=True)
    (place / "many").mkdir()
    for number in range(400):
        (place / f"many/V{number}").write_bytes(b"%d" % number)
    for folder, length in (("long", 60_000), ("too-long", 140_000)):
        (place / folder).mkdir()
        (place / folder / "V").write_bytes(b"v" * length)
    (place / "fifo").mkdir()
    os.mkfifo(place / "fifo/V")


@pytest.mark.parametrize("case", FILE_CASES)
def test_files_three_ways_are_one(oracle: Oracle, place: Path, case: str) -> None:
    _fill(place)
    three_ways(oracle, place, FILE_CASES[case])


def test_variable_without_a_name_is_left_to_the_link(oracle: Oracle, place: Path) -> None:
    (place / "odd").mkdir()
    for name in ("=", "=x", "A"):
        (place / "odd" / name).write_bytes(b"")
    three_ways(oracle, place, ["envdir", "./odd", *VARIABLES], ways=OURS)


def test_held_lock_is_waited_for_by_its_own_client_alone(place: Path) -> None:
    chain = ["setlock", "./lock", "argv0", "/bin/cat", "x"]
    with (
        server(place, "warm", chain) as running,
        socket.create_connection(("127.0.0.1", running.port)) as first,
    ):
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        with socket.create_connection(("127.0.0.1", running.port)) as second:
            second.sendall(b"y")
            assert not select.select([second], [], [], 0.3)[0]
            first.close()
            second.settimeout(PATIENCE)
            assert second.recv(1) == b"y"
