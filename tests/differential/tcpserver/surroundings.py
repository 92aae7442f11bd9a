"""What the server itself was started with, and who it becomes."""

import select
from dataclasses import replace
from pathlib import Path

from tests.differential.tcpserver import differences
from tests.differential.tcpserver.case import FREE, PLAIN, Case
from tests.differential.tcpserver.server import Launch, Observation, Server
from tests.support.launchers import is_launched

BLOCKING = b"""\
import os, signal, sys
for number in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(number, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, {%s})
os.execv(sys.argv[1], sys.argv[1:])
"""


BROKEN = b"""\
import os, signal, sys
for number in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(number, signal.SIG_DFL)
reader, writer = os.pipe()
os.dup2(writer, 2)
os.closerange(3, 64)
os.execv(sys.argv[1], sys.argv[1:])
"""


def _surroundings() -> list[Case]:
    """What the server itself was started with."""
    ucspi = [b"PROTO", b"TCPLOCALIP", b"TCPLOCALPORT", b"TCPLOCALHOST"]
    ucspi += [b"TCPREMOTEIP", b"TCPREMOTEPORT", b"TCPREMOTEHOST", b"TCPREMOTEINFO"]
    inherited = tuple((name, b"inherited") for name in ucspi)
    mixed = (
        (b"A", b"1"),
        (b"TCPREMOTEINFO", b"x"),
        (b"B", b""),
        (b"PROTO", b"x"),
        (b"\xff", b"\xfe"),
        (b"Z", b"a=b"),
    )
    mask = b"exec python3 -c '%s' \"$@\"" % BLOCKING
    broken = b"exec python3 -c '%s' \"$@\"" % BROKEN
    several = b"exec 3</dev/null 5</etc/passwd 7>/dev/null 9</"
    lines: list[tuple[str, Launch]] = [
        ("an empty environment", Launch(PLAIN, environment=())),
        ("UCSPI variables inherited", Launch(PLAIN, environment=inherited)),
        ("UCSPI variables inherited, names and ident on", Launch((b"-1vHl0",), environment=inherited)),
        ("a mixed environment", Launch(PLAIN, environment=mixed)),
        ("locale variables", Launch(PLAIN, environment=((b"LC_CTYPE", b"C.UTF-8"), (b"LANG", b"C")))),
        ("Python's variables", Launch(PLAIN, environment=((b"PYTHONHASHSEED", b"0"), (b"PYTHONUTF8", b"1")))),
        ("descriptors inherited", Launch(PLAIN, setup=several)),
        ("HUP ignored", Launch(PLAIN, setup=b'trap "" HUP')),
        ("INT and QUIT ignored", Launch(PLAIN, setup=b'trap "" INT QUIT')),
        ("CHLD, PIPE and TERM ignored", Launch(PLAIN, setup=b'trap "" CHLD PIPE TERM')),
        ("ALRM, USR1 and TSTP ignored", Launch(PLAIN, setup=b'trap "" ALRM USR1 TSTP')),
        ("HUP and USR2 blocked", Launch(PLAIN, setup=mask % b"1, 12")),
        ("CHLD and PIPE blocked", Launch(PLAIN, setup=mask % b"13, 17")),
        ("a strict umask", Launch(PLAIN, setup=b"umask 077")),
        ("a log that nobody reads", Launch(PLAIN, setup=broken)),
        ("few descriptors", Launch(PLAIN, setup=b"ulimit -n 32")),
        ("a cpu limit and niceness", Launch(PLAIN, setup=b"ulimit -s 4096; renice -n 5 -p $$ >/dev/null")),
    ]
    cases = [Case(name, launch) for name, launch in lines]
    xfsz = Launch(PLAIN, setup=b'trap "" XFSZ PIPE')
    expect = differences.by_the_server_itself if is_launched() else _without_ignored_xfsz
    return [*cases, Case("XFSZ and PIPE ignored", xfsz, expect=expect)]


def _without_ignored_xfsz(original: Observation) -> Observation:
    seen = differences.by_the_server_itself(original)
    answers = []
    for answer in seen.answers:
        assert answer.report is not None
        facts = tuple(
            (name, "SigIgn: 0000000000000000" if value.startswith("SigIgn") else value)
            for name, value in answer.report.facts
        )
        answers.append(replace(answer, report=replace(answer.report, facts=facts)))
    return replace(seen, answers=answers)


def _closed_at_start() -> list[Case]:
    """Descriptors 0, 1, 2 closed: the original is started with /dev/null there instead."""
    lines = [
        ("0", b"<&-", b"</dev/null"),
        ("1", b">&-", b">/dev/null"),
        ("0 and 1", b"<&- >&-", b"</dev/null >/dev/null"),
        ("2", b"2>&-", b"2>/dev/null"),
        ("0, 1 and 2", b"<&- >&- 2>&-", b"</dev/null >/dev/null 2>/dev/null"),
    ]
    cases = []
    for name, closed, occupied in lines:
        launch = Launch((b"-v", b"-HRl0"), port=FREE, setup=b"exec " + closed)
        original = replace(launch, setup=b"exec " + occupied)
        cases.append(Case(f"closed at start: {name}", launch, original=original))
    stranger = Launch(PLAIN, setup=b"sleep 0.1 &")
    cases.append(
        Case(
            "a child from before exec",
            stranger,
            original=replace(stranger, setup=b":"),
            script=_after_the_stranger,
        )
    )
    return cases


def _after_the_stranger(server: Server) -> dict[str, object]:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    for _ in range(1000):
        if not children.read_text():
            break
        select.select([], [], [], 0.005)
    server.connect().finish()
    server.settle()
    return {"reaped": not children.read_text()}


def _identities() -> list[Case]:
    """Becoming another user; only root can."""
    both = ((b"UID", b"65534"), (b"GID", b"65533"))
    lines: list[tuple[str, tuple[bytes, ...], tuple[tuple[bytes, bytes], ...]]] = [
        ("group", (b"-g", b"65534"), ()),
        ("user and group", (b"-u", b"65534", b"-g", b"65533"), ()),
        ("root by number", (b"-g0", b"-u0"), ()),
        ("user from the environment", (b"-U",), both),
        ("user given after the environment's", (b"-Uu", b"1", b"-g2"), both),
        ("user given before the environment's", (b"-u1", b"-g2", b"-U"), both),
        ("root by name of zero", (b"-U",), ((b"UID", b"0"), (b"GID", b"0"))),
    ]
    cases = [
        Case(name, Launch((*PLAIN, *options), environment=environment), needs_root=True)
        for name, options, environment in lines
    ]
    alone = Launch((*PLAIN, b"-u65534"))
    return [*cases, Case("user alone", alone, expect=_with_a_warning, needs_root=True)]


def _with_a_warning(original: Observation) -> Observation:
    warning = b"tcpserver: warning: -u 65534 alone keeps the groups of root; add -g, or give a name\n"
    return replace(original, lines=(warning, *original.lines))


CASES = [*_surroundings(), *_closed_at_start(), *_identities()]
