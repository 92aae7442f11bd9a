"""What ``run`` gets beyond what all programs of its host get: variables and descriptors."""

import os
from fcntl import F_DUPFD_CLOEXEC, fcntl

from ucspi.unix.environ import without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class HandedOn:
    """Collects them for one start.

    Attributes:
        environ: the environment; None: that of the others.
        pid_variable: ``NAME=``, which the process itself adds with its pid; empty: none.
    """

    __slots__ = ("_common", "_ours", "_pairs", "environ", "pid_variable")

    def __init__(self, environ: list[bytes]) -> None:
        """Begin with the environment of the others, and no descriptors."""
        self._common = environ
        self.environ: list[bytes] | None = None
        self.pid_variable = b""
        self._pairs: list[tuple[int, int]] = []
        self._ours: list[int] = []

    def replace(self, names: frozenset[bytes], entries: "Iterable[bytes]") -> None:
        """Remove the variables of these names, and add entries ``NAME=VALUE``."""
        self.environ = [*without(self._common if self.environ is None else self.environ, names), *entries]

    def put(self, descriptor: int, number: int) -> None:
        """Have a descriptor at a number above 2."""
        self._pairs.append((descriptor, number))

    def put_ours(self, descriptor: int, number: int) -> None:
        """Do the same, and close it here in the end."""
        self._ours.append(descriptor)
        self.put(descriptor, number)

    def descriptors(self) -> list[tuple[int, int]]:
        """Return pairs of a descriptor and its number, of which none is overwritten by another.

        Raises:
            OSError: there are not enough descriptors.
        """
        targets = {target for _, target in self._pairs}
        if not targets.isdisjoint(source for source, _ in self._pairs):
            self._pairs = [(self._above(source, targets), target) for source, target in self._pairs]
        return self._pairs

    def _above(self, source: int, targets: set[int]) -> int:
        if source not in targets:
            return source
        self._ours.append(fcntl(source, F_DUPFD_CLOEXEC, max(targets) + 1))
        return self._ours[-1]

    def close(self) -> None:
        """Close what was made here."""
        for descriptor in self._ours:
            os.close(descriptor)
        self._ours = []
