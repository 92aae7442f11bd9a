"""What a server and its stem say to each other: the layout of their packets, and where they meet.

A stem is one process that has imported a handler's module, and forks a process for
each connection.  It talks with its server over a pair of sockets that keep packets
apart (``SOCK_SEQPACKET``).  Both see an array of cells: the kernel puts the pid of a
new process into that of its connection.  A stem may run with fewer rights than its
server, so the server must not trust what it finds there.

A packet of the server is a head of four numbers (the kind, the slot, the lengths of
two texts) and then these texts:

=====  ==================================  =================================  =========================
kind   first text                          second text                        descriptor with it
=====  ==================================  =================================  =========================
BASE   the environment, each entry with    `pid_variable`, then the changes   none
       a NUL, before any link changed it   of the links, each with a NUL
SERVE  variables of this connection        lines of the log; each NUL stands  the connection
                                           for the pid
KEEP   none                                none                               the channel of the process
=====  ==================================  =================================  =========================

BASE comes first.  A stem begins with one packet of its own: one of
`READY`, `FAILED`, `COLD`, and a line without its end and without the name of a program.
A process has forked when its cell has a pid; the packet is taken out of the socket
after that.  Where none can be forked, the cell has the negative errno, and an answer
says the same.

A process that is kept gets a KEEP packet over its own channel, with a pipe for its
answers, and then SERVE packets, one after another; no cell changes.  It answers when the
connection is closed.  It ends after so many connections, or earlier; then it takes no
more packets (EPIPE) before it writes its last answer.
"""

from _struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

VARIABLE = b"UCSPI_STEM"  # in the stem's environment: the numbers of the channel and the cells, as "5,6"
# Beside it.  Else each process would have the dynamic linker look up again what it calls first.
BINDS = b"LD_BIND_NOW=stem"
BASE, SERVE, KEEP = 0, 1, 2  # kinds of packets
READY = b"+"  # the module is imported; the line is empty
FAILED = b"-"  # the module cannot be used; the line says why
DIRECTORY, COPIER = b"directory", b"copier"  # kinds of links
COLD = b"0"  # it cannot be served from here; the line says why
CELL_SIZE = 4  # bytes of a cell: a pid, 0: none yet, or a negative errno; of the machine's order
PACKET_MAX = 204800  # bytes; the usual buffer of a socket takes no more
_HEAD = Struct("=IIII")
_ANSWER = Struct("=Ii")
ANSWER_SIZE = _ANSWER.size

Packet = tuple[int, int, bytes, bytes]  # kind, slot, two texts


def place(channel: int, cells: int) -> bytes:
    """Return the value of `VARIABLE` that names two descriptors."""
    return b"%d,%d" % (channel, cells)


def placed(value: bytes) -> tuple[int, int]:
    """Return the numbers of the channel and of the cells.

    Raises:
        ValueError: they are not in the value.
    """
    channel, comma, cells = value.partition(b",")
    if not (comma and channel.isdigit() and cells.isdigit()):
        raise ValueError(f"{value!r} names no channel")
    return int(channel), int(cells)


def pack_base(environ: "Iterable[bytes]", changes: "Iterable[bytes]", pid_variable: bytes = b"") -> bytes:
    """Return the packet that comes first.

    Args:
        environ: what handlers inherit, as ``NAME=VALUE``.
        changes: what links change in each handler's environment, in order, as
            `ucspi.unix.environ.changed` takes them; a packed `Link` stands in its place.
        pid_variable: as `ucspi.unix.spawn.Program` has it.
    """
    first = b"".join([entry + b"\0" for entry in environ])
    second = b"".join([text + b"\0" for text in (pid_variable, *changes)])
    return _HEAD.pack(BASE, 0, len(first), len(second)) + first + second


class Link:
    """A link that is taken for each connection.

    Attributes:
        kind: `DIRECTORY` or `COPIER`.
        text: the directory, or the order for the mover.
        file: its own file.
        argv: the command line from it on.
    """

    __slots__ = ("argv", "file", "kind", "text")

    def __init__(self, kind: bytes, text: bytes, file: bytes, argv: "list[bytes]") -> None:
        self.kind, self.text, self.file, self.argv = kind, text, file, argv

    def packed(self) -> "list[bytes]":
        """Return it as some of the changes that `pack_base` takes; no change begins so."""
        return [b"=%s %d" % (self.kind, len(self.argv)), self.text, self.file, *self.argv]


def with_links(changes: "list[bytes]") -> "list[bytes | Link]":
    """Return changes of the environment, and the links that were packed among them, in order."""
    found: list[bytes | Link] = []
    at = iter(changes)
    for entry in at:
        if entry.startswith(b"="):
            kind, _, count = entry[1:].partition(b" ")
            text, file, *argv = [next(at) for _ in range(2 + int(count))]
            found.append(Link(kind, text, file, argv))
        else:
            found.append(entry)
    return found


def pack_serve(slot: int, variables: bytes, log: bytes) -> bytes:
    """Return the packet that goes with a connection.

    Args:
        slot: the number of the connection's cell.
        variables: as `ucspi.unix.spawn.Spawner.spawn` takes them.
        log: likewise.
    """
    return _HEAD.pack(SERVE, slot, len(variables), len(log)) + variables + log


def pack_keep(slot: int) -> bytes:
    """Return the packet that asks for a process which serves several connections."""
    return _HEAD.pack(KEEP, slot, 0, 0)


def unpack(packet: bytes) -> Packet:
    """Return the parts of a server's packet.

    Raises:
        ValueError: it is none, or it was cut.
    """
    if len(packet) < _HEAD.size:
        raise ValueError("not a packet")
    kind, slot, first, second = _HEAD.unpack_from(packet)
    middle = _HEAD.size + first
    if kind not in (BASE, SERVE, KEEP) or middle + second != len(packet):
        raise ValueError("not a packet")
    return kind, slot, packet[_HEAD.size : middle], packet[middle:]


def entries(text: bytes) -> list[bytes]:
    """Return the parts of a text of which each ends with a NUL."""
    return text.split(b"\0")[:-1]


def pack_answer(slot: int, number: int) -> bytes:
    """Return an answer: the exit code of a kept process's function, or the negative errno of a stem."""
    return _ANSWER.pack(slot, number)


def unpack_answer(packet: bytes) -> tuple[int, int]:
    """Return slot and number of an answer.

    Raises:
        ValueError: it is none.
    """
    if len(packet) != ANSWER_SIZE:
        raise ValueError("not an answer")
    slot, number = _ANSWER.unpack(packet)
    return slot, number
