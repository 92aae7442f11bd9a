"""A stem that is none of ours, to be told how to behave: ``standinstem.py BEHAVIOUR``.

It speaks as `ucspi.unix.stemchannel` says.  Its children write what they were given
into the connection, wait until the client has closed its end, and exit with code 7.
Those that are kept answer with the length of what the client has said before.

=========  ============================================================================
good       does what it should
hold       the same, but takes nothing while a file ``hold`` is in its working directory
lie        puts the pid of process 1 into each cell
twice      forks for the first connection, and puts that pid into all cells
self       puts its own pid into each cell
deny       puts -EAGAIN into each cell, and says so
swallow    takes packets out and does nothing
deaf       is ready, and takes nothing
cut        cuts the file of the cells
half       forks for a connection, and ends before it takes the packet out
fail       says that the module cannot be used
cold       says that it cannot be served from here
die        ends with code 3 before it is ready
shut       shuts its end of the channel, and then is good
babble     sends packets of all kinds, and then is good
=========  ============================================================================
"""

import ctypes
import mmap
import os
import signal
import socket
import sys
import time

from ucspi.unix import stemchannel

SYS_CLONE = {"x86_64": 56, "aarch64": 220}.get(os.uname().machine, -1)
CLONE_PARENT, CLONE_PARENT_SETTID = 0x8000, 0x100000
EAGAIN = 11


def main(behaviour: str) -> None:
    numbers = stemchannel.placed(os.environb[stemchannel.VARIABLE])
    channel = socket.socket(fileno=numbers[0])
    cells = mmap.mmap(numbers[1], 0)
    if behaviour == "die":
        os._exit(3)
    if behaviour == "cut":
        os.ftruncate(numbers[1], 0)
    if behaviour in ("fail", "cold"):
        channel.send((stemchannel.FAILED if behaviour == "fail" else stemchannel.COLD) + b"for a reason")
        return
    if behaviour == "babble":
        for text in (b"?", b"\0" * 8, b"x" * 5000, stemchannel.READY, stemchannel.FAILED + b"not really"):
            channel.send(text)
    else:
        channel.send(stemchannel.READY)
    if behaviour == "shut":
        channel.shutdown(socket.SHUT_WR)
    while behaviour == "deaf":
        signal.pause()
    while packet := channel.recv(1 << 20, socket.MSG_PEEK):
        while behaviour == "hold" and os.path.exists("hold"):
            time.sleep(0.01)
        serve(behaviour, channel, cells, packet)


def serve(behaviour: str, channel: socket.socket, cells: mmap.mmap, packet: bytes) -> None:
    kind, slot, variables, log = stemchannel.unpack(packet)
    is_served = kind in (stemchannel.SERVE, stemchannel.KEEP)
    lies = {"lie": 1, "deny": -EAGAIN, "self": os.getpid()}
    if behaviour == "twice" and slot:
        lies["twice"] = int.from_bytes(cells[:4], sys.byteorder)
    if is_served and behaviour in lies:
        cells[4 * slot : 4 * slot + 4] = lies[behaviour].to_bytes(4, sys.byteorder, signed=True)
        if behaviour == "deny":
            channel.send(stemchannel.pack_answer(slot, -EAGAIN))
    elif is_served and behaviour not in ("swallow", "cut"):
        connection = received(channel, socket.MSG_PEEK)
        if fork(cells, slot):
            if kind == stemchannel.SERVE:
                answer(connection, variables, log)
                os._exit(7)
            channel.close()
            keep(connection)
        connection.close()
        if behaviour == "half":
            os.kill(os.getpid(), signal.SIGKILL)
    channel.recv(1)


def number_of(channel: socket.socket, flags: int = 0) -> int:
    """Return the descriptor that comes with the next packet."""
    _, control, *_ = channel.recvmsg(1, socket.CMSG_SPACE(4), flags)
    return int.from_bytes(control[0][2][:4], sys.byteorder)


def received(channel: socket.socket, flags: int = 0) -> socket.socket:
    """Return the socket that comes with the next packet."""
    return socket.socket(fileno=number_of(channel, flags))


def fork(cells: mmap.mmap, slot: int) -> bool:
    """Make a process that is a child of our parent; return whether this is it."""
    cell = ctypes.addressof(ctypes.c_int.from_buffer(cells, 4 * slot))
    flags = CLONE_PARENT | CLONE_PARENT_SETTID | signal.SIGCHLD
    return bool(ctypes.CDLL(None).syscall(SYS_CLONE, flags, 0, ctypes.c_void_p(cell), 0, 0) == 0)


def answer(connection: socket.socket, variables: bytes, log: bytes) -> bytes:
    """Serve a client; return what it has said."""
    os.write(2, log.replace(b"\0", b"%d" % os.getpid()))
    connection.sendall(b"warm %d " % os.getpid() + variables)
    said = connection.recv(100)
    connection.close()
    return said


def keep(channel: socket.socket) -> None:
    """Serve several clients; what each says is an order."""
    pipe = number_of(channel)
    while packet := channel.recv(1 << 20, socket.MSG_PEEK):
        _, slot, variables, log = stemchannel.unpack(packet)
        said = answer(received(channel), variables, log)
        if said == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        if said == b"babble":
            os.write(pipe, b"babble")
            signal.pause()
        if said == b"silent":
            os.close(pipe)
            signal.pause()
        if said == b"wrong":
            os.write(pipe, stemchannel.pack_answer(slot + 1, 0))
            signal.pause()
        if said == b"last":
            channel.shutdown(socket.SHUT_RD)
        os.write(pipe, stemchannel.pack_answer(slot, len(said)))
        if said == b"twice":
            os.write(pipe, stemchannel.pack_answer(slot, 1))
        if said == b"last":
            break
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
