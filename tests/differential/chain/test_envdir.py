"""envdir against the original: generated directories, and hostile ones."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.differential.chain import ENVIRONMENT, POWERLESS, Compare, as_root
from tests.support.commands import ours, run
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

# Executes argv[1:] with entries that no shell makes: twice the same name, none at all, no equals sign.
ODD = """\
import ctypes, sys
words = lambda *all: (ctypes.c_char_p * (len(all) + 1))(*all, None)
given = b"A=1", b"P=2", b"B=3", b"P=4", b"C=5", b"P=6", b"PP=7", *[v.encode() for v in sys.argv[1].split()]
argv = [word.encode() for word in sys.argv[2:]]
ctypes.CDLL(None).execve(argv[0], words(*argv), words(*given))
"""


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """Give a directory that anybody may use, with an empty one called ``d`` in it."""
    tmp_path.chmod(0o755)
    (tmp_path / "d").mkdir()
    return tmp_path


def fill(directory: Path, files: dict[bytes, bytes]) -> None:
    for name, text in files.items():
        with open(os.path.join(bytes(directory), name), "wb") as file:
            file.write(text)


@pytest.mark.parametrize("seed", range(5))
def test_generated_directories_give_the_same_environment(
    compare: Compare, oracle: Oracle, where: Path, seed: int
) -> None:
    random = Random(seed)

    def text(alphabet: bytes, most: int) -> bytes:
        return bytes(random.choices(alphabet, k=random.randrange(most)))

    names = {text(b"AB=\xff\n ", 3) + b"C" for _ in range(20)} | {b"=", b"==", b"A", b".hidden", b"PATH"}
    files = {name: text(b"ab \t\r\n\0=\xff", 8) for name in names}
    for name in files:
        if name.startswith(b"="):  # CPython would add one, as to an entry without any
            files[name] = files[name] or b"x"
    fill(where / "d", files)
    given = {os.fsdecode(text(b"ABC ", 3) + b"C"): str(number) for number in range(10)}
    code, output, _ = compare(oracle, "envdir", ["d", *ENVIRONMENT], where, environment={"A": "", **given})
    assert (code, output.count(b"\0") > 5) == (0, True)


def test_names_that_are_there_twice_are_changed_once(oracle: Oracle, where: Path) -> None:
    for text in (b"new", b""):
        fill(where / "d", {b"P": text})
        shown = [
            subprocess.run(
                [sys.executable, "-c", ODD, *path, "d", "/bin/cat", "/proc/self/environ"],
                cwd=where,
                capture_output=True,
                check=True,
                timeout=PATIENCE,
            ).stdout
            for path in (
                ["PYTHONPATH=" + os.pathsep.join(sys.path), *ours("envdir")],
                ["PYTHONPATH=" + os.pathsep.join(sys.path), oracle("envdir")],
            )
        ]
        assert shown[0] == shown[1]
        assert shown[0].count(b"\0P=") == (3 if text else 2)


def test_search_is_by_the_path_before(compare: Compare, oracle: Oracle, where: Path) -> None:
    for text in (b"/nowhere", b""):
        fill(where / "d", {b"PATH": text})
        assert compare(oracle, "envdir", ["d", *ENVIRONMENT], where)[0] == 0


def test_what_is_no_directory_is_refused(compare: Compare, oracle: Oracle, where: Path) -> None:
    (where / "file").touch()
    (where / "loop").symlink_to("loop")
    (where / "link").symlink_to("d")
    for name in ("file", "nosuch", "", "loop", "d/../file", "/dev/null", "x" * 300):
        assert compare(oracle, "envdir", [name, "true"], where)[0] == 111
    for name in ("link", "d/", "d/.", str(where / "d")):
        assert compare(oracle, "envdir", [name, "true"], where)[0] == 0


def test_subdirectory_socket_and_loop_are_refused(compare: Compare, oracle: Oracle, where: Path) -> None:
    odd = where / "d" / "odd"
    odd.mkdir()
    assert compare(oracle, "envdir", ["d", "true"], where)[2].endswith(b"read d/odd: is a directory\n")
    odd.rmdir()
    odd.symlink_to("odd")
    assert compare(oracle, "envdir", ["d", "true"], where)[2].endswith(b"symbolic link loop\n")
    odd.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(odd))
    assert compare(oracle, "envdir", ["d", "true"], where)[2].endswith(b"device not configured\n")


def test_fifo_is_never_waited_for(compare: Compare, oracle: Oracle, where: Path) -> None:
    os.mkfifo(where / "d" / "FIFO")
    given = {"FIFO": "gone"}
    assert b"FIFO" not in compare(oracle, "envdir", ["d", *ENVIRONMENT], where, environment=given)[1]
    both = os.open(where / "d" / "FIFO", os.O_RDWR)
    assert compare(oracle, "envdir", ["d", "true"], where)[2].endswith(b"d/FIFO: temporary failure\n")
    os.close(both)


@as_root
def test_what_may_not_be_read_is_refused(compare: Compare, oracle: Oracle, where: Path) -> None:
    fill(where / "d", {b"V": b"1"})
    for file, directory in ((0, 0o755), (0o644, 0o311), (0o644, 0o655), (0o644, 0)):
        (where / "d" / "V").chmod(file)
        (where / "d").chmod(directory)
        code, _, error = compare(oracle, "envdir", ["d", "true"], where, behind=POWERLESS)
        assert (code, error.endswith(b": access denied\n")) == (111, True)


def test_dangling_link_is_no_file(oracle: Oracle, where: Path) -> None:
    """The original takes the value of the file before, or unsets the variable."""
    (where / "d" / "LINK").symlink_to("nothing")
    command = [*ours("envdir"), "d", *ENVIRONMENT]
    assert b"\0LINK=kept\0" in b"\0" + run(command, where, LINK="kept")[1]
    assert b"LINK=" not in run([oracle("envdir"), "d", *ENVIRONMENT], where, LINK="kept")[1]
    fill(where / "d", {b"A%d" % number: b"value" for number in range(9)})
    assert b"\0LINK=kept\0" in b"\0" + run(command, where, LINK="kept")[1]


def test_value_too_long_for_the_system_is_reported(compare: Compare, oracle: Oracle, where: Path) -> None:
    fill(where / "d", {b"LONG": b"x" * 131072})
    assert compare(oracle, "envdir", ["d", "true"], where)[2].endswith(b"argument list too long\n")
    fill(where / "d", {b"LONG": b"x" * 131066 + b" " * 9999})
    assert compare(oracle, "envdir", ["d", "true"], where)[0] == 0


def test_device_that_never_ends_is_too_long(where: Path) -> None:
    (where / "d" / "ZERO").symlink_to("/dev/zero")
    code, _, error = run([*ours("envdir"), "d", "true"], where)
    assert (code, error) == (111, b"envdir: fatal: unable to run true: argument list too long\n")


@as_root
def test_directory_that_we_are_in_need_not_be_ours(oracle: Oracle, where: Path) -> None:
    fill(where / "d", {b"V": b"1"})
    (where / "secret").mkdir(0)
    mine, original = (
        run([*POWERLESS, *command, str(where / "d"), "true"], where / "secret")
        for command in (ours("envdir"), [oracle("envdir")])
    )
    assert mine == (0, b"", b"")
    assert (original[0], original[2].endswith(b": access denied\n")) == (111, True)
