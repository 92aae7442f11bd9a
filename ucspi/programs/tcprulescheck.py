"""``tcprulescheck CDB``: print how tcpserver would judge a client, and by which rule.

``--explain`` prints each address that is tried, ``--source FILE`` the line of
the rules that decides.  ``--tls-hash HEX64`` and any number of ``--tls-name NAME``
are a certificate, which is judged too; ``--tls`` is a client with TLS and none.
"""

import os

from ucspi.errors import CdbFormatError
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._program import Stop, fatal, print_all, run
from ucspi.rules import explain, explain_certificate, is_address, load, readable, segments
from ucspi.unix.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.rules import RuleSet

PROGRAM = b"tcprulescheck"
USAGE = b"tcprulescheck: usage: tcprulescheck rules.cdb"
HELP = (
    USAGE
    + b"""
       tcprulescheck [ --explain ] [ --source rules ]
         [ --tls | --tls-name name | --tls-hash hex64 ] ... rules.cdb"""
)


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_tcprulescheck, argv, HELP)


def _tcprulescheck(argv: list[bytes]) -> int:
    given = _Options(argv[1:])
    if not given.operands:
        raise Stop(USAGE, EXIT_USAGE)
    rules = _load(given.operands[0])
    _warn_of_odd_client()
    _judge(given, lambda: explain(rules, *_client()), rules.find(*_client()), b"")
    if given.is_tls:
        hash_, names = given.hash, given.names
        found = rules.find_certificate(hash_, names)
        _judge(given, lambda: explain_certificate(rules, hash_, names), found, b"certificate: ")
    return 0


class _Options:
    """Our options, which stand in front; the last argument is always a file."""

    def __init__(self, arguments: list[bytes]) -> None:
        self.explain, self.is_tls = False, False
        self.source: bytes | None = None
        self.hash: bytes | None = None
        self.names: list[bytes] = []
        while len(arguments) > 1:
            option, value = arguments[0], arguments[1]
            if option in (b"--explain", b"--tls"):
                self.explain |= option == b"--explain"
                self.is_tls |= option == b"--tls"
                arguments = arguments[1:]
            elif option in (b"--source", b"--tls-name", b"--tls-hash") and len(arguments) > 2:
                self._take(option, value)
                arguments = arguments[2:]
            else:
                break
        self.operands = arguments

    def _take(self, option: bytes, value: bytes) -> None:
        if option == b"--source":
            self.source = value
            return
        from ucspi.rules import is_fingerprint  # here, as most clients have no certificate

        self.is_tls = True
        if option == b"--tls-name":
            self.names.append(value)
        elif is_fingerprint(value.lower()):
            self.hash = value.lower()
        else:
            reason = b"--tls-hash needs the 64 hexadecimal digits of a SHA-256, without colons: " + value
            raise Stop(PROGRAM + b": usage: " + reason, EXIT_USAGE)


def _judge(
    given: _Options,
    tried: "Callable[[], list[tuple[bytes, bytes | None]]]",
    found: tuple[bytes, bytes] | None,
    what: bytes,
) -> None:
    """Print one of the two verdicts; the lines of the second begin with its name."""
    if given.explain:
        _print(_every_address(tried(), given.source, what))
    if found is not None:
        _warn_of_odd_limits(found[1])
    answer = b"default:\nallow connection\n" if found is None else _report(*found)
    place = b"" if given.source is None or given.explain else _source_line(given.source, found)
    _print(place + what + answer)


def _client() -> tuple[bytes, bytes | None, bytes | None]:
    ip = os.environb.get(b"TCPREMOTEIP", b"0.0.0.0")
    return ip, os.environb.get(b"TCPREMOTEHOST"), os.environb.get(b"TCPREMOTEINFO")


def _warn_of_odd_client() -> None:
    """Warn if TCPREMOTEIP is no address of a client; it is judged all the same, as in the original."""
    ip = _client()[0]
    if not is_address(ip):
        say(PROGRAM + b": warning: TCPREMOTEIP is no address of a client: " + ip)


def _warn_of_odd_limits(data: bytes) -> None:
    """Warn of variables that seem to limit clients and do not; another tcprules may have compiled them."""
    for piece in segments(data):
        name, _, value = piece[1:].partition(b"=")
        if piece[:1] != b"+" or name[:3].upper() != b"MAX":
            continue
        from ucspi.rules import limit_remark  # few rules have such variables

        remark = limit_remark(name, value)
        if remark is not None:
            text = "; ".join(remark).encode()
            say(b"%s: warning: %s: %s" % (PROGRAM, name, text))


def _load(path: bytes) -> "RuleSet":
    what = b"unable to read " + path
    try:
        return load(path)
    except OSError as error:
        stop = fatal(PROGRAM, what, error)
        if path[:2] == b"--":
            stop.line += b"\n%s: %s is no option, or has no file and no rules.cdb behind it" % (PROGRAM, path)
        raise stop from None
    except CdbFormatError:
        raise Stop(b"%s: fatal: %s: protocol error" % (PROGRAM, what), EXIT_TEMPORARY) from None


def _every_address(tried: "list[tuple[bytes, bytes | None]]", source: bytes | None, what: bytes) -> bytes:
    """Return a line for each address that is tried, and an empty line."""
    lines = []
    for key, data in tried:
        shown = readable(key) or b"(the empty address)"
        if data is None:
            lines.append(what + b"tried %s: no rule" % shown)
            continue
        lines.append(what + b"tried %s: %s, which decides" % (shown, _verdict(data)))
        if source is not None:
            lines.append(_source_line(source, (key, data)).rstrip(b"\n"))
    return b"\n".join([*lines, b"", b""])


def _verdict(data: bytes) -> bytes:
    pieces = segments(data)
    verdict = b"deny" if any(piece[:1] == b"D" for piece in pieces) else b"allow"
    return b", ".join([verdict, *(piece[1:] for piece in pieces if piece[:1] == b"+")])


def _source_line(source: bytes, found: tuple[bytes, bytes] | None) -> bytes:
    """Return a line with the place of the deciding rule in the text."""
    from ucspi.rules import find_line

    if found is None:
        return b""
    key, data = found
    try:
        with open(source, "rb") as file:
            text = file.read()
    except OSError as error:
        raise fatal(PROGRAM, b"unable to read " + source, error) from None
    place = find_line(text, key)
    if place is None:
        return b"%s: no line has this rule: it is not what was compiled\n" % source
    note = b"" if place[1] == data else b": it says something else now: compile it again"
    return b"%s:%d:1%s\n" % (source, place[0], note or b": this line")


def _report(address: bytes, data: bytes) -> bytes:
    """Return the original's report: the instructions in order, up to the first denial."""
    lines = [b"rule %s:" % readable(address)]
    for piece in segments(data):
        if piece[:1] == b"D":
            lines.append(b"deny connection\n")
            return b"\n".join(lines)
        if piece[:1] == b"+":
            lines.append(b"set environment variable " + piece[1:])
    lines.append(b"allow connection\n")
    return b"\n".join(lines)


def _print(text: bytes) -> None:
    """Write to standard output; as in the original, a failure is ignored."""
    try:
        print_all(text)
    except OSError:
        pass
