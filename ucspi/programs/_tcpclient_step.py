"""What tcpclient does as a step of a chain: see ``cdbext/system/becomeclient.c``.

The step connects to addresses that the command line spells, to the one that a file
has for a name, or to a path, and looks up nothing.  Whatever else a command line asks for, the
program is executed.
"""

import _socket

from ucspi.decimal import DIGITS
from ucspi.errors import NoAddressError
from ucspi.programs import _options
from ucspi.programs._program import Stop
from ucspi.programs._tcpclient_options import PROGRAM, Choices, read_command_line
from ucspi.tcp.address import parse_addresses
from ucspi.tcp.client import GRACE, LONGEST, UNIX
from ucspi.unix import namefiles, native
from ucspi.unix.chain import Plan, Seen
from ucspi.unix.chainclient import Client

_MAPPED, _LINK = b"\0" * 10 + b"\xff\xff", b"\xfe\x80"
_OPERANDS = 3  # host, port, program


def plan(argv: list[bytes]) -> Plan | None:
    """Return what the program would do; None where it must be executed.

    Raises:
        TooNewError: a file that has a name has changed just now.
    """
    seen: list[Seen] = []
    try:
        choices = read_command_line(argv)
        client = _client(choices, seen) if len(choices.operands) >= _OPERANDS else None
    except (Stop, NoAddressError):
        return None
    if client is None:
        return None
    program = choices.operands[2:]
    return Plan(PROGRAM, "USYS_CLIENT", program[0], program, client=client, seen=seen)


def _client(choices: Choices, seen: list[Seen]) -> Client | None:
    """Return the client; note what decided."""
    host, operand, *_ = choices.operands
    if host.startswith(UNIX):
        return _path_client(host, choices)
    local_host = choices.local_host
    if local_host is None or choices.lookup_remote_host:
        return None
    if choices.lookup_remote_info and choices.info_timeout:
        return None
    port, ips = _port(operand, seen), _addresses(host, seen)
    if port is None:
        return None
    places = [(_packed(ip), b"%s port %d" % (ip, port)) for ip in ips]
    local = _packed(choices.connector.local_ip or b"")
    if not 0 < len(places) <= native.lib.USYS_PLACES_MAX or not all(packed for packed, _ in places):
        return None
    if choices.connector.local_ip is not None and len(local) != len(places[0][0]):
        return None
    return _fill(Client(places, port, local_host), choices, local)


def _path_client(host: bytes, choices: Choices) -> Client | None:
    """Return the client of a UNIX-domain socket, about which nothing is looked up."""
    path = host.removeprefix(UNIX)
    if not 0 < len(path) <= native.lib.USYS_PATH_MAX:
        return None
    client = Client([(b"", host)], 0, b"")
    client.path = path
    return _fill(client, choices, b"")


def _port(operand: bytes, seen: list[Seen]) -> int | None:
    if not all(byte in DIGITS for byte in operand):
        found = namefiles.port_of(operand)
        if found is None:
            return None
        operand = found[0]
        seen += found[1]
    return _options.port(PROGRAM, operand)


def _addresses(host: bytes, seen: list[Seen]) -> list[bytes]:
    """Return the addresses as messages show them; none for a name that is looked up for each client."""
    spelled = parse_addresses(host)
    if spelled is not None:
        return spelled
    found = namefiles.address_of(host)
    if found is None:
        return []
    seen += found[1]
    ip = found[0].decode()
    family = _socket.AF_INET6 if ":" in ip else _socket.AF_INET
    return [_socket.inet_ntop(family, _socket.inet_pton(family, ip)).encode()]


def _fill(client: Client, choices: Choices, local: bytes) -> Client:
    connector = choices.connector
    client.local, client.local_port = local, connector.local_port
    client.no_delay, client.verbosity = connector.no_delay, choices.verbosity
    client.proxy_version = choices.proxy_version
    if len(client.places) > 1:
        second = _milliseconds(connector.rest) if connector.rest > 0 else 0
        client.patience = _milliseconds(connector.first), second
    else:
        client.patience = _milliseconds(connector.first + connector.rest), 0
    return client


def _milliseconds(seconds: float) -> int:
    return round(1000 * min(seconds + GRACE, LONGEST))


def _packed(ip: bytes) -> bytes:
    """Return an address as bytes; none for one with a zone, or that is shown in another form."""
    if not ip or b"%" in ip:
        return b""
    packed = _socket.inet_pton(_socket.AF_INET6 if b":" in ip else _socket.AF_INET, ip.decode())
    return b"" if packed.startswith((_MAPPED, _LINK)) and len(packed) > 4 else packed
