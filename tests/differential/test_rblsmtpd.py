"""rblsmtpd without a question to DNS, against the original: arguments, conversation, time, what it leaves."""

import functools
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from ucspi.programs import rblsmtpd

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(4)]

CLIENT = {"TCPREMOTEIP": "192.0.2.1"}
USAGE = b"rblsmtpd: usage: rblsmtpd [ -b ] [ -R ] [ -t timeout ] [ -r base ] [ -a base ] smtpd [ arg ... ]"


def original(oracle: Oracle) -> list[str]:
    return [oracle("rblsmtpd")]


@pytest.fixture(params=["original", "ours"])
def command(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give the original, then ours: what a test says must hold for both."""
    return original(oracle) if request.param == "original" else ours("rblsmtpd")


def outcome(
    command: list[str],
    arguments: list[str],
    where: Path,
    stdin: bytes = b"",
    variables: dict[str, str] | None = None,
) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [*command, *arguments],
        cwd=where,
        env=ENVIRONMENT | CLIENT | (variables or {}),
        input=stdin,
        capture_output=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout, re.sub(rb" pid \d+: ", b" pid N: ", done.stderr)


ARGUMENTS = [
    [],
    ["-b"],
    ["-R"],
    ["-r"],
    ["-Z", "echo"],
    ["-:", "echo"],
    ["-t", "5"],
    ["--", "echo", "-n", "run"],
    ["-"],
    ["-bBcC", "echo", "run"],
    ["/nonexistent"],
    ["nonexistent"],
    ["/"],
    ["/etc/passwd"],
    ["-r", "list.test", "echo", "run"],
    ["sh", "-c", "exit 7"],
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_arguments_mean_the_same(oracle: Oracle, tmp_path: Path, arguments: list[str]) -> None:
    mine = outcome(ours("rblsmtpd"), arguments, tmp_path, variables={"RBLSMTPD": ""})
    code, out, said = outcome(original(oracle), arguments, tmp_path, variables={"RBLSMTPD": ""})
    assert mine == (code, out, said.replace(USAGE, rblsmtpd.USAGE))


def test_usage_names_the_options_that_there_are(oracle: Oracle, tmp_path: Path) -> None:
    """The original's offers one that it refuses."""
    for command, usage in ((ours("rblsmtpd"), rblsmtpd.USAGE), (original(oracle), USAGE)):
        assert outcome(command, [], tmp_path)[2] == usage + b"\n"
        assert outcome(command, ["-R", "true"], tmp_path)[2] == b"rblsmtpd: illegal option -- R\n%s\n" % usage
    for option in re.findall(rb"\[ (-\w+|--[\w-]+)(?: \w+)? \]", rblsmtpd.USAGE):
        value = [] if b" %s ]" % option in rblsmtpd.USAGE else ["1"]
        mine = outcome(
            ours("rblsmtpd"), [option.decode(), *value, "true"], tmp_path, variables={"RBLSMTPD": ""}
        )
        assert mine == (0, b"", b""), option


@pytest.mark.parametrize(
    "value", ["", "-", "-gone", "later", "\n", "-\x01\x7f\udcff~ " + "y" * 300, "x" * 200]
)
@pytest.mark.parametrize("options", [[], ["-b"], ["-B", "-c"], ["-t0"], ["-b", "-r", "l.test"]], ids=" ".join)
def test_variable_decides_alike(oracle: Oracle, tmp_path: Path, value: str, options: list[str]) -> None:
    arguments = [*options, "echo", "run"]
    talk = b"ehlo x\r\nrcpt\r\nquit\r\n"
    told = outcome(original(oracle), arguments, tmp_path, talk, {"RBLSMTPD": value})
    assert outcome(ours("rblsmtpd"), arguments, tmp_path, talk, {"RBLSMTPD": value}) == told


@pytest.mark.parametrize("address", [None, "", "::1", "a\nb"])
def test_log_names_the_client_alike(oracle: Oracle, tmp_path: Path, address: str | None) -> None:
    prefix = ["env", "-u", "TCPREMOTEIP"] if address is None else ["env", f"TCPREMOTEIP={address}"]
    told = outcome([*prefix, *original(oracle)], ["x"], tmp_path, variables={"RBLSMTPD": "no"})
    assert outcome([*prefix, *ours("rblsmtpd")], ["x"], tmp_path, variables={"RBLSMTPD": "no"}) == told


TALKS = [
    b"",
    b"HELO x\r\nEhLo\nmail from:<a>\r\nRSET\r\nnoop\r\nrcpt to:<b>\ndata\n.\nvrfy\nquit now\nhelo\n",
    b"\n\r\n \n helo\nhelo \r\nhelo\r\r\nhelo\rx\nhelo\tx\nhelo\r x\n\rhelo\n",
    b"he\0lo\nhelo\0\n\0helo\nhelo \0\nquit\0\nquit",
    b"@elo\n[elo\nhelp\nhelox\nhel\xec\n\xff\n",
    b"helo " + b"x" * 70000 + b"\r\n" + b"y" * 70000 + b"\nquit\n",
    b"noop\n" * 3000,
]


def feed(command: list[str], talk: bytes, where: Path, size: int) -> tuple[int, bytes]:
    """Send a talk in pieces, waiting after each for nothing; return exit code and what was said."""
    process = subprocess.Popen(
        [*command, "-t20", "x"],
        env=ENVIRONMENT | CLIENT | {"RBLSMTPD": "-go away"},
        cwd=where,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
    )
    assert process.stdin is not None
    try:
        for at in range(0, len(talk), size):
            process.stdin.write(talk[at : at + size])
        output, _ = process.communicate(timeout=PATIENCE)
    except BrokenPipeError:
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait(PATIENCE)
    return process.returncode, output


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: repr(talk[:12]))
def test_conversation_is_the_same_whole_and_byte_by_byte(oracle: Oracle, tmp_path: Path, talk: bytes) -> None:
    told = outcome(original(oracle), ["-t20", "x"], tmp_path, talk, {"RBLSMTPD": "-go away"})
    assert outcome(ours("rblsmtpd"), ["-t20", "x"], tmp_path, talk, {"RBLSMTPD": "-go away"}) == told
    if len(talk) < 1000:
        assert feed(ours("rblsmtpd"), talk, tmp_path, 1) == told[:2]


