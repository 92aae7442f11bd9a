"""``tcprulescheck CDB``: print how tcpserver would judge a client, and by which rule.

``--explain`` prints each address that is tried, ``--source FILE`` the line of
the rules that decides.
"""

import os

from ucspi.errors import CdbFormatError
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._program import Stop, fatal, print_all, run
from ucspi.rules import is_address, load, readable, segments
from ucspi.unix.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.rules import RuleSet

PROGRAM = b"tcprulescheck"
USAGE = b"tcprulescheck: usage: tcprulescheck rules.cdb"
HELP = USAGE + b"\n       tcprulescheck [ --explain ] [ --source rules ] rules.cdb"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_tcprulescheck, argv, HELP)


def _tcprulescheck(argv: list[bytes]) -> int:
    explain, source, operands = _options(argv[1:])
    if not operands:
        raise Stop(USAGE, EXIT_USAGE)
    rules = _load(operands[0])
    _warn_of_odd_client()
    if explain:
        _print(_every_address(rules, source))
    found = rules.find(*_client())
    if found is not None:
        _warn_of_odd_limits(found[1])
    answer = b"default:\nallow connection\n" if found is None else _report(*found)
    _print(answer if source is None or explain else _source_line(source, found) + answer)
    return 0


def _options(arguments: list[bytes]) -> tuple[bool, bytes | None, list[bytes]]:
    """Take our options, which stand in front; the last argument is always a file."""
    explain, source = False, None
    while len(arguments) > 1:
        if arguments[0] == b"--explain":
            explain, arguments = True, arguments[1:]
        elif arguments[0] == b"--source" and len(arguments) > 2:
            source, arguments = arguments[1], arguments[2:]
        else:
            break
    return explain, source, arguments


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


def _every_address(rules: "RuleSet", source: bytes | None) -> bytes:
    """Return a line for each address that is tried, and an empty line."""
    from ucspi.rules import explain

    lines = []
    for key, data in explain(rules, *_client()):
        shown = readable(key) or b"(the empty address)"
        if data is None:
            lines.append(b"tried %s: no rule" % shown)
            continue
        lines.append(b"tried %s: %s, which decides" % (shown, _verdict(data)))
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
