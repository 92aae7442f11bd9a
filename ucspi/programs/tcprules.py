"""``tcprules CDB TMP``: compile the rules on standard input to the file CDB.

``--strict`` treats warnings as errors, ``--stats`` prints counts, and
``--check FILE...`` only prints errors and warnings about files.
"""

import errno
import posix as os
import stat

from ucspi.cdb import Builder
from ucspi.errors import CdbTooLargeError, RuleSyntaxError
from ucspi.exits import EXIT_PERMANENT, EXIT_USAGE
from ucspi.programs._program import Stop, fatal, print_or_stop, run, unknown_option
from ucspi.programs._stdio import InputError, blocks
from ucspi.rules import compile_rules, lint
from ucspi.unix.output import say
from ucspi.unix.publish import Publication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ucspi.rules import Diagnostic

PROGRAM = b"tcprules"
USAGE = b"tcprules: usage: tcprules rules.cdb rules.tmp"
HELP = b"%s\n       tcprules [ --strict ] [ --stats ] rules.cdb rules.tmp\n       %s" % (
    USAGE,
    b"tcprules --check [ --strict ] [ rules ... ]",
)
OPTIONS = (b"--strict", b"--stats", b"--check")
READ_SIZE = 65536
COMPARED_MAX = 16384  # bytes: in a text up to this size lines are compared with each other
WARNINGS_MAX = 20  # the most warnings that are printed without --check
RECORDS_BEGIN = 2048  # the header goes in front of them, last


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_tcprules, argv, HELP)


def _tcprules(argv: list[bytes]) -> int:
    chosen, operands = _options(argv[1:])
    if b"--check" in chosen:
        return _check(operands, strict=b"--strict" in chosen)
    for operand in operands:
        if operand[:2] == b"--" and operand not in OPTIONS:
            raise unknown_option(PROGRAM, operand)
    if len(operands) < 2:
        raise Stop(USAGE, EXIT_USAGE)
    if any(extra in OPTIONS for extra in operands[2:]):  # as in the original, others are ignored
        raise Stop(b"%s: fatal: options stand in front of the file names\n%s" % (PROGRAM, HELP), EXIT_USAGE)
    publication = Publication(target=operands[0], temporary=operands[1])
    try:
        publication.create()
    except OSError as error:
        raise fatal(PROGRAM, b"unable to create " + publication.temporary, error) from None
    text = RulesText(blocks(size=READ_SIZE))
    try:
        if b"--strict" in chosen:
            _refuse_warnings(text)
        tally = _write(publication, text)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to write to " + publication.temporary, error) from None
    except InputError as failure:
        raise fatal(PROGRAM, b"unable to read input", failure.error) from None
    except RuleSyntaxError as error:
        raise _syntax_stop(error) from None
    except MemoryError:
        raise fatal(PROGRAM, b"out of memory") from None
    try:
        publication.rename()
    except OSError as error:
        what = b"unable to move %s to %s" % (publication.temporary, publication.target)
        raise fatal(PROGRAM, what, error) from None
    text.print_warnings()
    if b"--stats" in chosen:
        print_or_stop(PROGRAM, b"lines %d\nrules %d\nrecords %d\nwarnings %d\n" % (*tally, text.count))
    return 0


def _options(arguments: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Split off our options, which stand in front."""
    count = 0
    while count < len(arguments) and arguments[count] in OPTIONS:
        count += 1
    return arguments[:count], arguments[count:]


class RulesText:
    """The text of the rules, which is read once, and the warnings about it.

    A short text is kept, so that its lines can be compared with each other at the
    end.  In a long text each line is checked alone.
    """

    __slots__ = ("_blocks", "_kept", "_warnings", "count")

    def __init__(self, blocks: "Iterable[bytes]") -> None:
        """Read the text from these blocks."""
        self._blocks: Iterable[bytes] = blocks
        self._kept: bytes | None = b""
        self._warnings: list[Diagnostic] = []
        self.count = 0

    def __iter__(self) -> "Iterator[bytes]":
        """Yield the text in blocks."""
        for block in self._blocks:
            if self._kept is not None:
                self._kept = self._kept + block if len(self._kept) + len(block) <= COMPARED_MAX else None
            yield block

    def whole(self) -> bytes:
        """Return the whole text, and keep it to be read again."""
        text = b"".join(self._blocks)
        self._blocks = [text]
        return text

    def warn(self, diagnostic: "Diagnostic") -> None:
        """Keep a warning about a single line."""
        self.count += 1
        if len(self._warnings) < WARNINGS_MAX:
            self._warnings.append(diagnostic)

    def print_warnings(self) -> None:
        """Print the first warnings: about each line, and in a short text also about lines together."""
        if self._kept is not None:
            self._warnings = lint(self._kept)
            self.count = len(self._warnings)
        name = _input_name() if self._warnings else b""
        for diagnostic in self._warnings[:WARNINGS_MAX]:
            say(diagnostic.text(name))
        if self.count > WARNINGS_MAX:
            say(b"%s: %d more warnings; see tcprules --check" % (name, self.count - WARNINGS_MAX))


def _refuse_warnings(text: RulesText) -> None:
    """Stop with all warnings, if there are some; errors are left for the compiler."""
    said = lint(text.whole())
    if said and not any(diagnostic.severity == "error" for diagnostic in said):
        name = _input_name()
        lines = [diagnostic.text(name) for diagnostic in said]
        first = b"%s: fatal: these rules are not accepted with --strict" % PROGRAM
        raise Stop(b"\n".join([first, *lines]), EXIT_PERMANENT)


def _check(paths: list[bytes], *, strict: bool) -> int:
    """Print errors and warnings about files, or standard input; return the exit code."""
    code = 0
    for path in paths or [b""]:
        try:
            with open(path or 0, "rb", closefd=bool(path)) as file:
                text = file.read()
        except OSError as error:
            raise fatal(PROGRAM, b"unable to read " + (path or b"input"), error) from None
        for diagnostic in lint(text):
            say(diagnostic.text(path or _input_name()))
            if strict or diagnostic.severity == "error":
                code = EXIT_PERMANENT
    return code


def _write(publication: Publication, text: RulesText) -> tuple[int, int, int]:
    """Write the cdb file under its temporary name.  As in the original, a failure leaves it there."""
    publication.seek(RECORDS_BEGIN)
    builder = Builder(publication.write)
    try:
        tally = compile_rules(text, builder.add, text.warn, add_block=builder.add_block)
        header = builder.finish()
    except CdbTooLargeError:
        # The original has this error for a file that would pass 4 GB.
        raise OSError(errno.ENOMEM, "a cdb file cannot pass 4 GB") from None
    publication.write_at(0, header)
    publication.seal()
    return tally.lines, tally.rules, tally.records


def _syntax_stop(error: RuleSyntaxError) -> Stop:
    """Return the original's line, which ends at a NUL byte, and a second one that says where and why."""
    original = b"%s: fatal: unable to parse this line: %s" % (PROGRAM, error.text.partition(b"\0")[0])
    reason = error.reason + (f"; {error.suggestion}" if error.suggestion else "")
    place = b"%s:%d:%d: %s" % (_input_name(), error.line, error.column, reason.encode())
    return Stop(original + b"\n" + place, EXIT_PERMANENT)


def _input_name() -> bytes:
    """Return the base name of the file that standard input is, or ``stdin``."""
    try:
        status = os.fstat(0)
        # A here-document is a file without a name.
        if stat.S_ISREG(status.st_mode) and status.st_nlink:
            return os.readlink(b"/proc/self/fd/0").rpartition(b"/")[2]
    except OSError:
        pass
    return b"stdin"
