"""Reading a text of rules, and knowing when it counts.

An editor may write a file in several steps, and half a file can be sound text
that allows too much.  So a text counts once it was seen for a second, state and
bytes, on a clock that is never set; what the file's own times say may be wrong.
It is known by its state alone once it was seen for longer than the coarsest
times: see `_compiledfile`.
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

# For a text that becomes long while a server runs, which may have no right to our files by then.
if lib is not None:
    import ucspi.rules._nativecompile
    import ucspi.rules._relatelines  # noqa: F401

NO_RULE_AT_ALL = "a text without a rule allows everybody"
TEXT_MAX = 2**28  # bytes; millions of rules fit
BLOCK = 2**20  # bytes that are compiled at once
QUIET = 1.0  # seconds that a text is seen before it counts


class Sight:
    """A text as it was seen: its state and a digest of its bytes, first at ``since`` on the steady clock.

    It ``counts`` once it was seen for long enough.  What came of that is in
    ``rules`` and ``lines``, or in ``problems`` or ``trouble``, or it is the
    text that was in ``use`` already.
    """

    __slots__ = (
        "counts",
        "digest",
        "is_settled",
        "lines",
        "problems",
        "rules",
        "since",
        "state",
        "trouble",
        "use",
    )

    def __init__(self, state: tuple[int, ...] = (), digest: int = 0, since: float = 0.0) -> None:
        """Begin with a text that does not count yet."""
        self.state, self.digest, self.since = state, digest, since
        self.counts = self.is_settled = False
        self.use: int | None = None  # the digest of the last good text
        self.rules: RuleSet | None = None
        self.lines: dict[bytes, int] = {}
        self.problems: list[Diagnostic] = []
        self.trouble = b""


def look(path: bytes, before: Sight, *, at_once: bool, numbered: bool) -> Sight:
    """Look at a text that was seen before, and compile it when it begins to count.

    Args:
        path: where it is.
        before: what was seen last.
        at_once: let it count though it was never seen before.
        numbered: note the lines of the rules.

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
            return _seen(before, (), 0)  # somebody is writing
    digest = hash(text)
    sight = _seen(before, state, digest)
    if state == before.state and digest == before.digest:
        sight.since, sight.counts = before.since, before.counts
        sight.is_settled = sight.counts and begin - sight.since >= COARSEST
    if not sight.counts and (at_once or begin - sight.since >= QUIET):
        sight.counts = True
        if digest != sight.use:
            _compile_in_peace(text, sight, numbered)
    return sight


def _seen(before: Sight, state: tuple[int, ...], digest: int) -> Sight:
    sight = Sight(state, digest, time.monotonic())
    sight.use = before.use
    return sight


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


def _compile_in_peace(text: bytes, sight: Sight, numbered: bool) -> None:
    """Compile without the garbage collector, which would stop all threads to look through a million lines."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        _compile(text, sight, numbered)
    finally:
        if was_enabled:
            gc.enable()


def _compile(text: bytes, sight: Sight, numbered: bool) -> None:
    try:
        problems = lint(text)
        if not problems and not _has_rule(text):
            # An editor, or a full disk, may leave an empty file: it would let everybody in.
            problems = [Diagnostic(1, 1, NO_RULE_AT_ALL, "write :allow if you want that")]
        sight.problems = problems
        if not problems:
            sight.rules = _rules_of(text)
            sight.lines = _number(text) if numbered else {}
            sight.use = sight.digest
    except CdbTooLargeError:
        sight.trouble = b"too many rules"
    except MemoryError:
        sight.rules, sight.trouble = None, describe(errno.ENOMEM)


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
