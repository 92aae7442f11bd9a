"""Distributes a stream in C (``cdbext/lines/distribute.h``): one call until the next file ends."""

from ucspi.logs.script import TO_ECHO
from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ucspi.logs.distributor import LineState, Outputs
    from ucspi.logs.script import Script

_ROOM = 131072  # bytes of a log's output buffer: a block with labels, if lines have ordinary lengths
_ECHO = 256  # bytes: more than one line takes on stderr


class NativeDistributor:
    """See `Distributor`; this object owns the memory that C reads and writes."""

    __slots__ = (
        "_distribute",
        "_distributor",
        "_echo",
        "_echoes",
        "_kept",
        "_last_line_writers",
        "_logs",
        "_views",
    )

    def __init__(self, script: "Script", outputs: "Outputs", line_state: "LineState") -> None:
        """Copy the script into C memory, and go on with a stream whose last line is in ``line_state``."""
        self._last_line_writers, self._logs, self._echo = (
            outputs.last_line_writers,
            outputs.logs,
            outputs.echo,
        )
        self._views = [memoryview(bytearray(_ROOM)) for _ in script.logs]
        self._echoes: list[bytes] = []
        self._kept: list[Any] = []  # memory that only C points to
        self._distribute = native.lib.usys_distribute
        self._distributor = self._new("struct usys_distributor *")
        self._distributor.labelled, self._distributor.local = script.is_labelled, script.has_local_time
        self._lay_out_actions(script)
        self._lay_out_outputs(script)
        self._resume(line_state)

    def _new(self, kind: str, initial: "Any" = None) -> "Any":
        made = native.ffi.new(kind, initial)
        self._kept.append(made)
        return made

    def _lay_out_actions(self, script: "Script") -> None:
        distributor = self._distributor
        distributor.actions = actions = self._new("struct usys_action[]", len(script.actions))
        distributor.action_count = len(script.actions)
        for laid_out, action in zip(actions, script.actions, strict=True):
            laid_out.act, laid_out.index = action.act, action.index
            laid_out.pattern = self._new("char[]", action.pattern)
            laid_out.length = len(action.pattern)
        distributor.echo_room = _ROOM + _ECHO * len(script.actions)
        if any(action.act == TO_ECHO for action in script.actions):
            distributor.echo = self._new("char[]", distributor.echo_room)

    def _lay_out_outputs(self, script: "Script") -> None:
        distributor = self._distributor
        distributor.lasts = self._new("struct usys_last[]", len(script.last_line_paths))
        distributor.cuts = self._new("struct usys_cut[]", len(script.logs))
        distributor.logs = logs = self._new("struct usys_log[]", len(script.logs))
        distributor.log_count, distributor.room = len(script.logs), _ROOM
        for index, destination in enumerate(script.logs):
            room = native.ffi.from_buffer(self._views[index])
            self._kept.append(room)
            logs[index].out, logs[index].limit = room, destination.size
            self.log_was_rotated(index)

    def _resume(self, line_state: "LineState") -> None:
        distributor, head = self._distributor, line_state.head or b""
        distributor.inside = line_state.is_inside
        distributor.beyond = line_state.head is None
        distributor.head_length = len(head)
        native.ffi.memmove(distributor.head, head, len(head))
        for index in line_state.fed:
            distributor.logs[index].selected = True

    @property
    def is_inside(self) -> bool:
        """See `Distributor.is_inside`."""
        return bool(self._distributor.inside)

    def feed(self, data: bytes) -> None:
        """See `Distributor.feed`."""
        at, start = 0, native.ffi.from_buffer(data)
        while at < len(data):
            at += self._distribute(self._distributor, start + at, len(data) - at)
            self._write()
        self._show()

    def log_was_rotated(self, index: int) -> None:
        """See `Distributor.log_was_rotated`."""
        self._distributor.logs[index].size = self._logs[index].size

    def _write(self) -> None:
        """Write and rotate as the last call says."""
        distributor = self._distributor
        written = [0] * len(self._logs)
        for number in range(distributor.cut_count):
            cut = distributor.cuts[number]
            self._logs[cut.log].write(self._views[cut.log][: cut.end])
            self._logs[cut.log].rotate()
            written[cut.log] = cut.end
        for index, log in enumerate(self._logs):
            end = distributor.logs[index].length - distributor.logs[index].held
            if end > written[index]:
                log.write(self._views[index][written[index] : end])
        if distributor.echo_length:
            self._echoes.append(native.ffi.buffer(distributor.echo, distributor.echo_length)[:])

    def _show(self) -> None:
        """Write to stderr and to the last-line files, after the logs: if that kills us no line is lost."""
        echoes, self._echoes = self._echoes, []
        for line in b"".join(echoes).split(b"\n")[:-1]:
            self._echo(line + b"\n")
        for index, replace in enumerate(self._last_line_writers):
            last = self._distributor.lasts[index]
            if last.is_new:
                last.is_new = 0
                replace(native.ffi.buffer(last.text)[:])
