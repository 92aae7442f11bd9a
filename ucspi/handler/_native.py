"""The compiled module of stems; `stem` is None where it was not built."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Stem(Protocol):
        """What ``cdbext/python/stemfork.c`` offers."""

        def prepare(self, cells: int) -> None:
            """Map the file of the cells, and let SIGHUP end this process.

            Raises:
                OSError: this system has no such fork.
            """
            ...

        def fork(self, slot: int, descriptor: int, is_connection: bool, channel: int, log: bytes) -> int:
            """Fork a sibling; return its pid, 0 in it, or a negative errno.

            Args:
                slot: the cell that gets the pid or the negative errno.
                descriptor: what the sibling keeps; a connection is put on 0 and 1.  Negative: there
                    was no number left for it, so none is made.
                is_connection: it is a connection.
                channel: what the sibling closes.
                log: what the sibling writes to descriptor 2; each NUL in it becomes its pid.
            """
            ...

        def set_environ(self, variables: "dict[bytes, bytes]", inherited: "list[bytes]", own: bytes) -> None:
            """Give C exactly some entries, and the dictionary what Python makes of them.

            Args:
                variables: the dictionary.
                inherited: entries, less those whose name is among the others.
                own: the others, each ended by a NUL.
            """
            ...


stem: "Stem | None" = None
try:
    from ucspi import _stem

    stem = _stem
except ImportError:
    pass
