"""Starting handlers whose command line is a chain."""

import time

from ucspi.unix import native
from ucspi.unix.chain import Chain
from ucspi.unix.chainlayout import lay_out
from ucspi.unix.spawn import NativeSpawner, Program
from ucspi.unix.threadtask import NoThreadError, ThreadTask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Reader(Protocol):
        """Reads the command line as a chain, as often as wanted, also in a thread."""

        is_unsettled: bool  # what was read is not certain yet: read it again

        def read(self) -> Chain | None:
            """Return the chain, or None when the program is to be executed."""
            ...


REST = 1.0  # seconds between two readings
_OLD_MAX = 50  # chains that waiting children may still use; until they end no newer one is used


class ChainSpawner(NativeSpawner):
    """Takes the steps of a chain in the new process, as long as all is as it was read.

    Else it executes the first link, which is always right, and has the chain
    read again in a thread.
    """

    __slots__ = ("_kept", "_old", "_reader", "_rest_until", "_task")

    def __init__(self, program: Program, reader: "Reader") -> None:
        """Read the chain now."""
        super().__init__(program)
        self._reader, self._task = reader, ThreadTask()
        self._rest_until = 0.0  # monotonic seconds
        self._task.kept = 2  # the standard descriptors: a child shall have no copy of a file that is read
        self._kept: list[object] = []
        self._old: list[list[object]] = []  # children that prepare may still use these
        self._use(reader.read())

    def spawn(self, connection: int, variables: bytes, log: bytes, output: int = -1) -> int:
        """See `Spawner.spawn`."""
        self._take_result()
        pid = super().spawn(connection, variables, log, output)
        if self._program.chain_state == native.lib.USYS_CHANGED or self._reader.is_unsettled:
            self._read_again()
        return pid

    def _take_result(self) -> None:
        if self._task.is_busy and self._task.wait(0):
            self._use(self._result())

    def _read_again(self) -> None:
        now = time.monotonic()
        if now >= self._rest_until and not self._task.is_busy:
            self._rest_until = now + REST
            try:
                self._task.start(self._reader.read)
            except NoThreadError:
                pass  # a later client asks again

    def _result(self) -> Chain | None:
        try:
            chain = self._task.take()
        except (OSError, MemoryError):
            return None
        assert chain is None or isinstance(chain, Chain)
        return chain

    def _use(self, chain: Chain | None) -> None:
        """Use a chain from now on.

        Without one the last is kept, if there was one: it is used only while all is
        as it was, and else has the command line read again.
        """
        self._forget_old()
        if chain is None or not chain.steps or len(self._old) >= _OLD_MAX:
            return
        # Of a child that shares our memory a core, as of SIGXFSZ, would be one of ours.
        if any(step.plan.ids or step.plan.limits for step in chain.steps):
            native.lib.usys_forbid_dumps()
        self._old.append(self._kept)
        self._program.chain, self._kept = lay_out(chain, self._program.command)
        self._forget_old()

    def _forget_old(self) -> None:
        if not self.is_preparing():
            self._old.clear()
