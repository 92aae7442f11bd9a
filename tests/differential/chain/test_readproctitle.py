"""readproctitle against the original: what ps sees of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.differential.chain import compare
from tests.support.commands import ENVIRONMENT, ours, run
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

DOTS = "." * 40


def shown(process: "subprocess.Popen[bytes]") -> bytes:
    """Return the last argument of a process as the kernel gives it to ps; nothing while it is executed."""
    return Path(f"/proc/{process.pid}/cmdline").read_bytes()[:-1].rpartition(b"\0")[2]


def start(command: list[str], *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*command, *arguments], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )


def follow(process: "subprocess.Popen[bytes]", pieces: list[bytes], last: str) -> list[bytes]:
    """Give it pieces one by one, each after the one before was seen; return all that was shown."""
    assert process.stdin
    with process:
        seen = [shown_at_last(process, b"." * len(os.fsencode(last)))]
        text = b"." * (len(os.fsencode(last)) - 3)
        for piece in pieces:
            process.stdin.write(piece)
            process.stdin.flush()
            text = (text + piece.replace(b"\0", b""))[3 - len(os.fsencode(last)) :]
            seen.append(shown_at_last(process, b"..." + text))
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    return seen


def shown_at_last(process: "subprocess.Popen[bytes]", text: bytes) -> bytes:
    """Return what is shown when it is that text, or after a long wait; what follows may be another."""
    deadline = time.monotonic() + PATIENCE
    while (seen := shown(process)) != text and time.monotonic() < deadline:
        time.sleep(0.002)
    return seen


PIECES = [
    b"a",
    b"b\0\0c\n",
    b"\0",
    b"\xff\xfe\r\n",
    b"x" * 30,
    b"0123456789" * 20,
    b"line\n",
    b"z" * 70000 + b"!",
]


@pytest.mark.parametrize("last", [DOTS, "abcde", "abcdef", "é" * 9, "x" * 1000])
def test_what_comes_passes_through_the_last_argument(oracle: Oracle, last: str) -> None:
    mine, original = (
        follow(start(command, "service errors:", last), PIECES, last)
        for command in (ours("readproctitle"), [oracle("readproctitle")])
    )
    assert mine == original
    assert mine[1].endswith(b".a" if len(last) > 3 else b"")


def test_generated_logs_end_alike(oracle: Oracle) -> None:
    random = Random(76)
    pieces = [bytes(random.choices(b"abc\n\0.\xff", k=random.randrange(1, 60))) for _ in range(30)]
    mine, original = (
        follow(start(command, DOTS), pieces, DOTS)
        for command in (ours("readproctitle"), [oracle("readproctitle")])
    )
    assert mine == original


def test_script_with_a_hash_bang_line_is_shown_too(tmp_path: Path) -> None:
    script = tmp_path / "readproctitle"
    script.write_text(
        f"#!{sys.executable}\nfrom ucspi.programs.readproctitle import main\nraise SystemExit(main())\n"
    )
    script.chmod(0o755)
    process = start([str(script)], "log:", DOTS)
    assert follow(process, [b"hello\n"], DOTS)[-1] == b"." * 34 + b"hello\n"


def test_first_arguments_and_name_stay() -> None:
    process = start(ours("readproctitle"), "service", "errors:", DOTS)
    shown_at_last(process, b"." * 40)
    assert process.stdin
    process.stdin.write(b"news")
    process.stdin.flush()
    shown_at_last(process, b"." * 36 + b"news")
    after = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    typed = [*ours("readproctitle"), "service", "errors:", "." * 36 + "news"]
    assert after.endswith(b"\0".join(map(os.fsencode, typed)) + b"\0")
    with process:
        process.stdin.close()


def test_too_few_or_too_short_arguments_are_exit_100_without_a_word(oracle: Oracle, tmp_path: Path) -> None:
    for arguments in ([], ["abcd"], [""], ["long enough", "abcd"], ["é"]):
        assert compare(oracle, "readproctitle", arguments, tmp_path) == (100, b"", b"")
    for arguments in (["abcde"], ["a", "b", "abcde"], ["--help"]):
        assert compare(oracle, "readproctitle", arguments, tmp_path) == (0, b"", b"")


def test_input_that_cannot_be_read_is_exit_111_without_a_word(oracle: Oracle, tmp_path: Path) -> None:
    def before() -> None:
        os.close(0)

    assert compare(oracle, "readproctitle", [DOTS], tmp_path, before=before) == (111, b"", b"")


def test_input_that_does_not_block_is_waited_for(oracle: Oracle) -> None:
    codes = []
    for command in (ours("readproctitle"), [oracle("readproctitle")]):
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        process = subprocess.Popen([*command, DOTS], stdin=reader, env=ENVIRONMENT)
        if command == ours("readproctitle"):
            shown_at_last(process, b"." * 40)
            os.write(writer, b"late")
            assert shown_at_last(process, b"." * 36 + b"late").endswith(b"late")
            os.close(writer)
            codes.append(process.wait(PATIENCE))
        else:
            codes.append(process.wait(PATIENCE))
            os.close(writer)
        os.close(reader)
    assert codes == [0, 111]


def test_signal_ends_it(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        process = start(ours("readproctitle"), DOTS.replace(".", "x"))
        shown_at_last(process, b"." * 40)
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE)[1] == b""
        assert process.returncode == -number


def test_log_is_read_on_where_nothing_can_be_shown(tmp_path: Path) -> None:
    code = (
        "import sys, ucspi.unix.processtitle as t; t._ARG_END = 3\n"
        "from ucspi.programs.readproctitle import main; sys.exit(main())"
    )
    done = run([sys.executable, "-c", code, DOTS], tmp_path, b"x" * 1_000_000)
    said = b"readproctitle: warning: unable to find the arguments in memory: nothing is shown\n"
    assert done == (0, b"", said)
