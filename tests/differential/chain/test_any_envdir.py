"""Any directory of variables gives a program the same environment three ways behind a server."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.differential.chain import ENVIRONMENT, POWERLESS
from tests.support.oracles import Oracle
from tests.support.warmed import CAN_BE_WARM, Server, servers

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(
        not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers"
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up what only root has"),
]

WAYS = ("original", "cold", "warm")
GIVEN = {"A": "given", "B": "", "AB": "x", "LAST": "y"}
# Names that are there already, that have a say in how links run, and that only look so.
KNOWN = b"A B AB LAST TCPREMOTEIP PROTO PATH PATHX LD_X MALLOC_X GLIBC_TUNABLES NSSX .hidden = ==".split()
Entry = tuple[str, bytes]  # its kind, and what a file holds

names = st.sampled_from(KNOWN) | st.binary(min_size=1, max_size=4).map(
    lambda name: name.translate(None, b"\0/") or b"N"
)
odd_texts = st.text("ab= \t\r\n\0\xff", max_size=12).map(lambda text: text.encode("latin-1"))
texts = (
    odd_texts
    | st.binary(max_size=300)
    | st.integers(1, 70_000).map(lambda length: b"v" * length)
    | st.tuples(odd_texts, st.integers(1, 9000)).map(lambda pair: pair[0] + b"\n" + b"line\n" * pair[1])
    | st.tuples(odd_texts, st.sampled_from([b" ", b"\t", b"\0"])).map(lambda pair: pair[0] + pair[1] * 5000)
)
files = st.tuples(st.just("file"), texts)
others = st.tuples(st.sampled_from(["directory", "fifo", "closed", "link", "loop"]), odd_texts)
some = st.dictionaries(names, files, max_size=12)
# One alone that cannot be read is enough to have the link say so.
mixed = st.tuples(some, st.dictionaries(names, others, max_size=1)).map(lambda pair: pair[0] | pair[1])
many = st.integers(200, 300).map(lambda count: {b"M%d" % n: ("file", b"%d\n" % n) for n in range(count)})
large = st.integers(60_000, 140_000).map(lambda length: {b"L": ("file", b"v" * length)})


def fill(place: Path, entries: dict[bytes, Entry]) -> None:
    """Make the directory anew."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, (kind, text) in entries.items():
        if name.startswith(b"=") and kind == "fifo":
            continue  # it is empty; see below
        path = os.path.join(bytes(place), name)
        if kind == "directory":
            os.mkdir(path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "loop":
            os.symlink(name, path)
        else:
            target = os.path.join(bytes(place.parent), b"target") if kind == "link" else path
            with open(target, "wb") as file:
                # CPython adds an equals sign to an entry that has none behind its first byte.
                file.write(text or b"x" if name.startswith(b"=") else text)
            if kind == "link":
                os.symlink(target, path)
            elif kind == "closed":
                os.chmod(path, 0)


@pytest.fixture(scope="module")
def running(oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Run three servers that have what no user but root has, but its powers."""
    oracle("envdir")
    folder = tmp_path_factory.mktemp("envdir")
    handlers = {way: ["envdir", "./d", *ENVIRONMENT] for way in WAYS}
    with servers(oracle, folder, handlers, environ=GIVEN, behind=POWERLESS) as made:
        yield made


def agree(running: dict[str, Server], entries: dict[bytes, Entry]) -> None:
    fill(running["warm"].folder / "d", entries)
    outcomes = {way: running[way].visit() for way in WAYS}
    assert outcomes["cold"] == outcomes["original"]
    assert outcomes["warm"] == outcomes["original"]


@settings(max_examples=6)
@given(entries=mixed | many | large)
@example(entries={})
@example(entries={b"PATH": ("file", b"/bin")})
@example(entries={b"N%03d" % n + b"n" * 240: ("file", b"v") for n in range(20)})  # of long names
@example(entries={b"V%d" % n: ("file", b"v" * 20_000) for n in range(5)})  # more than the step has room for
def test_any_directory_gives_the_same_environment(
    running: dict[str, Server], entries: dict[bytes, Entry]
) -> None:
    agree(running, entries)


@pytest.mark.slow
@settings(max_examples=200)
@given(entries=mixed | many | large)
def test_any_of_many_directories_gives_the_same_environment(
    running: dict[str, Server], entries: dict[bytes, Entry]
) -> None:
    agree(running, entries)
