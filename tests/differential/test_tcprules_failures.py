"""Everything that can go wrong with tcprules and tcprulescheck, and with the originals."""

import os
import resource
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.commands import ENVIRONMENT, Outcome, ours
from tests.support.launchers import is_launched
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.rules_files import image_of, image_with
from ucspi import __version__
from ucspi.errors import CdbTooLargeError
from ucspi.programs import tcprules

pytestmark = pytest.mark.sampled(3)

RULES = b'1.2.3.:allow,A="b"\n:deny\n'
OLD = image_of(b":allow\n")
NEW = image_of(RULES)


def run(
    command: list[str],
    where: Path,
    stdin: int | bytes = RULES,
    before: Callable[[], object] | None = None,
    **environment: str,
) -> Outcome:
    """Run a command in a directory, given sound rules unless something else is; see `commands.run`."""
    return commands.run(command, where, stdin, stdout=subprocess.PIPE, before=before, **environment)


@pytest.fixture
def original(oracle: Oracle) -> list[str]:
    """Return the original tcprules as the beginning of a command."""
    return [oracle("tcprules")]


@pytest.fixture
def checker(oracle: Oracle) -> list[str]:
    """Return the original tcprulescheck as the beginning of a command."""
    return [oracle("tcprulescheck")]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with an old database, a fifo and a directory in it."""
    (tmp_path / "old.cdb").write_bytes(OLD)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    return tmp_path


@pytest.mark.oracle
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["old.cdb"],
        ["-x"],
        ["missing/old.cdb", "t.tmp"],
        ["directory", "t.tmp"],
        ["", "t.tmp"],
        ["old.cdb", "missing/t.tmp"],
        ["old.cdb", "old.cdb/t.tmp"],
        ["old.cdb", "directory"],
        ["old.cdb", "fifo"],
        ["old.cdb", ""],
        ["old.cdb", "/dev/null"],
        ["old.cdb", "/dev/full"],
        ["old.cdb", "x" * 300],
        ["old.cdb", "\udcff/t.tmp"],
    ],
)
def test_failure_has_the_original_message_and_exit_code(
    original: list[str], place: Path, arguments: list[str]
) -> None:
    expected = run([*original, *arguments], place)
    assert expected[0] in (100, 111)
    assert run([*ours("tcprules"), *arguments], place) == expected
    assert (place / "old.cdb").read_bytes() == OLD


@pytest.mark.oracle
def test_fifo_with_a_reader_cannot_be_the_temporary(original: list[str], place: Path) -> None:
    reader = os.open(place / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    try:
        expected = run([*original, "old.cdb", "fifo"], place)
        assert run([*ours("tcprules"), "old.cdb", "fifo"], place) == expected
        assert b"unseekable descriptor" in expected[2]
    finally:
        os.close(reader)


@pytest.mark.oracle
def test_input_that_has_nothing_yet_is_not_taken_for_its_end(original: list[str], place: Path) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    try:
        expected = run([*original, "old.cdb", "t.tmp"], place, reader)
        assert run([*ours("tcprules"), "old.cdb", "t.tmp"], place, reader) == expected
    finally:
        os.close(reader)
        os.close(writer)
    assert expected == (111, b"", b"tcprules: fatal: unable to read input: temporary failure\n")
    assert (place / "old.cdb").read_bytes() == OLD


@pytest.mark.oracle
def test_directory_as_input_cannot_be_read(original: list[str], place: Path) -> None:
    """Without a launcher the interpreter refuses to start."""
    directory = os.open(place, os.O_RDONLY)
    try:
        mine, expected = (
            run([*command, "old.cdb", "t.tmp"], place, directory) for command in (ours("tcprules"), original)
        )
    finally:
        os.close(directory)
    assert expected == (111, b"", b"tcprules: fatal: unable to read input: is a directory\n")
    assert mine == expected if is_launched() else mine[0] == 1
    assert (place / "old.cdb").read_bytes() == OLD


@pytest.mark.oracle
def test_closed_input_cannot_be_read(original: list[str], place: Path) -> None:
    expected = run([*original, "old.cdb", "t.tmp"], place, before=lambda: os.close(0))
    assert run([*ours("tcprules"), "old.cdb", "t.tmp"], place, before=lambda: os.close(0)) == expected
    assert expected[2].startswith(b"tcprules: fatal: unable to read input: ")


@pytest.mark.oracle
@pytest.mark.skipif(
    not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat("/tmp").st_dev,
    reason="needs a second file system at /dev/shm",
)
def test_temporary_on_another_file_system_cannot_be_moved(original: list[str], place: Path) -> None:
    temporary = f"/dev/shm/tcprules-test-{os.getpid()}.tmp"
    try:
        expected = run([*original, "old.cdb", temporary], place)
        assert run([*ours("tcprules"), "old.cdb", temporary], place) == expected
        assert b"cross-device link" in expected[2]
        assert Path(temporary).read_bytes() == NEW
    finally:
        os.unlink(temporary)
    assert (place / "old.cdb").read_bytes() == OLD


@pytest.mark.oracle
def test_bad_line_leaves_the_same_files(original: list[str], place: Path) -> None:
    for command in (original, ours("tcprules")):
        code, _, complaint = run([*command, "old.cdb", "t.tmp"], place, b"1:deny\n2:dney\n")
        assert (code, complaint.splitlines()[0]) == (
            100,
            b"tcprules: fatal: unable to parse this line: 2:dney",
        )
        assert (place / "old.cdb").read_bytes() == OLD
        assert (place / "t.tmp").read_bytes() == b""
        (place / "t.tmp").unlink()


def test_second_line_names_the_input_line_column_and_reason(place: Path) -> None:
    (place / "tcp.telnet").write_bytes(b'# head\n1.:allow\n2.:allow,A="b\n')
    with open(place / "tcp.telnet", "rb") as rules:
        _, _, complaint = run([*ours("tcprules"), "old.cdb", "t.tmp"], place, rules.fileno())
    said = b"tcp.telnet:3:12: the quote that starts here is not closed; "
    assert complaint.splitlines()[1] == said + b"write the same character behind the value"


def test_second_line_says_stdin_for_a_pipe_and_for_a_file_without_a_name(place: Path) -> None:
    (place / "gone").write_bytes(b":no\n")
    nameless = os.open(place / "gone", os.O_RDONLY)
    (place / "gone").unlink()
    try:
        for stdin in (nameless, b":no\n"):
            _, _, complaint = run([*ours("tcprules"), "old.cdb", "t.tmp"], place, stdin)
            assert complaint.splitlines()[1].startswith(b"stdin:1:2: ")
    finally:
        os.close(nameless)


@pytest.mark.oracle
def test_mode_of_the_result(original: list[str], place: Path) -> None:
    modes = []
    for command in (original, ours("tcprules")):
        for mask in (0o022, 0o077, 0o000):
            run([*command, "new.cdb", "t.tmp"], place, before=partial(os.umask, mask))
            modes.append((place / "new.cdb").stat().st_mode)
        (place / "t.tmp").write_bytes(b"much longer than a header" * 200)
        (place / "t.tmp").chmod(0o640)
        run([*command, "new.cdb", "t.tmp"], place)
        modes.append((place / "new.cdb").stat().st_mode)
        assert (place / "new.cdb").read_bytes() == NEW
    assert modes[:4] == modes[4:]


@pytest.mark.oracle
def test_link_in_the_place_of_the_temporary_is_not_followed(original: list[str], place: Path) -> None:
    """A row of docs/differences.md: in a directory of others it could lead to any file of root's."""
    (place / "precious").write_bytes(b"precious")
    (place / "t.tmp").symlink_to("precious")
    outcome = run([*ours("tcprules"), "new.cdb", "t.tmp"], place)
    assert outcome == (111, b"", b"tcprules: fatal: unable to create t.tmp: symbolic link loop\n")
    assert (place / "precious").read_bytes() == b"precious"
    assert run([*original, "new.cdb", "t.tmp"], place) == (0, b"", b"")
    assert (place / "precious").read_bytes() == NEW


