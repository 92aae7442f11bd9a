"""A distributor that works in Python until the first large block, and in C from then on."""

from ucspi.lines.kernelloader import load
from ucspi.logs.distributor import PureDistributor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ucspi.logs.distributor import Distributor, Outputs
    from ucspi.logs.script import Script

_LARGE: "Final" = 8192  # bytes: for such a block the compiled module is worth loading


class SwitchingDistributor:
    """Loads the compiled module at the first large block: most logs never see one."""

    __slots__ = ("_is_final", "_now", "_outputs", "_script")

    def __init__(self, script: "Script", outputs: "Outputs") -> None:
        self._script, self._outputs = script, outputs
        self._now: Distributor = PureDistributor(script, outputs)
        self._is_final = False

    @property
    def is_inside(self) -> bool:
        """See `Distributor.is_inside`."""
        return self._now.is_inside

    def feed(self, data: bytes) -> None:
        """See `Distributor.feed`."""
        if len(data) >= _LARGE and not self._is_final:
            self._is_final = True
            self._now = load(self._make_native) or self._now
        self._now.feed(data)

    def log_was_rotated(self, index: int) -> None:
        """See `Distributor.log_was_rotated`."""
        self._now.log_was_rotated(index)

    def _make_native(self) -> "Distributor":
        from ucspi.logs.nativedistributor import NativeDistributor

        assert isinstance(self._now, PureDistributor)
        return NativeDistributor(self._script, self._outputs, self._now.line_state())
