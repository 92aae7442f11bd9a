"""Calls what may fail: once at the start, and until it succeeds once lines depend on it."""

from time import sleep

from ucspi.errors import LogError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, ParamSpec, TypeVar

    Taken = ParamSpec("Taken")
    Result = TypeVar("Result")

PAUSE: "Final" = 5.02  # seconds, as the original sleeps


def try_once(
    step: bytes, action: "Callable[Taken, Result]", *arguments: "Taken.args", **options: "Taken.kwargs"
) -> "Result":
    """Call ``action`` once, and return its result.

    Raises:
        LogError: it raised an `OSError`; ``step`` says what was attempted.
    """
    try:
        return action(*arguments, **options)
    except OSError as error:
        raise LogError(step, error) from None


class Retry:
    """Repeats what fails, after a warning and a pause: a log waits for the disk, and loses no line."""

    __slots__ = ("_pause", "_warn")

    def __init__(self, warn: "Callable[[bytes, OSError | None], object]", pause: float = PAUSE) -> None:
        """Set how to warn, and how long to pause.

        Args:
            warn: called with what failed, in the original's words, and the
                error, or None when the original's message has no error text.
            pause: seconds between two attempts; a signal does not shorten it.
        """
        self._warn, self._pause = warn, pause

    def warn(self, what: bytes, error: OSError | None = None) -> None:
        """Warn of something that is not tried again."""
        self._warn(what, error)

    def until_done(
        self,
        what: bytes,
        action: "Callable[Taken, Result]",
        *arguments: "Taken.args",
        **options: "Taken.kwargs",
    ) -> "Result":
        """Call ``action`` until it raises no `OSError`; return its result."""
        while True:
            try:
                return action(*arguments, **options)
            except OSError as error:
                self.pause(what, error)

    def pause(self, what: bytes, error: OSError | None = None) -> None:
        """Warn of what failed, and wait."""
        self._warn(what + b", pausing", error)
        sleep(self._pause)
