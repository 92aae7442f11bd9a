"""Our rules compiler and the original, on the same files."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.support.commands import ours
from tests.support.examples import share
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.rules_files import image_of, rules_file
from ucspi.errors import RuleSyntaxError

pytestmark = pytest.mark.oracle

FILES = share(1200)
WHOLE_RUNS = share(40)
OURS = ours("tcprules")

Outcome = tuple[int, bytes, bytes | None]


def run(command: list[str], where: Path, text: bytes) -> Outcome:
    """Compile a text in a directory; return exit code, stderr, and the file or None."""
    (where / "rules").write_bytes(text)
    target = where / "rules.cdb"
    target.unlink(missing_ok=True)
    with open(where / "rules", "rb") as rules:
        done = subprocess.run(
            [*command, "rules.cdb", "rules.tmp"],
            stdin=rules,
            capture_output=True,
            cwd=where,
            timeout=PATIENCE,
        )
    assert done.stdout == b""
    return done.returncode, done.stderr, target.read_bytes() if target.exists() else None


def ours_in_process(text: bytes) -> Outcome:
    """Say what the original must do with a text, by our library."""
    try:
        return 0, b"", image_of(text)
    except RuleSyntaxError as error:
        line = error.text.partition(b"\0")[0]
        return 100, b"tcprules: fatal: unable to parse this line: " + line + b"\n", None


@pytest.mark.drawn
def test_generated_files_compile_to_the_same_bytes_or_the_same_complaint(
    oracle: Oracle, tmp_path: Path
) -> None:
    original = [oracle("tcprules")]
    random = Random(20250101)
    refused = 0
    for _ in range(FILES):
        text = rules_file(random)
        expected = run(original, tmp_path, text)
        assert ours_in_process(text) == expected, text
        refused += expected[0] == 100
    assert FILES // 10 < refused < FILES // 2, "the generator lost its balance"


@pytest.fixture
def package_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a child that runs elsewhere import the package under test."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))


@pytest.mark.drawn
@pytest.mark.usefixtures("package_path")
def test_whole_command_agrees_in_file_exit_code_and_first_line(oracle: Oracle, tmp_path: Path) -> None:
    original = [oracle("tcprules")]
    random = Random(7)
    texts = [rules_file(random) for _ in range(WHOLE_RUNS)]
    texts += [b"", b"# " + b"x" * 100_000, b':allow,A="' + b"x" * 100_000 + b'"', b"x:" + b"y" * 100_000]
    texts.append(b'tls+=my-host.a:allow,A="b"\ntls+=.a:deny\ntls+%064d:deny\ntls+:deny\ntls+1-2:deny\n' % 7)
    for text in texts:
        code, complaint, image = run(original, tmp_path, text)
        our_code, our_complaint, our_image = run(OURS, tmp_path, text)
        assert (our_code, our_image) == (code, image), text
        assert our_complaint.startswith(complaint), text
        extra = our_complaint[len(complaint) :]
        assert all(line.startswith(b"rules:") for line in extra.splitlines()), text
        assert bool(extra) if code else extra.count(b"\n") >= extra.count(b": warning: "), text
