"""rblsmtpd: refuse mail of clients that a DNS block list has; run the mail server for all others."""

import os

from ucspi.dnsbl import blocklist
from ucspi.dnsbl.blocklist import Refusal
from ucspi.exits import EXIT_USAGE
from ucspi.programs import _options
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, fatal, run
from ucspi.unix.environ import inherited, value_of
from ucspi.unix.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

PROGRAM = b"rblsmtpd"
# The original's own: it knows no -R, and -B, -c and -C that it does not tell of.
USAGE = (
    b"rblsmtpd: usage: rblsmtpd [ -bBcC ] [ -t timeout ] [ -r base ] [ -a base ] "
    b"[ --timeout-dns seconds ] smtpd [ arg ... ]"
)
LETTERS = b"a:bBcCr:t:"
WORDS = {b"timeout-dns": True}
TIMEOUT = 60  # seconds
DNS_TIMEOUT = 60  # seconds: what the original gives one list


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_rblsmtpd, argv, USAGE)


def _rblsmtpd(argv: list[bytes]) -> int:
    options, command, timeout, dns_timeout = _read_command_line(argv)
    entries = inherited()
    ip = value_of(entries, b"TCPREMOTEIP") or b""
    refusal = _judge(options, entries, ip, dns_timeout)
    if refusal is None:
        execute(PROGRAM, command[0], command)
    from ucspi.programs._smtp_refusal import printable, refuse_mail

    reply = b"%d %s" % (refusal.code, printable(refusal.text))
    say(b"rblsmtpd: %s pid %d: %s" % (ip, os.getpid(), reply))
    refuse_mail(reply, timeout)
    return 0


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed.

    The step knows only one answer: that no list has the client.  Then it passes,
    whatever the options say.
    """
    from ucspi.dnsbl import liststep  # servers load it; when we are executed nobody asks
    from ucspi.unix.chain import Plan

    try:
        options, command, _, dns_timeout = _read_command_line(argv)
    except Stop:
        return None
    found = liststep.lists(options) if dns_timeout else None
    if found is None:
        return None
    return Plan(PROGRAM, "USYS_LISTS", command[0], command, lists=found[0], seen=found[1])


def _read_command_line(argv: list[bytes]) -> tuple[list[tuple[bytes, bytes]], list[bytes], int, int]:
    """Return the options, the program, and the seconds for the conversation and for the lists."""
    options, command = _options.parse(argv, LETTERS, USAGE, WORDS)
    if not command:
        raise Stop(USAGE, EXIT_USAGE)
    return (
        options,
        command,
        _seconds(options, b"t", TIMEOUT),
        _seconds(options, b"timeout-dns", DNS_TIMEOUT),
    )


def _seconds(options: list[tuple[bytes, bytes]], option: bytes, seconds: int) -> int:
    for name, value in options:
        if name == option:
            seconds = _options.number(PROGRAM, option, value)
    return seconds


def _judge(
    options: list[tuple[bytes, bytes]], entries: list[bytes], ip: bytes, seconds: int
) -> Refusal | None:
    decided = value_of(entries, b"RBLSMTPD")
    if decided is not None:
        return blocklist.judge_by_variable(decided)
    if not any(letter in (b"a", b"r") for letter, _ in options):
        return None
    from ucspi.dnsbl.nameservers import nameservers

    def tell(base: bytes) -> None:
        say(b"rblsmtpd: warning: unable to ask %s about %s: no usable answer" % (base, ip))

    servers = nameservers(value_of(entries, b"DNSCACHEIP"))
    try:
        return blocklist.judge_by_lists(options, ip, servers, seconds, tell)
    except ModuleNotFoundError as error:
        raise fatal(PROGRAM, b"block lists need the Python package dnspython: %a" % str(error)) from None
