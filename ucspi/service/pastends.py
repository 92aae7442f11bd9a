"""Reading how the last runs of a service ended, as `ucspi.service.deathtally` and s6 write it."""

import posix as os

from ucspi.service import controlfiles, deathtally
from ucspi.service.deathtally import LEAP, SIZE
from ucspi.unix import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

MOST: "Final" = 4096  # as many as s6 keeps


class End:
    """One of them.

    Attributes:
        second: when, in Unix time.
        code: the exit code, if ``signal`` is 0.
        signal: that ended it, or 0.
    """

    __slots__ = ("code", "second", "signal")

    def __init__(self, record: bytes) -> None:
        """Read it from its bytes."""
        self.second = tai.seconds(record) - LEAP
        self.code, self.signal = record[12], record[13]


def read(name: bytes) -> list[End] | None:
    """Return the ends that are known, oldest first; None if there is no such file, or it may not be read.

    Args:
        name: the service directory.
    """
    try:
        service = controlfiles.enter_named(name)
        try:
            folder = controlfiles.enter_state(service)
        finally:
            os.close(service)
        try:
            return list(_ends(deathtally.read(folder, MOST)))
        finally:
            os.close(folder)
    except OSError:
        return None


def _ends(text: bytes) -> "Iterator[End]":
    for at in range(0, len(text) - SIZE + 1, SIZE):
        yield End(text[at : at + SIZE])
