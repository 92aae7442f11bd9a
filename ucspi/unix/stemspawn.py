"""Starting handlers that are Python functions: by executing the command line, or by stems."""

import os

from ucspi.unix import native, search
from ucspi.unix.chain import Chain, Ending
from ucspi.unix.chainlayout import lay_out_ending
from ucspi.unix.chainspawn import ChainSpawner
from ucspi.unix.environ import value_of, without
from ucspi.unix.spawn import NativeSpawner, Program
from ucspi.unix.stem import Stem
from ucspi.unix.stemchannel import PACKET_MAX, VARIABLE, pack_base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ucspi.unix.chainspawn import Reader


class StemSpawner(ChainSpawner):
    """Starts handlers by executing the command line, as a `ChainSpawner` does, and starts stems.

    Attributes:
        ending: as it was last read; None: there can be no stem.  Another object
            stands for another reading.
    """

    __slots__ = ("_base", "_described", "_judge", "_laid_out", "_once", "_pid_variable", "ending")

    def __init__(self, program: Program, reader: "Reader") -> None:
        """Read the command line now."""
        self.ending: Ending | None = None
        self._laid_out: tuple[Any, list[object]] | None = None
        self._judge = native.lib.usys_judge_stem
        # That of a stem around us is not for handlers, and executed ones must not take it for theirs.
        program.environ = without(program.environ, frozenset((VARIABLE,)))
        self._base, self._pid_variable, self._described = program.environ, program.pid_variable, program
        self._once: dict[tuple[bytes, ...], NativeSpawner] = {}  # by the command line of a stem
        super().__init__(program, reader)

    def _use(self, chain: Chain | None) -> None:
        super()._use(chain)
        if chain is not None and chain.ending is not None:
            self._laid_out = lay_out_ending(chain.ending)
            self._prepare(chain.ending.argv)
            self.ending = chain.ending

    def _prepare(self, argv: list[bytes]) -> None:
        """Make what executes a command line other than the whole one."""
        if argv and tuple(argv) not in self._once:
            whole = self._described
            paths = search.files(argv[0], value_of(whole.environ, b"PATH"))
            part = Program(argv, paths, whole.environ, whole.complaint, whole.pid_variable, whole.listeners)
            self._once[tuple(argv)] = once = NativeSpawner(part)
            once.shield = self.shield

    def is_preparing(self) -> bool:
        """See `Spawner.is_preparing`."""
        return super().is_preparing() or any(once.is_preparing() for once in self._once.values())

    def is_as_read(self, variables: bytes) -> bool:
        """Return whether all is as it was read, and a stem does for a client with these variables.

        If it is not, the command line is read again, in a thread.
        """
        self._take_result()
        if self._laid_out is None:
            return False
        state = self._judge(self._laid_out[0], variables, len(variables))
        if state == native.lib.USYS_CHANGED:
            self._read_again()
        return bool(state == native.lib.USYS_WARM)

    def stem(self) -> Stem | None:
        """Start a stem; None where the environment is too large for it.

        Raises:
            OSError: no process can be made, or no descriptor is left.
        """
        assert self.ending is not None, "the caller has looked"
        base = pack_base(self._base, self.ending.changes, self._pid_variable)
        return Stem(self._start_once, base) if len(base) <= PACKET_MAX else None

    def _start_once(self, variables: bytes, descriptors: list[int]) -> int:
        """Execute the command line, with some descriptors left open, and return the pid."""
        # A child has a copy of the table of descriptors from the moment it is there.
        null = os.open(b"/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for number in descriptors:
            os.set_inheritable(number, True)
        assert self.ending is not None, "the caller has looked"
        try:
            if self.ending.argv:
                return self._once[tuple(self.ending.argv)].spawn(null, variables, b"")
            return super().spawn(null, variables, b"")
        finally:
            for number in descriptors:
                os.set_inheritable(number, False)
