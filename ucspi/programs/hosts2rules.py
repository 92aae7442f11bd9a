"""``hosts2rules SERVICE``: print rules that decide as hosts.allow and hosts.deny do."""

from ucspi.errors import HostsAccessError
from ucspi.exits import EXIT_PERMANENT, EXIT_USAGE
from ucspi.programs._program import Stop, fatal, print_or_stop, run
from ucspi.rules import convert_hosts

PROGRAM = b"hosts2rules"
USAGE = b"hosts2rules: usage: hosts2rules [ --allow file ] [ --deny file ] [ --inetd file ] service"
USUAL = (b"/etc/hosts.allow", b"/etc/hosts.deny")
HEAD = b"""\
# Made by hosts2rules from %s and %s, for %s.
# The most specific address decides, whatever the order of lines.
"""
NAMES_NOTE = b"# Rules about names: start tcpserver with -p, so that no client can choose its own.\n"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_hosts2rules, argv, USAGE)


def _hosts2rules(argv: list[bytes]) -> int:
    paths = {b"--allow": USUAL[0], b"--deny": USUAL[1], b"--inetd": b""}
    rest = argv[1:]
    while len(rest) > 1 and rest[0] in paths:
        paths[rest[0]] = rest[1]
        rest = rest[2:]
    if len(rest) != 1 or rest[0][:1] == b"-":
        raise Stop(USAGE, EXIT_USAGE)
    daemon = _daemon(paths[b"--inetd"], rest[0]) if paths[b"--inetd"] else rest[0]
    files = paths[b"--allow"], paths[b"--deny"]
    try:
        rules = convert_hosts(_read(files[0]), _read(files[1]), daemon, files)
    except HostsAccessError as error:
        if not error.line:
            raise fatal(PROGRAM, error.reason.encode() + b": " + daemon, code=EXIT_PERMANENT) from None
        place = b"%s:%d:%d: %s" % (error.name, error.line, error.column, error.reason.encode())
        raise Stop(
            b"%s: fatal: this cannot be said in rules\n%s" % (PROGRAM, place), EXIT_PERMANENT
        ) from None
    note = NAMES_NOTE if rules.startswith(b"=") or b"\n=" in rules else b""
    print_or_stop(PROGRAM, HEAD % (*files, daemon) + note + rules)
    return 0


def _read(path: bytes) -> bytes:
    """Return the text of a file; as for tcpd, a missing file of tcpd's own counts as empty."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        # A file that was named must exist: without its lines everybody would be allowed.
        if path in USUAL and isinstance(error, FileNotFoundError):
            return b""
        raise fatal(PROGRAM, b"unable to read " + path, error) from None


def _daemon(path: bytes, service: bytes) -> bytes:
    """Return the name of the program that tcpd starts for a service in inetd.conf."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError as error:
        raise fatal(PROGRAM, b"unable to read " + path, error) from None
    found = set()
    for line in lines:
        fields = line.split()
        if len(fields) > 6 and fields[0] == service and fields[5].rpartition(b"/")[2] == b"tcpd":
            found.add(fields[6].rpartition(b"/")[2])
    if len(found) == 1:
        return found.pop()
    what = (
        b"several programs for the service %s: name one of them"
        if found
        else b"no service %s that tcpd guards"
    )
    raise fatal(PROGRAM, b"%s has %s" % (path, what % service), code=EXIT_PERMANENT)
