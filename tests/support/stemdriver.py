"""Playing the server of a stem, and starting the same handlers cold: children of ours either way."""

import array
import mmap
import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.launchers import is_launched
from tests.support.patience import PATIENCE, wait_for
from ucspi.unix import stemchannel
from ucspi.unix.spawn import Program, spawner

CELLS = 64
BASE = [os.fsencode(f"{name}={value}") for name, value in ENVIRONMENT.items()]
Answer = tuple[bytes, int, bytes]  # what the client got, the wait status, what was written to the log

try:
    import ucspi._stem
except ImportError:
    CAN_FORK = False
else:
    CAN_FORK = bool(ucspi._stem)

needs_stem = pytest.mark.skipif(not CAN_FORK, reason="the module of the stem was not compiled")
needs_both = pytest.mark.skipif(
    not (CAN_FORK and is_launched()), reason="cold and warm are alike only behind the launcher"
)


class Handlers:
    """Starts handlers, and waits for them; what they write to descriptor 2 goes to a file."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def send(self, variables: Sequence[bytes] = (), log: bytes = b"") -> tuple[int, socket.socket]:
        """Hand over a new connection; return what `pid` wants to know, and our end."""
        raise NotImplementedError

    def pid(self, slot: int) -> int:
        return slot

    def ended(self, slot: int) -> int:
        """Return the wait status of a connection once it has ended."""
        return reap(self.pid(slot))

    def serve(
        self, variables: Sequence[bytes] = (), log: bytes = b"", *, sends: bytes = b"", resets: bool = False
    ) -> Answer:
        """Have one connection served."""
        before = self.log.stat().st_size
        slot, client = self.send(variables, log)
        with client:
            with suppress(BrokenPipeError):  # the handler may have ended already
                client.sendall(sends)
            if resets:
                client.close()
            else:
                client.shutdown(socket.SHUT_WR)
            came = b"" if resets else read(client)
        status = self.ended(slot)
        return came, status, self.log.read_bytes()[before:]


class Cold(Handlers):
    """Starts each handler as a server does without a stem, in our own working directory."""

    def __init__(self, log: Path, arguments: Sequence[str], inherited: Sequence[bytes] = BASE) -> None:
        super().__init__(log)
        argv = [os.fsencode(word) for word in (*ours("pyhandler"), *arguments)]
        self._spawner = spawner(Program(argv, [argv[0]], list(inherited), b"cold: "))
        log.touch()

    def send(self, variables: Sequence[bytes] = (), log: bytes = b"") -> tuple[int, socket.socket]:
        """Start a handler; return its pid and our end."""
        client, theirs = pair()
        aside = os.dup(2)
        try:
            with self.log.open("ab") as file:
                os.dup2(file.fileno(), 2)
            text = b"".join(entry + b"\0" for entry in variables)
            return self._spawner.spawn(theirs.detach(), text, log), client
        finally:
            os.dup2(aside, 2)
            os.close(aside)


class Driver(Handlers):
    """A server that has one stem."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        channels: tuple[socket.socket, socket.socket],
        cells: mmap.mmap,
        log: Path,
    ) -> None:
        super().__init__(log)
        self.process, (self.channel, self.end) = process, channels
        self._cells, self._slot = cells, 0

    def cell(self, slot: int) -> int:
        number: int = struct.unpack_from("=i", self._cells, 4 * slot)[0]
        return number

    def receive(self) -> bytes:
        """Return the stem's next packet, or nothing if it has ended."""
        deadline = time.monotonic() + PATIENCE
        while not select.select([self.channel], [], [], 0.05)[0]:
            assert time.monotonic() < deadline, self.log.read_text("latin-1")
            if self.process.poll() is not None and not select.select([self.channel], [], [], 0)[0]:
                return b""
        return self.channel.recv(65536)

    def base(
        self, inherited: Sequence[bytes] = BASE, changes: Sequence[bytes] = (), pid_variable: bytes = b""
    ) -> None:
        self.channel.send(stemchannel.pack_base(inherited, changes, pid_variable))

    def slot(self) -> int:
        """Return a slot for another process."""
        self._slot = (self._slot + 1) % CELLS
        struct.pack_into("=i", self._cells, 4 * self._slot, 0)
        return self._slot

    def send(self, variables: Sequence[bytes] = (), log: bytes = b"") -> tuple[int, socket.socket]:
        """Send a connection to the stem; return its slot and our end."""
        slot = self.slot()
        client, theirs = pair()
        text = b"".join(entry + b"\0" for entry in variables)
        with theirs:
            pass_on(self.channel, stemchannel.pack_serve(slot, text, log), theirs)
        return slot, client

    def pid(self, slot: int) -> int:
        """Return the pid of a connection's process once there is one."""
        wait_for(lambda: self.cell(slot), lambda: self.log.read_text("latin-1"))
        assert self.cell(slot) > 0
        return self.cell(slot)

    def keep(self) -> "Keeper":
        """Ask for a process that serves several connections."""
        slot = self.slot()
        channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            pass_on(self.channel, stemchannel.pack_keep(slot), theirs)
        answers, written = os.pipe()
        with open(written, "wb") as pipe:
            pass_on(channel, stemchannel.pack_keep(0), pipe)
        return Keeper(self.log, channel, answers, self.pid(slot))

    def is_waiting(self) -> bool:
        """Return whether a packet is left that the stem has not taken; take it."""
        try:
            return bool(self.end.recv(65536, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False


class Keeper(Handlers):
    """A process that is kept; what ends a connection is its answer."""

    def __init__(self, log: Path, channel: socket.socket, answers: int, process: int) -> None:
        super().__init__(log)
        self._answers = open(answers, "rb", buffering=0)
        self.channel, self.process, self._slot = channel, process, 0

    def send(self, variables: Sequence[bytes] = (), log: bytes = b"") -> tuple[int, socket.socket]:
        """Send a connection to the process; return its slot and our end."""
        self._slot += 1
        client, theirs = pair()
        text = b"".join(entry + b"\0" for entry in variables)
        with theirs:
            pass_on(self.channel, stemchannel.pack_serve(self._slot, text, log), theirs)
        return self._slot, client

    def ended(self, slot: int) -> int:
        """Return the status of a connection: of its answer, or of the process, which has ended then."""
        assert select.select([self._answers], [], [], PATIENCE)[0]
        packet = self._answers.read(stemchannel.ANSWER_SIZE)
        if not packet:
            return reap(self.process)
        number, code = stemchannel.unpack_answer(packet)
        assert number == slot
        return code << 8

    def has_ended(self) -> bool:
        """Return whether the process takes no more; it ends with 0 then."""
        _, theirs = pair()
        try:
            with theirs:
                pass_on(self.channel, stemchannel.pack_serve(0, b"", b""), theirs)
        except BrokenPipeError:
            assert reap(self.process) == 0
            return True
        return False


def pair() -> tuple[socket.socket, socket.socket]:
    client, theirs = socket.socketpair()
    client.settimeout(PATIENCE)
    return client, theirs


def read(client: socket.socket) -> bytes:
    text = b""
    try:
        while block := client.recv(65536):
            text += block
    except ConnectionResetError:
        pass
    return text


def reap(pid: int) -> int:
    """Wait for a child's end; return its wait status."""
    descriptor = os.pidfd_open(pid)
    try:
        assert select.select([descriptor], [], [], PATIENCE)[0], pid
    finally:
        os.close(descriptor)
    return os.waitpid(pid, 0)[1]


def pass_on(channel: socket.socket, packet: bytes, thing: "socket.socket | BinaryIO") -> None:
    """Send a packet with a descriptor."""
    control = array.array("i", [thing.fileno()])
    channel.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, control)])


