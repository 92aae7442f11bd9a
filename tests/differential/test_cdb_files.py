"""The original tools judge our files: same bytes from the same records."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from tests.support.cdb_strategies import records
from tests.support.cdbfiles import build, text
from tests.support.examples import examples
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from ucspi.cdb._core import Core
from ucspi.cdb._reader import reader_type

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

Pairs = list[tuple[bytes, bytes]]

modest = examples(25)


def made_by(command: list[str], pairs: Pairs) -> bytes:
    """Run a tool in an empty directory, give it the records' text, return the file ``f``."""
    with TemporaryDirectory() as directory:
        subprocess.run(command, input=text(pairs), cwd=directory, check=True, timeout=PATIENCE)
        return (Path(directory) / "f").read_bytes()


@modest
@given(pairs=records)
def test_same_bytes_as_freecdb(core: Core, oracle: Oracle, pairs: Pairs) -> None:
    assert build(pairs, core) == made_by([oracle("cdbmake"), "f", "f.tmp"], pairs)


@modest
@given(pairs=records)
def test_same_bytes_as_tinycdb(core: Core, oracle: Oracle, pairs: Pairs) -> None:
    assert build(pairs, core) == made_by([oracle("cdb"), "-c", "f"], pairs)


def large() -> Pairs:
    """Thousands of records: collisions around the end of tables, duplicates, long data."""
    return [(b"%d" % (number * number % 4001), b"x" * (number % 97)) for number in range(6000)]


def test_same_bytes_as_freecdb_at_some_size(core: Core, oracle: Oracle) -> None:
    assert build(large(), core) == made_by([oracle("cdbmake"), "f", "f.tmp"], large())


@pytest.mark.parametrize("option", ["-0", "-r", "-u"])
def test_files_that_tinycdb_changed_are_sound(core: Core, oracle: Oracle, option: str) -> None:
    reader = reader_type(core)(made_by([oracle("cdb"), "-c", option, "f"], large()))
    assert reader.check() is None
    last = option != "-u"
    wanted: dict[bytes, bytes] = {}
    for key, data in large():
        if last or key not in wanted:
            wanted[key] = data
    for key, data in wanted.items():
        assert reader.get(key) == data


def test_original_finds_what_we_put(core: Core, oracle: Oracle, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(build(large(), core))
    for key in (b"0", b"1928", b"16"):
        command = [oracle("cdb"), "-q", "-m", "f", key.decode()]
        found = subprocess.run(
            command, cwd=tmp_path, capture_output=True, check=True, timeout=PATIENCE
        ).stdout
        assert found == b"".join(data + b"\n" for other, data in large() if other == key)
    dumped = subprocess.run(
        [oracle("cdb"), "-d", "f"], cwd=tmp_path, capture_output=True, check=True, timeout=PATIENCE
    ).stdout
    assert dumped == text(large())
