"""The intended differences between our tcpserver and ucspi-tcp 0.88, all of them.

A case that names one of these is judged by what is written here; every other
case must show exactly what the original shows.  The rows stand in
docs/differences.md, which a test compares with this table.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.differential.tcpserver.server import Answer, Observation
from ucspi.unix import native

Expect = Callable[[Observation], Observation]


@dataclass(frozen=True)
class Difference:
    """A row: what the original does, what we do, and why."""

    original: str
    here: str
    reason: str

    def markdown(self) -> str:
        """Return the row of docs/differences.md, but for the column of its test."""
        return f"| tcpserver | {self.original} | {self.here} | {self.reason} |"


DENIED = Difference(
    "starts a child to deny a client; its pid is in the five log lines",
    "denies the client itself; its own pid is in the five lines, which are one write",
    "denying needs no process",
)
UNREADABLE = Difference(
    "if the rules file cannot be read, starts a child, which warns and exits 111",
    "starts no child; its own pid is in the lines `pid` and `end PID status 28416`",
    "clients are judged before a process is started",
)
DAMAGED = Difference(
    "notices damage in a rules file only if a look-up meets it, and otherwise allows the client; "
    "with some files its child crashes",
    "`protocol error` (for a directory, `is a directory`) for every client until the file changes",
    "fail closed",
)
NUMBERS = Difference(
    "reads a value that is not a number as its leading digits, or as 0: "
    "with `-u nobody` it stays root, with `-c 0` it never serves",
    "does not start; a message names the value, exit 100 or 111",
    "fail closed, with a message",
)
LONG_OPTIONS = Difference(
    "any argument that begins with two dashes ends the options, as `--` does",
    "answers `--help` and `--version`, and refuses unknown long options with the usage, exit 100",
    "a mistyped option must not pass unnoticed",
)
IDENTITY_FROM_NOTHING = Difference(
    "`-U` without UID or GID in the environment changes nothing, without a message",
    "as root, exit 100",
    "fail closed, with a message",
)
CLOSED_AT_START = Difference(
    "started with descriptor 0, 1 or 2 closed, the listener takes that number: "
    "with 0 or 1, no client can connect; with 2, the log is lost",
    "`/dev/null` takes that number",
    "robustness",
)
IP_OPTIONS = Difference(
    "`-O`, the default, clears IP_TOS instead of IP_OPTIONS on Linux, so source routes stay",
    "`-O` clears the IP options",
    "that is what the option means",
)
ORDER = Difference(
    "setting a variable moves the last inherited variable into its old place",
    "inherited variables keep their order, and the new ones follow",
    "easier to read in `env`; no program depends on it",
)
GROUPS = Difference(
    "`-u N` without `-g` keeps the groups of root, without a message",
    "keeps them too, with a warning at the start",
    "existing scripts rely on it, so it cannot be refused",
)
FOREWARNED = Difference(
    "reports a program that cannot be run, or rules that cannot be read, only when the first client comes",
    "`-v` also warns at the start",
    "a server that drops every client should not look healthy",
)
STRANGERS = Difference(
    "counts children that it was started with (`exec` in a shell), and logs their end",
    "reaps them, and neither counts nor logs them",
    "the count is that of the clients",
)
NAMES = Difference(
    "asks only `$DNSCACHEIP` or the servers in `/etc/resolv.conf` for names",
    "asks the system resolver, so `/etc/hosts` counts and `$DNSCACHEIP` does not",
    "names are the same as in the rest of the system",
)

PURE = Difference(
    "has only one way to start a handler, and passes on an entry without `=` unchanged",
    "without the compiled module, `-v` says so at the start, handlers are forked, "
    "and an entry without `=` gets one",
    "a slower server must not go unnoticed; CPython adds the `=`",
)

ALL = (
    DENIED,
    UNREADABLE,
    DAMAGED,
    NUMBERS,
    LONG_OPTIONS,
    IDENTITY_FROM_NOTHING,
    CLOSED_AT_START,
    IP_OPTIONS,
    ORDER,
    GROUPS,
    FOREWARNED,
    STRANGERS,
    NAMES,
    PURE,
)


def by_the_server_itself(original: Observation) -> Observation:
    """Give denied clients, and those dropped for their rules, the server's pid.

    The children that the original made for them are counted by nobody here, so
    the later ones move up by one.
    """
    log = b"".join(original.lines)
    judged = rb"tcpserver: (?:deny (?P<d>CHILD-\d+) |warning: dropping connection, unable to read )"
    words: dict[bytes, bytes] = {}
    block = re.compile(rb"tcpserver: pid (?P<p>CHILD-\d+) from [^\n]*\n" + judged)
    for match in block.finditer(log):
        words[match["p"]] = b"SERVER"
    count = 0
    for match in re.finditer(rb"^tcpserver: pid (CHILD-\d+) from", log, re.MULTILINE):
        if match[1] not in words:
            count += 1
            words[match[1]] = b"CHILD-%d" % count

    def reword(match: re.Match[bytes]) -> bytes:
        return words.get(match[0], match[0])

    lines = tuple(re.sub(rb"CHILD-\d+", reword, line) for line in original.lines)
    answers = [_as_forked(_with_pid(answer, words)) for answer in original.answers]
    return replace(original, lines=lines, answers=answers)


def without_forewarning(ours: Observation) -> Observation:
    """Take away the warnings of the start, which must be what each client is dropped for."""
    warning = re.compile(
        rb"tcpserver: warning: (unable to (?:run|read) .*); every client is dropped until that changes\n"
    )
    lines = list(ours.lines)
    while lines and (match := warning.fullmatch(lines[0])):
        del lines[0]
        told = b"tcpserver: warning: dropping connection, %s\n" % match[1]
        assert not ours.answers or any(line == told for line in lines), (match[1], lines)
    return replace(ours, lines=tuple(lines))


def _with_pid(answer: Answer, words: dict[bytes, bytes]) -> Answer:
    if answer.report is None:
        return answer
    pid = words.get(answer.report.pid.encode(), answer.report.pid.encode()).decode()
    return replace(answer, report=replace(answer.report, pid=pid))


def _as_forked(answer: Answer) -> Answer:
    """Give each entry of the environment an ``=``, where the compiled module is missing."""
    if answer.report is None or native.lib is not None:
        return answer
    whole = tuple(entry if b"=" in entry[1:] else entry + b"=" for entry in answer.report.environment)
    return replace(answer, report=replace(answer.report, environment=whole))


def dropped(path: bytes, error: bytes, limit: bytes = b"40") -> Expect:
    """Expect every client to be dropped with the five lines of an unsound rules file."""

    def expect(original: Observation) -> Observation:
        lines = [b"tcpserver: status: 0/%s\n" % limit]
        for _ in original.answers:
            lines += [
                b"tcpserver: status: 1/%s\n" % limit,
                b"tcpserver: pid SERVER from 127.0.0.1\n",
                b"tcpserver: warning: dropping connection, unable to read %s: %s\n" % (path, error),
                b"tcpserver: end SERVER status 28416\n",
                b"tcpserver: status: 0/%s\n" % limit,
            ]
        answers = [replace(answer, report=None) for answer in original.answers]
        return replace(original, lines=tuple(lines), answers=answers)

    return expect
