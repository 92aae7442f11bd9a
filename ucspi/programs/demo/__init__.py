"""``ucspi demo [ --port PORT ] [ FOLDER ]``: run a small service, to see and to try.

It makes a service directory, compiles its rules and runs its ``run`` script,
all with the commands of this package.  It prints how to connect as a client that
the rules allow, and as one that they deny.  Then it shows the log until Ctrl-C.
"""

import _signal
import _socket
import errno

from ucspi.decimal import whole_number
from ucspi.exits import EXIT_USAGE
from ucspi.programs._options import long_values
from ucspi.programs._program import Stop, fatal, run
from ucspi.programs.demo._service import HOST, STOP_SIGNALS, Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

USAGE: "Final" = b"usage: ucspi demo [ --port port ] [ folder ]"
PORT: "Final" = 2323


def main(argv: list[bytes] | None = None) -> int:
    """Run the demonstration; return 0 after Ctrl-C."""
    return run(_body, argv, b"demo: " + USAGE)


def _body(argv: list[bytes]) -> int:
    if argv[1:] == [b"--handler"]:
        from ucspi.programs.demo._handler import serve

        return serve()
    port, folder = _port_and_folder(argv[1:])
    service = Service(_choose_port(port), folder)
    try:
        return service.run()
    except KeyboardInterrupt:
        return 0
    finally:
        for number in STOP_SIGNALS:  # so a second Ctrl-C does not interrupt the end
            _signal.signal(number, _signal.SIG_IGN)
        service.stop()


def _port_and_folder(operands: list[bytes]) -> tuple[int | None, bytes | None]:
    """Return the port and the folder of the command line, None for a missing one."""
    port = None
    for value in long_values(b"demo", b"--port", operands, USAGE):
        port = whole_number(value, 65535)
        if not port:
            raise Stop(b"demo: the port must be a number from 1 to 65535, not '%s'" % value, EXIT_USAGE)
    if len(operands) > 1:
        raise Stop(b"demo: " + USAGE, EXIT_USAGE)
    return port, operands[0] if operands else None


def _choose_port(wanted: int | None) -> int:
    """Return the wanted port; if none is wanted, the usual one, or a free one if that is in use."""
    for port in (wanted,) if wanted else (PORT, 0):
        probe = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        try:
            probe.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            probe.bind((HOST.decode(), port))
            free: int = probe.getsockname()[1]
        except OSError as error:
            problem = error
        else:
            return free
        finally:
            probe.close()
    hint = b" (a port below 1024 needs root)" if problem.errno == errno.EACCES else b""
    raise fatal(b"demo", b"unable to use port %d%s" % (port, hint), problem)
