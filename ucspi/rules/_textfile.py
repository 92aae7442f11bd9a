"""Reading a text of rules, and finding out when it counts.

An editor may write a file in several steps, and half a file can be correct text
that allows too much.  So a text counts once its state and its bytes have been
the same for a second, on a clock that is never set; the file's own times may be
wrong.  When its state alone is enough to know it, `_compiledfile` explains.
"""

import errno
import gc
import os
import time

from ucspi.cdb import Builder, Reader
from ucspi.cdb.layout import CDB
from ucspi.errors import CdbTooLargeError
from ucspi.rules._compile import compile_rules
from ucspi.rules._compiledfile import COARSEST
from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._expand import expand
from ucspi.rules._lint import lint
from ucspi.rules._lookup import RuleSet
from ucspi.rules._native import lib
from ucspi.rules._parse import parse
from ucspi.unix.errtext import describe
from ucspi.unix.regularfile import open_regular, state_of

# A text may become long while a server runs, which may have no right to our files by then.
if lib is not None:
    import ucspi.rules._nativecompile
    import ucspi.rules._relatelines  # noqa: F401

NO_RULE_AT_ALL = "a text without a rule allows everybody"
TEXT_MAX = 2**28  # bytes; millions of rules fit
BLOCK = 2**20  # bytes that are compiled at once
QUIET = 1.0  # seconds for which a text stays the same before it counts


class TextFile:
    """A text as it was read.

    Its ``state`` (see `state_of`) and the ``digest`` of its bytes were first
    seen at ``seen_since``, on the steady clock.  Once ``is_settled``, every
    change of the file changes its state.

    When it begins to count (``counts``) it is compiled, unless its digest is
    ``used_digest``, that of the text in use.  The result is ``rules`` and
    ``lines``; or ``problems``, what is wrong with lines; or ``trouble``, why it
    cannot be compiled at all.
    """

    __slots__ = (
        "counts",
        "digest",
        "is_settled",
        "lines",
        "problems",
        "rules",
        "seen_since",
        "state",
        "trouble",
        "used_digest",
    )

    def __init__(self, state: tuple[int, ...] = (), digest: int = 0, seen_since: float = 0.0) -> None:
        """Note a text that does not count yet."""
        self.state, self.digest, self.seen_since = state, digest, seen_since
        self.counts = self.is_settled = False
        self.used_digest: int | None = None
        self.rules: RuleSet | None = None
        self.lines: dict[bytes, int] = {}
        self.problems: list[Diagnostic] = []
        self.trouble = b""


def reread(path: bytes, before: TextFile, *, at_once: bool, numbered: bool) -> TextFile:
    """Return a text as it is now; compile it when it begins to count.

    Args:
        path: the file.
        before: the text as it was read last.
        at_once: whether it counts now, however short it has been so.
        numbered: whether to fill ``lines``.

    Raises:
        OSError: it is missing, unreadable, not a regular file, too long (EFBIG),
            or does not fit into memory (ENOMEM).
    """
    with open_regular(path) as file:
        begin = time.monotonic()
        state = state_of(os.fstat(file.fileno()))
        if state == before.state and before.is_settled:
            return before
        text = _read(file.fileno(), state[2], path)
        if text is None or state_of(os.fstat(file.fileno())) != state:
            return _text_file(before, (), 0)  # somebody is writing
    digest = hash(text)
    text_file = _text_file(before, state, digest)
    if state == before.state and digest == before.digest:
        text_file.seen_since, text_file.counts = before.seen_since, before.counts
        text_file.is_settled = text_file.counts and begin - text_file.seen_since >= COARSEST
    if not text_file.counts and (at_once or begin - text_file.seen_since >= QUIET):
        text_file.counts = True
        if digest != text_file.used_digest:
            _compile_without_collection(text, text_file, numbered)
    return text_file


def _text_file(before: TextFile, state: tuple[int, ...], digest: int) -> TextFile:
    text_file = TextFile(state, digest, time.monotonic())
    text_file.used_digest = before.used_digest
    return text_file


def _read(fd: int, size: int, path: bytes) -> bytes | None:
    """Read a whole text of this size; None if that is not its size any more."""
    if size > TEXT_MAX:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    text = b""
    try:
        while len(text) <= size and (more := os.pread(fd, size + 1 - len(text), len(text))):
            text += more
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), path) from None
    return text if len(text) == size else None


def _compile_without_collection(text: bytes, text_file: TextFile, numbered: bool) -> None:
    """Compile while nothing is garbage-collected: to look through a million lines would stop all threads."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        _compile(text, text_file, numbered)
    finally:
        if was_enabled:
            gc.enable()


def _compile(text: bytes, text_file: TextFile, numbered: bool) -> None:
    try:
        problems = lint(text)
        if not problems and not _has_rule(text):
            # An editor, or a full disk, may leave an empty file: it would let everybody in.
            problems = [Diagnostic(1, 1, NO_RULE_AT_ALL, "write :allow if you want that")]
        text_file.problems = problems
        if not problems:
            text_file.rules = _rules_of(text)
            text_file.lines = _number(text) if numbered else {}
            text_file.used_digest = text_file.digest
    except CdbTooLargeError:
        text_file.trouble = b"too many rules"
    except MemoryError:
        text_file.rules, text_file.trouble = None, describe(errno.ENOMEM)


def _has_rule(text: bytes) -> bool:
    lines = (line.rstrip(b" \t") for line in text.split(b"\n"))
    return any(line and not line.startswith(b"#") for line in lines)


def _rules_of(text: bytes) -> RuleSet:
    image = bytearray(CDB.header_size)
    builder = Builder(image.extend)
    blocks = (text[at : at + BLOCK] for at in range(0, len(text), BLOCK))
    compile_rules(blocks, builder.add, add_block=builder.add_block)
    image[: CDB.header_size] = builder.finish()
    return RuleSet(Reader(image))


def _number(text: bytes) -> dict[bytes, int]:
    """Return the line of each address, as it is filed, in a text without a fault; the first counts."""
    lines: dict[bytes, int] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        rule = parse(line, number)
        if rule is not None:
            for key in expand(rule.address):
                lines.setdefault(key, number)
    return lines
