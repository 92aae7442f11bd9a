"""Writing: the bytes, the limits, and that the target is the old file or the new one."""

import copy
import hashlib
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cdbfiles import build, leftovers
from tests.support.patience import PATIENCE
from ucspi import cdb
from ucspi.cdb._core import Core
from ucspi.errors import CdbTooLargeError, ClosedError
from ucspi.unix.publish import Publication

pytestmark = pytest.mark.sampled(3)


@pytest.mark.parametrize(
    ("pairs", "digest"),
    [
        ([], "a646d6b87720195feb973de130b10123"),
        ([(b"one", b"Hello"), (b"two", b"Goodbye")], "7cc6c39b46102a1a10ca542ec9e87aa3"),
        (
            [(b"one", b"here"), (b"a", b"b"), (b"b", b"abc"), (b"one", b"also")],
            "97549c2e76e2d446430a392d77ed1bcb",
        ),
        ([(b"1.2.3.4", b"D\0")], "10081278a795737c8f1ffca6afff2829"),
    ],
)
def test_files_have_the_known_digests(core: Core, pairs: list[tuple[bytes, bytes]], digest: str) -> None:
    assert hashlib.md5(build(pairs, core)).hexdigest() == digest


def test_blocks_of_any_size_make_the_same_file(core: Core) -> None:
    pairs = [(b"%d" % number, b"x" * (number * 7919 % 200000)) for number in range(20)]
    image = build(pairs, core)
    assert len(image) == 2048 + sum(24 + len(key) + len(data) for key, data in pairs)
    assert [len(data) for _, data in cdb.Reader(image).records()] == [len(data) for _, data in pairs]


def test_key_and_data_may_be_any_buffer(core: Core) -> None:
    pairs: Any = [(bytearray(b"one"), memoryview(b"Hello")), (memoryview(b"two"), bytearray(b"Goodbye"))]
    assert build(pairs, core) == build([(b"one", b"Hello"), (b"two", b"Goodbye")], core)


@pytest.mark.parametrize("pair", [("one", b"1"), (b"one", "1"), (1, b"1"), (b"one", None)])
def test_what_is_no_buffer_is_a_type_error_and_adds_nothing(core: Core, pair: Any) -> None:
    blocks: list[bytes] = []
    builder = core.builder(blocks.append)
    with pytest.raises(TypeError, match=r"encode|bytes-like"):
        builder.add(*pair)
    assert builder.finish() == build([], core)


def test_finished_builder_refuses_more(core: Core) -> None:
    builder = core.builder(lambda block: None)
    builder.finish()
    with pytest.raises(ClosedError):
        builder.finish()
    with pytest.raises(ClosedError):
        builder.add(b"", b"")


def test_builder_whose_sink_failed_refuses_more(core: Core) -> None:
    def fail(block: bytes) -> None:
        raise OSError(28, "No space left on device")

    builder = core.builder(fail)
    builder.add(b"one", b"1")
    with pytest.raises(OSError, match="No space"):
        builder.finish()
    with pytest.raises(ClosedError):
        builder.finish()


def test_file_past_4_gb_is_refused_before_a_wrong_byte(core: Core) -> None:
    length = 0

    def count(block: bytes) -> None:
        nonlocal length
        length += len(block)

    builder = core.builder(count)
    data = bytes(2**24)
    for number in range(255):
        builder.add(b"%4d" % number, data)
    room = 2**32 - 1 - 2048 - 255 * (2**24 + 12 + 16)
    with pytest.raises(CdbTooLargeError):
        builder.add(b"rest", data[: room - 27])
    builder.add(b"rest", data[: room - 28])  # to the last byte
    with pytest.raises(CdbTooLargeError):
        builder.add(b"", b"")
    builder.finish()
    assert 2048 + length == 2**32 - 1


def write(path: Path, core: Core, value: bytes = b"new") -> None:
    with cdb.create(path, core=core) as writer:
        writer.add(b"key", value)