@pytest.mark.oracle
def test_same_name_as_temporary(original: list[str], place: Path) -> None:
    for command in (original, ours("tcprules")):
        assert run([*command, "same", "same", "ignored"], place) == (0, b"", b"")
        assert (place / "same").read_bytes() == NEW
        (place / "same").unlink()


def test_file_size_limit_is_reported_and_not_died_of(place: Path) -> None:
    """A row of docs/differences.md: the original dies of SIGXFSZ without a word."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    outcome = run([*ours("tcprules"), "old.cdb", "t.tmp"], place, before=limit)
    assert outcome == (111, b"", b"tcprules: fatal: unable to write to t.tmp: file too big\n")
    assert (place / "old.cdb").read_bytes() == OLD


@pytest.mark.oracle
def test_original_dies_of_the_file_size_limit(original: list[str], place: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    assert run([*original, "old.cdb", "t.tmp"], place, before=limit) == (-signal.SIGXFSZ, b"", b"")


def test_a_file_that_would_pass_four_gigabytes_is_the_original_message(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    class Full:
        def __init__(self, sink: object) -> None: ...

        def add(self, key: bytes, data: bytes) -> None:
            raise CdbTooLargeError

        def add_block(self, block: bytes) -> None:
            raise CdbTooLargeError

    monkeypatch.setattr(tcprules, "Builder", Full)
    monkeypatch.setattr(tcprules, "blocks", lambda size: iter([b":deny\n"]))
    target, temporary = os.fsencode(place / "old.cdb"), os.fsencode(place / "t.tmp")
    assert tcprules.main([b"tcprules", target, temporary]) == 111
    message = b"tcprules: fatal: unable to write to %s: out of memory\n" % temporary
    assert capfdbinary.readouterr().err == message
    assert (place / "old.cdb").read_bytes() == OLD


def test_line_beyond_memory_is_the_original_message(place: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (256 * 2**20, 256 * 2**20))

    endless = os.open("/dev/zero", os.O_RDONLY)
    try:
        outcome = run([*ours("tcprules"), "old.cdb", "t.tmp"], place, endless, before=limit)
    finally:
        os.close(endless)
    assert outcome == (111, b"", b"tcprules: fatal: out of memory\n")
    assert (place / "old.cdb").read_bytes() == OLD


@pytest.mark.oracle
@pytest.mark.parametrize(
    "arguments", [[], ["missing"], ["old.cdb/below"], ["-x"], [""], ["fifo"], ["/dev/null"]]
)
def test_checker_fails_as_the_original_does(checker: list[str], place: Path, arguments: list[str]) -> None:
    expected = run([*checker, *arguments], place)
    assert expected[0] in (100, 111)
    assert run([*ours("tcprulescheck"), *arguments], place) == expected


@pytest.mark.parametrize("name", ["empty", "header only", "zeros", "half", "garbage in an unused table"])
def test_checker_trusts_no_damaged_file(place: Path, name: str) -> None:
    """Rows of docs/differences.md: 0.88 allows some of these and misnames the empty one."""
    images = {
        "empty": b"",
        "header only": NEW[:2048],
        "zeros": bytes(4096),
        "half": NEW[:2100],
        "garbage in an unused table": NEW[:12] + b"\xff\xff\xff\xff" + NEW[16:],
    }
    (place / name).write_bytes(images[name])
    message = b"tcprulescheck: fatal: unable to read %s: protocol error\n" % name.encode()
    assert run([*ours("tcprulescheck"), name], place) == (111, b"", message)


@pytest.mark.oracle
def test_original_checker_allows_by_an_unfinished_file(checker: list[str], place: Path) -> None:
    (place / "zeros").write_bytes(bytes(4096))
    assert run([*checker, "zeros"], place) == (0, b"default:\nallow connection\n", b"")


HOLES = image_of(b"127.:deny\n:deny\n")
HOLES = HOLES[:2048] + bytes(len(HOLES) - 2048)  # as cp and a power cut leave them


def test_checker_trusts_no_file_with_a_hole(place: Path) -> None:
    """A row of docs/differences.md."""
    (place / "hole").write_bytes(HOLES)
    message = b"tcprulescheck: fatal: unable to read hole: protocol error\n"
    assert run([*ours("tcprulescheck"), "hole"], place, TCPREMOTEIP="127.0.0.1") == (111, b"", message)


@pytest.mark.oracle
def test_original_checker_allows_by_a_hole(checker: list[str], place: Path) -> None:
    (place / "hole").write_bytes(HOLES)
    expected = (0, b"default:\nallow connection\n", b"")
    assert run([*checker, "hole"], place, TCPREMOTEIP="127.0.0.1") == expected


def test_checker_names_a_directory(place: Path) -> None:
    """A row of docs/differences.md."""
    message = b"tcprulescheck: fatal: unable to read directory: is a directory\n"
    assert run([*ours("tcprulescheck"), "directory"], place) == (111, b"", message)


def answer_to(stdout: int, command: list[str], place: Path) -> int:
    done = subprocess.run([*command, "old.cdb"], stdout=stdout, cwd=place, env=ENVIRONMENT, timeout=PATIENCE)
    return done.returncode


@pytest.mark.oracle
def test_answer_that_cannot_be_written_is_still_exit_0(checker: list[str], place: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        assert [answer_to(full, command, place) for command in (checker, ours("tcprulescheck"))] == [0, 0]
    finally:
        os.close(full)


@pytest.mark.oracle
def test_answer_to_a_pipe_that_nobody_reads_is_death_by_sigpipe(checker: list[str], place: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        codes = [answer_to(writer, command, place) for command in (checker, ours("tcprulescheck"))]
    finally:
        os.close(writer)
    assert codes == [-signal.SIGPIPE] * 2


@pytest.mark.oracle
def test_checker_stops_its_report_at_the_denial(checker: list[str], place: Path) -> None:
    (place / "rules").write_bytes(image_with((b"", b"+A\0junk\0+B=c\xff\0D\0+D=e\0")))
    expected = run([*checker, "rules"], place, TCPREMOTEIP="1.2.3.4")
    assert run([*ours("tcprulescheck"), "rules"], place, TCPREMOTEIP="1.2.3.4") == expected
    assert expected[1].endswith(b"deny connection\n")


@pytest.mark.parametrize("program", ["tcprules", "tcprulescheck"])
def test_help_and_version_alone_are_answered(place: Path, program: str) -> None:
    """A row of docs/differences.md."""
    code, answer, complaint = run([*ours(program), "--help"], place)
    assert (code, complaint) == (0, b"")
    assert answer.startswith(b"%s: usage: %s rules.cdb" % (program.encode(), program.encode()))
    assert run([*ours(program), "--version"], place) == (0, f"ucspi {__version__}\n".encode(), b"")


@pytest.mark.oracle
def test_word_with_two_dashes_is_no_file_name(original: list[str], place: Path) -> None:
    assert run([*original, "--help", "t.tmp"], place) == (0, b"", b"")
    assert (place / "--help").read_bytes() == NEW
    code, answer, complaint = run([*ours("tcprules"), "--help", "t.tmp"], place)
    line = b"tcprules: fatal: unknown option --help; a file of that name is ./--help\n"
    assert (code, answer, complaint) == (100, b"", line)
    assert run([*ours("tcprules"), "./--help", "t.tmp"], place) == (0, b"", b"")
    assert (place / "--help").read_bytes() == NEW