def test_random_conversations_are_the_same(oracle: Oracle, tmp_path: Path) -> None:
    random = Random(821)
    parts = [b"helo", b"mail", b"rset", b"noop", b"rcpt", b" ", b"\r", b"\n", b"\n", b"\0", b"x", b"\xff"]
    talk = b"".join(random.choice(parts) for _ in range(20000)) + b"\nquit\n"
    told = outcome(original(oracle), ["x"], tmp_path, talk, {"RBLSMTPD": "no"})
    assert outcome(ours("rblsmtpd"), ["x"], tmp_path, talk, {"RBLSMTPD": "no"}) == told


def shell(command: list[str], script: str, where: Path) -> tuple[int, bytes, bytes]:
    """Run a script in which ``$@`` is the command."""
    return outcome(["bash", "-c", script, "bash", *command], [], where, variables={"RBLSMTPD": "no"})


SURROUNDINGS = {
    "no input": '"$@" -t5 x <&-; echo $?',
    "a closed output": '"$@" -t5 x </dev/null >&-; echo $? >&2',
    "a full disk": '"$@" -t5 x </dev/null >/dev/full; echo $? >&2',
    "a full disk at once": '"$@" -t0 x </dev/null >/dev/full; echo $? >&2',
    "a closed log": '"$@" -t5 x </dev/null 2>&-; echo $?',
    "a client that is gone": '(yes helo 2>/dev/null | "$@" -t5 x; echo $? >&2) | head -c 1',
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_it_ends_alike_with(oracle: Oracle, tmp_path: Path, name: str) -> None:
    script = SURROUNDINGS[name]
    told = shell(original(oracle), script, tmp_path)
    assert shell(ours("rblsmtpd"), script, tmp_path) == told


def test_program_inherits_what_the_original_lets_it(oracle: Oracle, tmp_path: Path) -> None:
    show = "env | sort; ls /proc/self/fd; grep Sig[BI] /proc/self/status"
    script = (
        f"trap '' HUP; RBLSMTPD= PATH=/bin env -i PATH=/bin RBLSMTPD= A=1 \"$@\" sh -c '{show}' 5</dev/null"
    )
    ending = [f"PYTHONPATH={ENVIRONMENT['PYTHONPATH']}"]
    told = shell([*ending, *original(oracle)], script, tmp_path)
    assert told[1].count(b"\n") > 8
    assert shell([*ending, *ours("rblsmtpd")], script, tmp_path) == told


def start(
    command: list[str],
    stdin: int,
    before: Callable[[], object] | None = None,
    *,
    stdout: int = subprocess.PIPE,
    seconds: int = 1,
) -> subprocess.Popen[bytes]:
    """Start it with some time for its client, who is turned away."""
    return subprocess.Popen(
        [*command, f"-t{seconds}", "x"],
        env=ENVIRONMENT | CLIENT | {"RBLSMTPD": "no"},
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        preexec_fn=before,
    )


# What is still to be answered when a client resets behind the greeting.
UNANSWERED = [
    b"",
    b"mail\r\n",
    b"mail " + b"x" * 500 + b"\n",
    b"mail\r\n" * 2,
    b"mail\r\nquit\r\n",
    b"\n" * 500,
]


@pytest.mark.parametrize("unanswered", UNANSWERED, ids=range(len(UNANSWERED)))
def test_client_that_resets_ends_both_alike(oracle: Oracle, unanswered: bytes) -> None:
    """The first answer to it is an error, the second SIGPIPE."""
    mine, its = (code_after_reset(command, unanswered) for command in (ours("rblsmtpd"), original(oracle)))
    assert mine == its == (-signal.SIGPIPE if unanswered.count(b"\n") > 1 else 0)


def code_after_reset(command: list[str], unanswered: bytes) -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), PATIENCE)
        server = listener.accept()[0]
    with server, start(command, subprocess.PIPE, stdout=server.fileno(), seconds=60) as process:
        client.recv(len(b"220 rblsmtpd.local\r\n"), socket.MSG_WAITALL)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        process.communicate(unanswered, PATIENCE)
        return process.returncode


