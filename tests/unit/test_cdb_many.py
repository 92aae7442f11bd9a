"""The whole of a reader at once: many keys, counts, statistics, other threads and processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cdbfiles import build
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from ucspi import cdb
from ucspi.cdb._core import Core
from ucspi.cdb._reader import Reader, reader_type
from ucspi.errors import CdbFormatError, ClosedError

PAIRS = [(b"one", b"here"), (b"a", b"b"), (b"b", b"abc"), (b"one", b"also"), (b"", b"")]


@pytest.fixture
def reader(core: Core) -> Reader:
    return reader_type(core)(build(PAIRS, core))


def test_get_many_answers_in_the_order_of_the_keys(reader: Reader) -> None:
    keys = [b"b", b"two", b"one", b"b", b""]
    assert reader.get_many(keys) == [b"abc", None, b"here", b"abc", b""]
    assert reader.get_many(keys, b"-") == [b"abc", b"-", b"here", b"abc", b""]
    assert reader.get_many(keys, default=0) == [b"abc", 0, b"here", b"abc", b""]
    assert reader.get_many([]) == []


def test_get_many_takes_any_iterable_and_any_buffer(reader: Reader) -> None:
    assert reader.get_many(iter((b"a", bytearray(b"b"), memoryview(b"one")))) == [b"b", b"abc", b"here"]
    assert reader.get_many(dict(PAIRS)) == [b"here", b"b", b"abc", b""]


def test_get_many_refuses_text(reader: Reader) -> None:
    keys: Any = [b"a", "b"]
    with pytest.raises(TypeError, match="encode"):
        reader.get_many(keys)
    text: Any = "one"
    with pytest.raises(TypeError, match="encode"):
        reader.get_many(text)


def test_get_many_survives_a_close_by_its_own_keys(reader: Reader) -> None:
    def keys() -> Iterator[bytes]:
        yield b"one"
        reader.close()
        yield b"one"

    with pytest.raises(ClosedError):
        reader.get_many(keys())


def test_record_count_counts_duplicates(reader: Reader) -> None:
    assert reader.record_count() == 5
    assert len(reader) == 4


def test_reader_with_records_is_true(core: Core) -> None:
    assert reader_type(core)(build(PAIRS, core))
    assert not reader_type(core)(build([], core))
    assert reader_type(core)(build([(b"", b"")], core))


def test_truth_looks_at_the_first_record_only(core: Core) -> None:
    image = bytearray(build(PAIRS, core))
    second = 2048 + 8 + 3 + 4
    image[second : second + 4] = b"\xff" * 4
    assert reader_type(core)(bytes(image))
    with pytest.raises(CdbFormatError):
        reader_type(core)(bytes(image)).record_count()


def test_stats_count_records_by_distance(core: Core) -> None:
    same = [(b"one", b"%d" % number) for number in range(14)]
    stats = reader_type(core)(build(same, core)).stats()
    assert stats.records == 14
    assert stats.distances == (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4)
    assert repr(stats) == "Stats(records=14, distances=(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4))"
    empty = reader_type(core)(build([], core)).stats()
    assert empty == cdb.Stats((0,) * 11) != stats
    assert len({empty, cdb.Stats((0,) * 11)}) == 1


@pytest.mark.oracle
def test_stats_are_those_of_cdbstats(core: Core, oracle: Oracle, tmp_path: Path) -> None:
    pairs = [(b"%d" % (number * number), b"") for number in range(3000)]
    image = build(pairs, core)
    (tmp_path / "squares.cdb").write_bytes(image)
    with (tmp_path / "squares.cdb").open("rb") as file:  # it seeks
        answer = subprocess.run(
            [oracle("cdbstats")], stdin=file, stdout=subprocess.PIPE, check=True, timeout=PATIENCE
        )
    counts = [int(line.split()[1]) for line in answer.stdout.splitlines()]
    stats = reader_type(core)(image).stats()
    assert [stats.records, *stats.distances] == counts


def test_stats_of_a_table_outside_the_file_is_an_error(core: Core) -> None:
    image = bytearray(build(PAIRS, core))
    pointer = (core.hash(b"one") & 255) * 8
    image[pointer : pointer + 4] = b"\xff" * 4
    with pytest.raises(CdbFormatError, match="table outside") as caught:
        reader_type(core)(bytes(image)).stats()
    assert caught.value.offset == pointer


def test_use_after_close_is_an_error(reader: Reader) -> None:
    reader.close()
    for operation in (reader.record_count, reader.stats, reader.__bool__):
        with pytest.raises(ClosedError):
            operation()
    with pytest.raises(ClosedError):
        reader.get_many([b"one"])


def test_stats_are_imported_when_they_are_asked_for() -> None:
    program = "import sys; from ucspi import cdb; print(*[n for n in sys.modules if 'stats' in n]); cdb.Stats"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=PATIENCE
    )
    assert (answer.returncode, answer.stdout) == (0, b"\n")
    with pytest.raises(AttributeError, match="nonsense"):
        getattr(cdb, "non" + "sense")


def test_reader_serves_both_sides_of_a_fork(core: Core, tmp_path: Path) -> None:
    """Nothing that parent and child share ever moves: no offset, no cursor."""
    pairs = [(b"%d" % number, b"data %d" % number) for number in range(300)]
    path = tmp_path / "people.cdb"
    path.write_bytes(build(pairs, core))
    with path.open("rb") as file:
        reader = reader_type(core)(cdb.open(file).view)

    def sound() -> bool:
        found = [reader.get(key) for key, _ in pairs]
        return found == [data for _, data in pairs] and list(reader.records()) == pairs

    child = os.fork()
    if not child:
        code = 1
        try:
            code = 0 if all(sound() for _ in range(5)) else 1
        finally:
            os._exit(code)
    assert all(sound() for _ in range(5))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_close_beside_running_threads_is_safe(core: Core) -> None:
    """Each thread sees right data or `ClosedError`, never anything else."""
    pairs = [(b"%d" % number, b"data %d" % number) for number in range(200)]
    image = build(pairs, core)
    wrong: list[object] = []

    def use(reader: Reader, started: threading.Event) -> None:
        try:
            while True:
                for key, data in pairs:
                    if reader.get(key) != data:
                        wrong.append(key)
                started.set()
                if list(reader.records()) != pairs or reader.check() is not None:
                    wrong.append(reader)
        except ClosedError:
            return
        except BaseException as error:
            wrong.append(error)
            raise
        finally:
            started.set()

    for _ in range(3):
        reader = reader_type(core)(bytearray(image))
        started = threading.Event()
        threads = [threading.Thread(target=use, args=(reader, started)) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert started.wait(PATIENCE)
        reader.close()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
    assert wrong == []


MAPPED = """
import os, signal, sys
from ucspi import cdb
reader = cdb.open(sys.argv[1])
os.truncate(sys.argv[1], 0)
reader.get(b"one")
"""


@pytest.mark.slow
def test_truncating_a_mapped_file_kills_its_reader_as_documented(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    path.write_bytes(build(PAIRS, core))
    environment = os.environ | {"UCSPI_CDB": core.name, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run([sys.executable, "-c", MAPPED, path], env=environment, timeout=PATIENCE)
    assert answer.returncode == -signal.SIGBUS


def test_default_of_get_may_be_named(reader: Reader) -> None:
    assert reader.get(b"two", default=b"-") == b"-"
    assert reader.get(b"one", default=b"-") == b"here"
    for wrong in ({"key": b"one"}, {"other": 1}):
        with pytest.raises(TypeError):
            reader.get(b"one", **wrong)
    with pytest.raises(TypeError):
        reader.get(b"one", b"-", default=b"-")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        reader.get(default=b"-")  # type: ignore[call-overload]