def test_create_makes_a_readable_file(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    write(path, core)
    assert path.read_bytes() == build([(b"key", b"new")], core)
    assert os.listdir(tmp_path) == ["people.cdb"]


def test_create_obeys_mode_and_umask(core: Core, tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with cdb.create(tmp_path / "people.cdb", mode=0o666, core=core):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "people.cdb").stat().st_mode & 0o777 == 0o640


def test_named_temporary_keeps_its_mode_and_is_renamed(core: Core, tmp_path: Path) -> None:
    temporary = tmp_path / "given"
    temporary.write_bytes(b"long" * 9999)
    temporary.chmod(0o600)
    with cdb.create(tmp_path / "people.cdb", tmp=temporary, core=core) as writer:
        writer.add(b"key", b"new")
    assert os.listdir(tmp_path) == ["people.cdb"]
    assert (tmp_path / "people.cdb").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "people.cdb").read_bytes() == build([(b"key", b"new")], core)


def test_two_writers_of_one_file_do_not_meet(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    with cdb.create(path, core=core) as one, cdb.create(path, core=core) as other:
        other.add(b"key", b"other")
        one.add(b"key", b"one")
    with cdb.open(path) as reader:
        assert reader.get(b"key") == b"one"
    assert leftovers(tmp_path) == []


def test_exception_inside_keeps_the_old_file(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    write(path, core, b"old")
    before = path.read_bytes()
    writer = cdb.create(path, core=core)
    with pytest.raises(RuntimeError), writer:  # noqa: PT012 - the block is what is tested
        writer.add(b"key", b"x" * 100000)
        raise RuntimeError
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["people.cdb"]
    with pytest.raises(ClosedError):
        writer.add(b"key", b"more")
    with pytest.raises(ClosedError):
        writer.publish()


def test_published_writer_refuses_more(core: Core, tmp_path: Path) -> None:
    with cdb.create(tmp_path / "people.cdb", core=core) as writer:
        writer.publish()
    with pytest.raises(ClosedError):
        writer.add(b"", b"")
    with pytest.raises(ClosedError):
        writer.publish()
    writer.discard()
    assert os.listdir(tmp_path) == ["people.cdb"]


@pytest.mark.parametrize("twice", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copying_and_pickling_are_refused(core: Core, tmp_path: Path, twice: Callable[[Any], Any]) -> None:
    """A copy would share the descriptor and the temporary, and remove them under the other's feet."""
    with cdb.create(tmp_path / "people.cdb", core=core) as writer:
        writer.add(b"one", b"Hello")
        for refused in (writer, core.builder(lambda block: None)):
            with pytest.raises(TypeError, match="pickle"):
                twice(refused)
    with cdb.open(tmp_path / "people.cdb") as reader:
        assert reader[b"one"] == b"Hello"


def test_target_that_cannot_be_replaced_leaves_no_temporary(core: Core, tmp_path: Path) -> None:
    (tmp_path / "people.cdb").mkdir()
    with pytest.raises(IsADirectoryError):
        write(tmp_path / "people.cdb", core)
    assert os.listdir(tmp_path) == ["people.cdb"]


def test_full_disk_keeps_the_old_file(core: Core, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: write fails in the middle."""
    path = tmp_path / "people.cdb"
    write(path, core, b"old")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            write(path, core, b"x" * 100000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["people.cdb"]


KILLED = """
import sys
from ucspi import cdb
with cdb.create(sys.argv[1]) as writer:
    for number in range(100000):
        writer.add(b"%d" % number, b"x" * 100)
        if number == 50000:
            print("half", flush=True)
            sys.stdin.read()
"""


def test_killed_in_the_middle_keeps_the_old_file(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    write(path, core, b"old")
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"UCSPI_CDB": core.name, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    write(path, core)  # the temporary left behind is in nobody's way
    assert path.read_bytes() == build([(b"key", b"new")], core)


def test_dropped_writer_leaves_no_temporary_and_warns(tmp_path: Path, core: Core) -> None:
    path = tmp_path / "a.cdb"
    write(path, core)
    before = path.read_bytes()
    writer = cdb.create(path, core=core)
    writer.add(b"key", b"other")
    with pytest.warns(ResourceWarning, match=r"unpublished cdb writer of '.*a\.cdb'"):
        del writer
    assert (leftovers(tmp_path), path.read_bytes()) == ([], before)


def test_writer_that_is_never_dropped_leaves_no_temporary_at_exit(tmp_path: Path, core: Core) -> None:
    script = "import sys; from ucspi import cdb; writer = cdb.create(sys.argv[1]); writer.add(b'', b'')"
    path = tmp_path / "a.cdb"
    environment = os.environ | {"UCSPI_CDB": core.name, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script, path], env=environment, check=True, timeout=PATIENCE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("error")
def test_published_or_discarded_writer_is_dropped_in_silence(tmp_path: Path, core: Core) -> None:
    write(tmp_path / "a.cdb", core)
    cdb.create(tmp_path / "b.cdb", core=core).discard()


def test_dropping_the_copy_of_a_fork_changes_nothing(tmp_path: Path, core: Core) -> None:
    path = tmp_path / "a.cdb"
    with cdb.create(path, core=core) as writer:
        child = os.fork()
        if child == 0:
            writer.__del__()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert path.exists()


@pytest.fixture(params=["unnamed", "named"])
def temporary(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run with a file system that has temporaries without a name, and with one that has not."""
    name: str = request.param
    if name == "named":
        monkeypatch.setattr(Publication, "create_unnamed", lambda self, mode: False)
    return name


@pytest.mark.parametrize("way", ["return", "raise", "publish", "flush"])
def test_child_that_leaves_the_block_changes_nothing(
    tmp_path: Path, core: Core, temporary: str, way: str
) -> None:
    """What a forked child does with its copy is refused, and the parent goes on."""
    path = tmp_path / "a.cdb"
    with cdb.create(path, core=core) as writer:
        writer.add(b"one", b"1")
        child = os.fork()
        if child == 0:
            refused = 1
            try:
                with writer:
                    writer.add(b"two", b"2" * (200_000 if way == "flush" else 1))
                    if way == "raise":
                        raise RuntimeError
                    if way == "publish":
                        writer.publish()
            except ClosedError as error:
                refused = int("forked" not in str(error))
            except RuntimeError:
                refused = 0
            finally:
                os._exit(refused)
        assert os.waitpid(child, 0)[1] == 0
        writer.add(b"three", b"3")
    with cdb.open(path) as reader:
        assert list(reader.records()) == [(b"one", b"1"), (b"three", b"3")]
        assert reader.check() is None
    assert leftovers(tmp_path) == []


def test_whoever_is_killed_leaves_no_temporary(tmp_path: Path) -> None:
    script = "import os, sys; from ucspi import cdb; w = cdb.create(sys.argv[1]); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "a.cdb"], timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGKILL
    try:
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system knows no temporaries without a name")
    assert leftovers(tmp_path) == []


def test_name_that_is_taken_meanwhile_is_left_alone(tmp_path: Path, core: Core, temporary: str) -> None:
    with cdb.create(tmp_path / "a.cdb", core=core):
        taken = tmp_path / f"a.cdb.{os.getpid()}.{int(temporary == 'named')}.tmp"
        taken.write_text("somebody's")
    assert taken.read_text() == "somebody's"
    assert (tmp_path / "a.cdb").read_bytes() == build([], core)


@pytest.mark.parametrize("form", [None, 7, "zip"])
def test_format_that_there_is_not_leaves_nothing(
    tmp_path: Path, core: Core, temporary: str, form: Any
) -> None:
    with pytest.raises((TypeError, ValueError)):
        cdb.create(tmp_path / "a.cdb", format=form, core=core)
    assert list(tmp_path.iterdir()) == []


def test_builder_closed_by_its_own_sink_stays_closed(core: Core) -> None:
    def sink(block: bytes) -> None:
        builder.close()

    builder = core.builder(sink)
    builder.add(b"one", b"1")
    with pytest.raises(ClosedError):
        builder.finish()
    with pytest.raises(ClosedError):
        builder.add(b"two", b"2")


def test_sink_that_adds_is_refused(core: Core) -> None:
    """Its record would stand in the middle of another."""

    def sink(block: bytes) -> None:
        builder.add(b"two", b"2")

    builder = core.builder(sink)
    builder.add(b"one", b"1")
    with pytest.raises(ClosedError):
        builder.finish()


def test_many_records_under_one_key_do_not_cost_their_square(core: Core) -> None:
    """With a square, 30000 records would take the pure core minutes."""
    image = build(((b"key", b"") for _ in range(30000)), core)
    assert cdb.Reader(image).check() is None
