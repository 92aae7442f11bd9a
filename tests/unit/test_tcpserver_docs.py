"""docs/tcpserver.md and the manual page have every option, and examples that are accepted."""

import os
import re
import shlex
from pathlib import Path

import pytest

from ucspi.programs import _options
from ucspi.programs._tcpserver_options import LETTERS, USAGE, WORDS, read_command_line

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "tcpserver.md").read_text()
MANUAL = (DOCS / "man" / "tcpserver.1").read_text().replace("\\-", "-")
ROWS = re.findall(r"^\| `(--?\S+)[^`]*` \| .+ \| `([^`]+)` \|$", PAGE, re.MULTILINE)
FENCED = re.findall(r"^```sh\n(.+)\n```$", PAGE, re.MULTILINE)
OPTIONS = ["-" + letter for letter in LETTERS.decode() if letter != ":"]
OPTIONS += ["--" + word.decode() for word in WORDS]
INHERITED = [b"UID=1", b"GID=1", b"LISTEN_FDS=1", b"LISTEN_PID=%d" % os.getpid()]


def command_line(example: str) -> list[bytes]:
    """Return the arguments of the tcpserver in an example."""
    words = shlex.split(example.removesuffix(" 2>&1"))
    return [os.fsencode(word) for word in words[words.index("tcpserver") :]]


@pytest.mark.parametrize("option", OPTIONS)
def test_option_stands_on_both_pages(option: str) -> None:
    assert option in [name for name, _ in ROWS]
    assert re.search(rf"^\.(TP\n\.)?[BI]+R? .*{re.escape(option)}\b", MANUAL, re.MULTILINE)


def test_pages_have_no_option_that_there_is_not() -> None:
    assert {name for name, _ in ROWS} == set(OPTIONS)
    assert set(re.findall(r"--[a-z][-a-z]+", MANUAL)) <= {*OPTIONS, "--help", "--version"}


@pytest.mark.parametrize(("option", "example"), ROWS)
def test_example_is_of_its_option_and_accepted(option: str, example: str) -> None:
    argv = command_line(example)
    given, _ = _options.parse(argv, LETTERS, USAGE, WORDS)
    assert option.lstrip("-").encode() in [name for name, _ in given]
    assert read_command_line(argv, INHERITED).operands


@pytest.mark.parametrize("example", FENCED)
def test_longer_example_is_accepted(example: str) -> None:
    assert read_command_line(command_line(example), INHERITED).operands


def test_usage_has_every_short_option() -> None:
    shown = re.findall(r"\[ -(\w+)", USAGE.decode())
    assert sorted("".join(shown)) == sorted(LETTERS.decode().replace(":", ""))
