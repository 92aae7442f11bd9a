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

        def fork_for_each(self, channel: int) -> "tuple[int, bytes, bytes, int] | None":
            """Fork a sibling for each packet; each packet is taken out when there is its process.

            Args:
                channel: from it packets come; siblings close it.

            Returns:
                In a sibling what came for it: the kind, the two texts, and its descriptor, which
                is closed if it was a connection, for then that is on 0 and 1.  In the stem the same
                of a BASE packet, or None at the end of the channel.

            Raises:
                OSError: a packet is none.
            """
            ...

        def keep(self, channel: int, answers: int) -> None:
            """Note how this process is; two descriptors are opened for that.

            Raises:
                OSError: it cannot be seen, or no descriptor is left.
            """
            ...

        def take(self, channel: int) -> "tuple[int, bytes, bool] | None":
            """Wait for the next connection, write its log, and put it on 0 and 1.

            Returns:
                The slot, its variables, and whether there was a number for its descriptor; None at the end.

            Raises:
                OSError: a packet is none.
            """
            ...

        def put_back(self) -> bool:
            """Close the connection and put back what C knows of; return whether that could be done.

            It cannot be where there are threads, children or other ids, where one of our own
            descriptors was closed, or many were left open.
            """
            ...

        def may_answer(self) -> bool:
            """Return whether the channel and the pipe for answers are what they were."""
            ...

        def flush(
            self, objects: "list[object]", types: "tuple[type, ...]", files: "tuple[object, ...]"
        ) -> None:
            """Flush the instances of some types among objects, and files that are not None.

            What cannot be flushed is passed over.
            """
            ...

        def set_environ(self, variables: "dict[bytes, bytes]", entries: "list[bytes]") -> None:
            """Give C exactly some entries, and the dictionary what Python makes of them."""
            ...

        def add_environ(self, variables: "dict[bytes, bytes]", own: bytes) -> None:
            """Give what `set_environ` gave, less what is replaced, and some entries more.

            Args:
                variables: the same dictionary.
                own: the others, each ended by a NUL.
            """
            ...


stem: "Stem | None" = None
try:
    from ucspi import _stem

    stem = _stem
except ImportError:
    pass
