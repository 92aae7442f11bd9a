"""Options and operands, those that lead to a running server and those that do not."""

from dataclasses import replace

from tests.differential.tcpserver.case import PLAIN, TAKEN, Case
from tests.differential.tcpserver.server import Launch


def _options() -> list[Case]:
    """Every option, alone and against its opposite."""
    bare = (b"-1HRl0",)
    lines: list[tuple[str, tuple[bytes, ...]]] = [
        ("quiet", (*bare, b"-q")),
        ("errors only", (*bare, b"-Q")),
        ("verbose", (*bare, b"-v")),
        ("quiet then verbose", (*bare, b"-q", b"-v")),
        ("verbose then quiet", (*bare, b"-vq")),
        ("verbose then errors only", (*bare, b"-vqQ")),
        ("one bundle", (b"-1vHRl0",)),
        ("bundle with the value in the next argument", (b"-1vHRl", b"0")),
        ("two dashes end the options", (*PLAIN, b"--")),
        ("backlog", (*PLAIN, b"-b5")),
        ("backlog of zero", (*PLAIN, b"-b", b"0")),
        ("limit", (*PLAIN, b"-c", b"3")),
        ("limit given twice", (*PLAIN, b"-c3", b"-c7")),
        ("limit with zeros before", (*PLAIN, b"-c007")),
        ("a large limit", (*PLAIN, b"-c100000")),
        ("delay", (*PLAIN, b"-d")),
        ("no delay", (*PLAIN, b"-D")),
        ("delay then no delay", (*PLAIN, b"-dD")),
        ("no delay then delay", (*PLAIN, b"-Dd")),
        ("leave IP options", (*PLAIN, b"-o")),
        ("clear IP options", (*PLAIN, b"-oO")),
        ("paranoid without names", (*PLAIN, b"-p")),
        ("paranoid and not", (*PLAIN, b"-pP")),
        ("names and then none", (*PLAIN, b"-h", b"-H")),
        ("ident and then none", (*PLAIN, b"-r", b"-R")),
        ("ident refused", (b"-1vHl0",)),
        ("ident refused, asked for twice", (*PLAIN, b"-r", b"-t5")),
        ("ident with no time at all", (b"-1vHl0", b"-t0")),
        ("timeout alone", (*PLAIN, b"-t1")),
        ("local name", (*PLAIN, b"-l", b"some.host")),
        ("empty local name", (*PLAIN, b"-l", b"")),
        ("odd local name", (*PLAIN, b"-l", b"a:b%c d\x7f\xff\te")),
        ("local name of 99 bytes", (*PLAIN, b"-l", b"n" * 99)),
        ("local name of 100 bytes", (*PLAIN, b"-l", b"n" * 100)),
        ("local name of 101 bytes", (*PLAIN, b"-l", b"n" * 101)),
        ("local name of 600 bytes", (*PLAIN, b"-l", b"n" * 600)),
        ("banner", (*PLAIN, b"-B", b"hello\r\n")),
        ("banner attached", (*PLAIN, b"-Bhello")),
        ("banner emptied", (*PLAIN, b"-Bhello", b"-B", b"")),
        ("banner of 30000 bytes", (*PLAIN, b"-B" + b"b" * 30000)),
        ("no rules file but tolerance", (*PLAIN, b"-X")),
        ("numbers of nobody", (*PLAIN, b"-u0", b"-g0")),
    ]
    return [Case(name, Launch(options)) for name, options in lines]


def _operands() -> list[Case]:
    """Host and port, as far as they lead to a running server."""
    hosts = (
        b"0",
        b"",
        b"127.000.000.001",
        b"[127.0.0.1]",
        b"127.0.0.1.9.9",
        b"[127].0.0.[1]",
    )
    cases = [Case(f"host {host.decode()!r}", Launch(PLAIN, host)) for host in hosts]
    ports = (b"", b"0", b"000", b"0" * 5000)
    cases += [Case(f"port {port.decode()!r}", Launch(PLAIN, port=port)) for port in ports]
    arguments = (b"./probe", b"exit", b"0", b"", b"-v", b"a b", b"\xff\xfe", b"x" * 5000)
    cases.append(Case("arguments reach the handler", Launch(PLAIN, handler=arguments)))
    return cases


def _refusals() -> list[Case]:
    """What ends before anything listens."""

    def stop(name: str, *options: bytes, **changes: object) -> Case:
        launch = replace(Launch(options), **changes)  # type: ignore[arg-type]
        return Case(name, launch, clients=(), starts=False)

    cases = [
        stop("an unknown option", b"-z"),
        stop("an unknown option in a bundle", b"-vZ"),
        stop("an unknown option after -q", b"-q", b"-Z"),
        stop("a colon as an option", b"-:"),
        stop("a dash in a bundle", b"-v-1"),
        stop("an option without its value", setup=b'set -- "$1" -v -c'),
        stop("a port that is no service", *PLAIN, port=b"no-such-service"),
        stop("a port that is no service, quietly", *PLAIN, b"-q", port=b"no-such-service"),
        stop("a port with a letter", *PLAIN, port=b"80x"),
        stop("a negative port", *PLAIN, port=b"-1"),
        stop("a host of two numbers", *PLAIN, host=b"127.1"),
        stop("a host of dots", *PLAIN, host=b"..."),
        stop("a host in brackets alone", *PLAIN, host=b"[]"),
        stop("an address of another machine", *PLAIN, host=b"8.8.8.8"),
        stop("a taken port", *PLAIN, port=TAKEN),
        stop("a taken port, quietly", *PLAIN, b"-q", port=TAKEN),
        stop("no handler", *PLAIN, handler=()),
        stop("no handler, quietly", *PLAIN, b"-q", handler=()),
    ]
    for missing in (0, 1):
        words = (b"127.0.0.1",)[:missing]
        line = b'set -- "$1" -v %s' % b" ".join(words)
        cases.append(stop(f"{missing} operands", setup=line))
    return cases


CASES = [*_options(), *_operands(), *_refusals()]