@contextmanager
def stem(
    folder: Path,
    *arguments: str,
    front: Sequence[str] = (),
    environ: Sequence[tuple[str, str]] = tuple(ENVIRONMENT.items()),
    ready: bytes = stemchannel.READY,
    before: Callable[[], object] | None = None,
) -> Iterator[Driver]:
    """Start ``pyhandler`` as a stem in a directory, its log in a file; kill it in the end."""
    channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    cells = os.memfd_create("cells", os.MFD_CLOEXEC)
    os.truncate(cells, CELLS * stemchannel.CELL_SIZE)
    place = stemchannel.place(theirs.fileno(), cells).decode()
    binds, _, value = stemchannel.BINDS.decode().partition("=")
    log = folder / "warm-log"
    with channel, theirs, mmap.mmap(cells, 0) as memory:
        with log.open("ab") as stderr:
            process = subprocess.Popen(
                [*front, *ours("pyhandler"), *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={stemchannel.VARIABLE.decode(): place, binds: value, **dict(environ)},
                pass_fds=[theirs.fileno(), cells],
                preexec_fn=before,
            )
        os.close(cells)
        driver = Driver(process, (channel, theirs), memory, log)
        try:
            if ready:
                assert driver.receive() == ready, log.read_text("latin-1")
            yield driver
        finally:
            process.kill()
            process.wait(PATIENCE)
