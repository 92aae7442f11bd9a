"""Distributes a stream to logs: puts the time before each line, runs the script on it, and writes it.

The script sees only the first `HEAD` bytes of a line, the time included; the
rest goes to the same logs.
"""

from time import time_ns

from ucspi.lines.label import label
from ucspi.logs.fileend import STEP, RotatingWriter
from ucspi.logs.pattern import matches
from ucspi.logs.script import DESELECT, SELECT, TO_ECHO, TO_LAST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final, Protocol

    from ucspi.lines.localstamp import LocalStamper
    from ucspi.logs.fileend import Log
    from ucspi.logs.script import Script

    class Outputs(Protocol):
        """Where a script puts lines."""

        @property
        def logs(self) -> Sequence[Log]:
            """The logs, in the order of the script."""

        @property
        def last_line_writers(self) -> Sequence[Callable[[bytes], object]]:
            """For each file that holds a last line, a function that puts one there."""

        def echo(self, line: bytes) -> object:
            """Show a line on stderr, newline included."""

    class Distributor(Protocol):
        """Distributes a stream in blocks."""

        @property
        def is_inside(self) -> bool:
            """Whether the last line has not ended yet."""

        def feed(self, data: bytes) -> None:
            """Distribute a block, cut anywhere; on return all complete lines are written.

            Files end where the original would end them if it read the same block
            at once.  A file for a last line gets only the last line of the block.
            """

        def log_was_rotated(self, index: int) -> None:
            """Take note that somebody else rotated a log."""


HEAD: "Final" = 1000
ECHO: "Final" = 200


class LineState:
    """What is known of the last line of a stream, if it has not ended yet.

    ``head`` is its beginning.  When more than `HEAD` bytes were read it is None,
    and ``fed`` are the numbers of the logs that get the rest.
    """

    __slots__ = ("fed", "head", "is_inside")

    def __init__(
        self, head: bytes | None = b"", fed: "Sequence[int]" = (), *, is_inside: bool = False
    ) -> None:
        self.head, self.fed, self.is_inside = head, fed, is_inside


class PureDistributor:
    """Distributes line by line, without the compiled module."""

    __slots__ = (
        "_actions",
        "_echo",
        "_echoes",
        "_fed",
        "_head",
        "_is_labelled",
        "_last_line_writers",
        "_local_stamper",
        "_new",
        "_writers",
        "is_inside",
    )

    def __init__(self, script: "Script", outputs: "Outputs") -> None:
        self._actions, self._is_labelled = script.actions, script.is_labelled
        self._local_stamper = _local_stamper() if script.has_local_time else None
        self._writers = [
            RotatingWriter(log, destination.size)
            for log, destination in zip(outputs.logs, script.logs, strict=True)
        ]
        self._last_line_writers, self._echo = outputs.last_line_writers, outputs.echo
        self._echoes: list[bytes] = []
        self._new: dict[int, bytes] = {}
        self._head: bytes | None = b""
        self._fed: list[RotatingWriter] = []
        self.is_inside = False

    def feed(self, data: bytes) -> None:
        """See `Distributor.feed`."""
        for at in range(0, len(data), STEP):
            self._step(data[at : at + STEP])
        for writer in self._writers:
            writer.write()
        self._show()

    def log_was_rotated(self, index: int) -> None:
        """See `Distributor.log_was_rotated`."""
        self._writers[index].log_was_rotated()

    def line_state(self) -> LineState:
        """Return what is known of the last line, between two blocks."""
        fed = [index for index, writer in enumerate(self._writers) if writer in self._fed]
        return LineState(self._head, fed, is_inside=self.is_inside)

    def _show(self) -> None:
        """Write to stderr and to the last-line files, after the logs: if that kills us no line is lost."""
        echoes, self._echoes = self._echoes, []
        for line in echoes:
            self._echo(line)
        for index, text in self._new.items():
            self._last_line_writers[index](text)
        self._new.clear()

    def _step(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._take(line)
            self._end_line()
        if rest:
            self._take(rest)
        for writer in self._writers:
            writer.release()

    def _take(self, part: bytes) -> None:
        """Process the next part of a line, without its newline."""
        if not self.is_inside:
            self.is_inside = True
            self._head = self._time()
        if self._head is not None:
            whole = self._head + part
            self._head, part = whole[:HEAD], whole[HEAD:]
            if len(self._head) < HEAD:
                return
            self._decide(self._head)
        for writer in self._fed:
            writer.put_each(part)

    def _time(self) -> bytes:
        """Return the time now as it stands before a line; empty if the script asks for none."""
        if not self._is_labelled and self._local_stamper is None:
            return b""
        now = time_ns()
        text = label(now) + b" " if self._is_labelled else b""
        return text if self._local_stamper is None else text + self._local_stamper.stamp(now)

    def _end_line(self) -> None:
        if self._head is not None:
            self._decide(self._head)
        for writer in self._fed:
            writer.put_each(b"\n")
        self.is_inside = False

    def _decide(self, line: bytes) -> None:
        """Run the script on a line; ``line`` is its head."""
        self._head = None
        self._fed = []
        is_selected = True
        for action in self._actions:
            if action.act in (DESELECT, SELECT):
                if is_selected == (action.act == DESELECT) and matches(action.pattern, line):
                    is_selected = not is_selected
            elif is_selected:
                self._deliver(action.act, action.index, line)

    def _deliver(self, act: int, index: int, line: bytes) -> None:
        if act == TO_ECHO:
            self._echoes.append((line[:ECHO] + b"..." if len(line) > ECHO else line) + b"\n")
        elif act == TO_LAST:
            self._new[index] = line.ljust(HEAD + 1, b"\n")
        else:
            self._writers[index].put(line)
            self._fed.append(self._writers[index])


def _local_stamper() -> "LocalStamper":
    from ucspi.lines.localstamp import LocalStamper  # most scripts have no T

    return LocalStamper()
