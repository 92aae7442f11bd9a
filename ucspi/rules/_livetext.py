"""Rules text that is judged by as it stands, without compiling it to a file.

It is always read strictly: text with anything odd in it is not used, and what
was good before goes on judging.  An editor may write a file in several steps,
and half a file can be sound text that allows too much; so a change counts once
the file has been left alone for a second.
"""

import errno
import os
import time

from ucspi.cdb import Builder, Reader
from ucspi.errors import CdbTooLargeError
from ucspi.rules._bytes import require_bytes
from ucspi.rules._compile import compile_rules
from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._expand import expand
from ucspi.rules._lint import lint
from ucspi.rules._live import open_regular, state_of
from ucspi.rules._lookup import RuleSet, Verdict
from ucspi.rules._parse import parse
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NO_RULE_AT_ALL = "a text without a rule allows everybody"
TEXT_MAX = 2**28  # bytes; millions of rules fit, and a file of nothing does not hold up the server
QUIET_NS = 1_000_000_000  # nanoseconds without a change before a change counts


class LiveText:
    """The rules in a text file, always as they last were without a fault."""

    __slots__ = ("_lines", "_rules", "_state", "_tell", "_trouble", "path")

    def __init__(self, path: bytes, tell: "Callable[[bytes], object]", *, numbered: bool = False) -> None:
        """Name the file; `load` must come before `judge`.

        Args:
            path: looked up anew for every client.
            tell: called with a line, once, when a new state of the file is not used.
            numbered: let `line_of` know the lines, which costs memory.
        """
        require_bytes("path", path)
        self.path, self._tell = path, tell
        self._rules: RuleSet | None = None
        self._lines: dict[bytes, int] | None = {} if numbered else None
        self._state: tuple[int, ...] | None = None
        self._trouble: int | None = 0  # the errno that was told last

    def load(self) -> "list[Diagnostic]":
        """Read the file as it is now; return what is wrong with it, in which case it is not used.

        Raises:
            OSError: it is missing, unreadable, not a regular file, or too long
                to be read while clients wait (EFBIG).
            CdbTooLargeError: there are more rules than can be judged by.
        """
        text, self._state = self._read()
        problems = lint(text)
        if not problems and not _has_rule(text):
            # An editor, or a full disk, may leave an empty file: it would let everybody in.
            problems = [Diagnostic(1, 1, NO_RULE_AT_ALL, "write :allow if you want that")]
        if not problems:
            self._rules = _compile(text)
            if self._lines is not None:
                self._lines = _number(text)
        return problems

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client by the last good text; see `RuleSet.judge`."""
        self._refresh()
        assert self._rules is not None, "load comes first"
        return self._rules.judge(ip, host, info)

    def line_of(self, rule: bytes | None) -> int | None:
        """Return the line, from 1, of a rule that the last `judge` decided by; None when unknown."""
        return None if self._lines is None or rule is None else self._lines.get(rule)

    def _refresh(self) -> None:
        try:
            status = os.stat(self.path)
            state = state_of(status)
            if state != self._state:
                if abs(time.time_ns() - status.st_mtime_ns) < QUIET_NS:
                    return
                self._load_again()
            self._trouble = 0
        except OSError as error:
            # Tried again for the next client, but told once.
            if self._trouble != error.errno:
                self._trouble = error.errno
                self._complain(self.path + b": " + describe(error.errno))

    def _load_again(self) -> None:
        try:
            problems = self.load()
        except CdbTooLargeError:
            self._complain(self.path + b": too many rules")
        else:
            if problems:
                more = b" (and %d more)" % (len(problems) - 1) if len(problems) > 1 else b""
                self._complain(problems[0].text(self.path) + more)

    def _complain(self, line: bytes) -> None:
        self._tell(line + b"; the last good rules stay")

    def _read(self) -> tuple[bytes, tuple[int, ...]]:
        with open_regular(self.path) as file:
            status = os.fstat(file.fileno())
            if status.st_size > TEXT_MAX:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), self.path)
            return file.read(TEXT_MAX), state_of(status)


def _has_rule(text: bytes) -> bool:
    lines = (line.rstrip(b" \t") for line in text.split(b"\n"))
    return any(line and not line.startswith(b"#") for line in lines)


def _compile(text: bytes) -> RuleSet:
    parts: list[bytes] = []
    builder = Builder(parts.append)
    compile_rules([text], builder.add)
    header = builder.finish()
    return RuleSet(Reader(b"".join([header, *parts])))


def _number(text: bytes) -> dict[bytes, int]:
    """Return the line of each address, as it is filed, in a text without a fault; the first counts."""
    lines: dict[bytes, int] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        rule = parse(line, number)
        if rule is not None:
            for key in expand(rule.address):
                lines.setdefault(key, number)
    return lines
