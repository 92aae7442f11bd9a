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
    "the pid in the five lines of a denied client is that of a child made to deny it",
    "it is the server's own pid; the five lines are one write",
    "denying costs no process",
)
UNREADABLE = Difference(
    "a client whose rules file cannot be read gets a child, which warns and exits 111",
    "no child; `pid` and `end PID status 28416` carry the server's pid",
    "judged before a process is made",
)
DAMAGED = Difference(
    "a damaged rules file is noticed only where a look-up touches the damage, else clients are allowed; "
    "on some its child ends badly",
    "`protocol error` (a directory: `is a directory`) for every client until the file changes",
    "fail closed",
)
NUMBERS = Difference(
    "a number that is none is read as its leading digits, or 0: `-u nobody` stays root, `-c 0` never serves",
    "the server does not start: a message naming the value, exit 100 or 111",
    "fail closed, loudly",
)
LONG_OPTIONS = Difference(
    "any argument that begins with two dashes ends the options, as `--` does",
    "`--help` and `--version` are answered, other long options refused with the usage, exit 100",
    "a mistyped option must not pass unseen",
)
IDENTITY_FROM_NOTHING = Difference(
    "`-U` without UID or GID in the environment silently changes nothing",
    "as root, exit 100",
    "fail closed, loudly",
)
CLOSED_AT_START = Difference(
    "started with descriptor 0, 1 or 2 closed, the listener takes its number, which ends badly",
    "`/dev/null` is put there first",
    "robustness",
)
IP_OPTIONS = Difference(
    "`-O`, the default, clears IP_TOS instead of IP_OPTIONS on Linux, and so keeps source routes",
    "`-O` clears the IP options",
    "what the option says",
)
ORDER = Difference(
    "replacing an inherited variable moves the last one into its place",
    "inherited variables keep their order, ours follow",
    "easier to read in `env`; no program depends on it",
)
GROUPS = Difference(
    "`-u N` without `-g` silently keeps the groups of root",
    "the same, with a warning at the start when root's groups are kept",
    "fail loudly, where scripts forbid to fail closed",
)
FOREWARNED = Difference(
    "that a program cannot be run, or rules cannot be read, shows when the first client comes",
    "`-v` says it at the start, in a line of warning",
    "a server that drops everybody should not look well",
)
STRANGERS = Difference(
    "children that the server was started with (`exec` in a shell) are counted and logged when they end",
    "they are reaped, not counted, not logged",
    "the count stays that of the clients",
)
NAMES = Difference(
    "names are asked of `$DNSCACHEIP` or the servers of `/etc/resolv.conf` alone",
    "the system resolver answers, so `/etc/hosts` counts and `$DNSCACHEIP` does not",
    "names as the rest of the system sees them",
)

PURE = Difference(
    "has no other way to start a handler, and passes on an entry without `=` as it is",
    "where the compiled module is missing, `-v` says so at the start, handlers are forked, "
    "and an entry without `=` gets one",
    "slower must not mean silently; CPython writes it",
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
