"""Chains of any length and mixture, with programs of others anywhere in them, are the same three ways."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.commands import COMMANDS
from tests.support.oracles import Oracle
from tests.support.warmed import CAN_BE_WARM, Outcome, servers
from ucspi.unix import mover

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(
        not (CAN_BE_WARM and mover.is_there()),
        reason="there are no steps without the compiled module, launchers and the mover",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user"),
]

WAYS = ("original", "cold", "warm")
# All that a program can see of what was done before it: its words, environment and limits, its
# descriptors, what it is to its session, group, parent and children, its priority, signals and ids.
SHOW = """
cat >/dev/null
printf '<%s>' "$0" "$@"; echo
cat /proc/$$/environ /proc/$$/limits
find /proc/self/fd -printf '%f %l\\n'
read -r pid name state parent group session terminal foreground rest </proc/$$/stat
echo "group $((pid == group)) session $((pid == session))"
echo "child of $(cat /proc/$parent/comm), group of $(cat /proc/$group/comm)"
read -r children </proc/$$/task/$$/children
for child in $children; do echo "parent of $(cat /proc/$child/comm)"; done
nice
grep -E '^(Sig(Blk|Ign|Cgt)|Umask|Uid|Gid|Groups|NoNewPrivs):' /proc/self/status
exit 7
"""
PROGRAM = ["sh", "-c", SHOW, "zero", "one", "", "two three"]
Link = tuple[str, ...]
BACKEND = "BACKEND"  # stands for a port that accepts


@cache
def nobody_runs_links() -> bool:
    """Return whether nobody may run the interpreter of an executed link."""
    command = [str(COMMANDS / "argv0"), "/bin/true", "x"]
    done = subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True)
    return done.returncode == 0


ACCOUNTS = ["root", "nobody", "no-such-account"]
# An executed link of ours needs more than one of the originals, so no limit is small.
LIMITS = ["-o100", "-o200", "-o=", "-c0", "-t100000", "-s4000000", "-f1000000", "-m400000000", "-a=", "-p="]
limits = st.lists(st.sampled_from(LIMITS), max_size=3).map(lambda chosen: ("softlimit", *chosen))
links: st.SearchStrategy[Link] = st.one_of(
    st.sampled_from(["x", "a name", "\xe9", "-"]).map(lambda name: ("argv0", name)),
    st.just(("pgrphack",)),
    limits,
    st.sampled_from(ACCOUNTS).map(lambda name: ("setuidgid", name)),
    st.sampled_from(ACCOUNTS).map(lambda name: ("envuidgid", name)),
    st.sampled_from(["./first", "./second", "./first", "./path", "./missing"]).map(
        lambda name: ("envdir", name)
    ),
    st.tuples(
        st.just("setlock"), st.sampled_from(["-n", "-nx", "-nX"]), st.sampled_from(["one", "two", "no/lock"])
    ),
    st.just(("fixcrio",)),
    st.just(("recordio",)),
    st.sampled_from(["127.0.0.1", "0", "127.0.0.1.127.0.0.1"]).map(
        lambda host: ("tcpclient", "-RHl0", host, BACKEND)
    ),
    st.just(("tcpclient", "-qRHl0", "127.0.0.1", "1")),  # nobody serves that port
)
foreign: st.SearchStrategy[Link] = st.sampled_from(
    [
        ("env", "FOREIGN=1", "A=2"),
        ("/usr/bin/env", "-u", "TCPREMOTEIP"),
        ("nice", "-n", "1"),
        ("sh", "-c", 'exec "$@"', "sh"),
        ("sh", "-c", '"$@"; exit 9', "sh"),
        ("./script",),
        ("./missing",),
    ]
)
chains = st.lists(st.one_of(links, links, links, links, foreign), max_size=12)


def line(chain: Sequence[Link], port: int) -> list[str]:
    """Return a chain as a command line in front of the program that shows all."""
    words = PROGRAM
    for link in reversed(chain):
        if link[0] == "argv0":
            words = ["argv0", words[0], link[1], *words[1:]]
        elif link == ("setuidgid", "nobody") and not nobody_runs_links():
            words = ["setuidgid", "root", *words]
        else:
            words = [*link, *words]
    return [str(port) if word == BACKEND else word for word in words]


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    """Give a port at which the kernel accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("chains")
    for folder, name, value in (("first", "A", "1"), ("second", "A", ""), ("path", "PATH", "/usr/bin:/bin")):
        (place / folder).mkdir()
        (place / folder / name).write_text(value)
        (place / folder / folder.upper()).write_text("more \n")
    (place / "script").write_text('#!/bin/sh\nSCRIPT=1; export SCRIPT\nexec "$@"\n')
    (place / "script").chmod(0o755)
    return place


def agree(oracle: Oracle, place: Path, chain: Sequence[Link], port: int) -> None:
    with servers(oracle, place, dict.fromkeys(WAYS, line(chain, port))) as running:
        outcomes = {way: [plain(running[way].visit()) for _ in range(2)] for way in WAYS}
    assert outcomes["warm"] == outcomes["cold"]
    if any(link[0] == "tcpclient" for link in chain):  # the order of its variables differs on purpose
        for pair in (outcomes["cold"], outcomes["original"]):
            for text, _, _ in pair:
                text.sort()
    assert outcomes["cold"] == outcomes["original"]


def plain(outcome: Outcome) -> tuple[list[bytes], int, bytes]:
    """Leave out numbers that the kernel chose, and what recordio writes, which is cut by chance, and when."""
    text, status, said = outcome
    text = re.sub(rb"(/proc/|\[|log\.|TCPLOCALPORT=)\w+", rb"\1", text)
    return re.split(rb"[\0\n]", text), status, re.sub(rb"(?m)^\d+ [<>] .*\n", b"", said)


@settings(max_examples=4)
@given(chain=chains)
@example(chain=[("recordio",), ("softlimit", "-o100"), ("envdir", "./first"), ("setlock", "-n", "one")])
@example(chain=[("setlock", "-n", "one"), ("fixcrio",), ("argv0", "x"), ("recordio",), ("pgrphack",)])
@example(chain=[("setuidgid", "root"), ("tcpclient", "-RHl0", "0", BACKEND), ("recordio",), ("argv0", "x")])
def test_any_chain_is_the_same_three_ways(
    oracle: Oracle, place: Path, backend: int, chain: list[Link]
) -> None:
    agree(oracle, place, chain, backend)


@pytest.mark.slow
@settings(max_examples=60)
@given(chain=chains)
def test_any_of_many_chains_is_the_same_three_ways(
    oracle: Oracle, place: Path, backend: int, chain: list[Link]
) -> None:
    agree(oracle, place, chain, backend)