@pytest.mark.slow
def test_silent_client_is_left_when_its_time_is_over(command: list[str]) -> None:
    process = start(command, subprocess.PIPE)
    try:
        started = time.monotonic()
        assert process.stdout is not None
        assert process.stdout.read() == b"220 rblsmtpd.local\r\n"
        assert process.wait(PATIENCE) == 0
        assert 0.9 < time.monotonic() - started < PATIENCE
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_client_that_never_reads_is_left_when_its_time_is_over(command: list[str]) -> None:
    with open("/dev/zero", "rb") as zeros:
        talker = subprocess.Popen(["tr", "\\0", "\\n"], stdin=zeros, stdout=subprocess.PIPE)
    try:
        assert talker.stdout is not None
        process = start(command, talker.stdout.fileno())
        try:
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.communicate()
    finally:
        talker.kill()
        talker.communicate()


@pytest.mark.slow
def test_ignored_alarm_does_not_hold_it(command: list[str]) -> None:
    process = start(command, subprocess.PIPE, lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN))
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()


def test_blocked_alarm_does_not_hold_ours() -> None:
    block = functools.partial(signal.pthread_sigmask, signal.SIG_BLOCK, [signal.SIGALRM])
    process = start(ours("rblsmtpd"), subprocess.PIPE, block)
    try:
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()


def test_memory_is_flat_however_long_a_line_is() -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (48 << 20, 48 << 20))

    process = subprocess.Popen(
        [*ours("rblsmtpd"), "x"],
        env=ENVIRONMENT | CLIENT | {"RBLSMTPD": "no"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=limit,
    )
    try:
        assert process.stdin is not None
        for _ in range(32):  # with what the interpreter has it would be too much
            process.stdin.write(b"helo" * (1 << 18))
        output, _ = process.communicate(b"\nnoop\n", timeout=PATIENCE)
    finally:
        process.kill()
        process.wait(PATIENCE)
    assert output == b"220 rblsmtpd.local\r\n451 no\r\n250 rblsmtpd.local\r\n"


@pytest.mark.parametrize("value", ["", "abc", "1x", "-1", " 1", "99999999999", "9" * 5000])
@pytest.mark.parametrize("option", ["-t", "--timeout-dns"])
def test_time_that_is_no_number_is_refused(tmp_path: Path, value: str, option: str) -> None:
    code, output, complaint = outcome(
        ours("rblsmtpd"), [option, value, "x"], tmp_path, variables={"RBLSMTPD": "no"}
    )
    assert (code, output) == (100, b"")
    assert complaint.startswith(b"rblsmtpd: fatal: %s wants a number" % os.fsencode(option))
    assert complaint.count(b"\n") == 1


def test_long_option_that_is_unknown_is_refused(tmp_path: Path) -> None:
    code, _, complaint = outcome(
        ours("rblsmtpd"), ["--timeout", "5", "x"], tmp_path, variables={"RBLSMTPD": ""}
    )
    assert code == 100
    assert complaint.startswith(b"rblsmtpd: illegal option -- timeout\n")


@pytest.mark.parametrize(
    ("options", "unasked", "decision"),
    [
        ("-r one.test -r two.test", ["one.test", "two.test"], b"run\n"),
        ("-a good.test -r one.test", ["good.test"], b"run\n"),
        ("-c -r one.test -r two.test", ["one.test"], b"220 rblsmtpd.local\r\n"),
        ("-c -a good.test -r one.test", ["good.test", "one.test"], b"220 rblsmtpd.local\r\n"),
    ],
)
def test_list_that_cannot_be_asked_is_told(
    tmp_path: Path, options: str, unasked: list[str], decision: bytes
) -> None:
    nobody = {"DNSCACHEIP": "127.9.8.7"}  # where no name server listens
    command = [*options.split(), "echo", "run"]
    code, output, said = outcome(ours("rblsmtpd"), command, tmp_path, b"quit\n", nobody)
    assert (code, output.startswith(decision)) == (0, True)
    lines = [f"rblsmtpd: warning: unable to ask {base} about 192.0.2.1: no usable answer" for base in unasked]
    if decision != b"run\n":
        lines.append("rblsmtpd: 192.0.2.1 pid N: 451 temporary RBL lookup error")
    assert said.decode().splitlines() == lines
