"""Reading the values in the optional files of a service directory (`ucspi.service.optionalfiles`).

What a file says wrongly is one line on standard error, and the default holds.  A
service may be started once a second, so the same complaint is not repeated.
"""

import _signal
import os
from stat import S_ISREG

from ucspi.errors import UnusableError
from ucspi.service.wishes import DEATHS, FINISH_TIME, Wishes
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, TypeVar

    from ucspi.service.socketplaces import SocketPlace

    T = TypeVar("T")

DEATHS_MAX: "Final" = 4096  # as in s6
PAUSE_MAX: "Final" = 86400.0  # seconds
_LARGEST = 2**32 - 1  # a number of s6 has 32 bits
_READ = 256  # bytes


class OptionalValues:
    """Reads the files of one directory."""

    __slots__ = ("_complaints", "_folder", "_name", "_sockets", "_there", "_warn")

    def __init__(self, name: bytes, folder: int, warn: "Callable[[bytes], object]") -> None:
        """Take the directory's name, its descriptor, and what prints a warning."""
        self._name, self._folder, self._warn = name, folder, warn
        self._complaints: dict[bytes, bytes] = {}
        self._there: list[bytes] = []
        self._sockets: tuple[SocketPlace, ...] = ()  # the last that were not wrong

    def read(self, there: list[bytes], open_files: int) -> Wishes:
        """Return what the files ask for; this may wait for the disk.

        Args:
            there: the names of the files.
            open_files: the service has descriptors below this number.
        """
        self._there = there
        wishes = Wishes()
        wishes.is_plain = False
        wishes.kills_group = b"flag-timeout-killpg" in there
        wishes.is_like_runit = b"flag-finish-runit" in there
        wishes.fails_with_100 = b"flag-permanent-100" in there
        wishes.has_socket = b"flag-notify-socket" in there
        wishes.finish, wishes.check = self._is_program(b"finish"), self._is_program(b"check")
        wishes.down_signal = self._value(
            b"down-signal", _signal_number, wishes.down_signal, b"SIGTERM is used"
        )
        wishes.kill_time = self._value(b"timeout-kill", _milliseconds, 0.0, b"there is no limit")
        wishes.finish_time = self._value(b"timeout-finish", _milliseconds, FINISH_TIME, b"5000 is used")
        wishes.backoff = self._value(b"backoff", _pauses, None, b"there is no pause")
        wishes.deaths = self._value(b"max-death-tally", _count, DEATHS, b"100 is used")
        wishes.wants_sockets = b"sockets" in there
        wishes.sockets = self._sockets = self._places(open_files)
        wishes.is_on_demand = self._is_on_demand()
        count = len(wishes.sockets)
        wishes.notification = self._value(
            b"notification-fd", lambda text: _descriptor(text, open_files, count), -1, b"there is none"
        )
        return wishes

    def _places(self, open_files: int) -> "tuple[SocketPlace, ...]":
        """Return what ``sockets`` says; if that is wrong, what it said last."""
        if b"sockets" not in self._there:
            return ()
        from ucspi.service.socketplaces import FILE_MAX, parse

        words = b"the sockets stay as they were" if self._sockets else b"the service is not started"
        known = self._sockets
        return self._value(
            b"sockets", lambda text: tuple(parse(text, open_files)), known, words, most=FILE_MAX + 1
        )

    def _is_on_demand(self) -> bool:
        name = b"flag-on-demand"
        if name not in self._there:
            return False
        if b"sockets" in self._there:
            self._complaints.pop(name, None)
            return True
        self._complain(name, b"there is no file sockets", b"the service is started at once")
        return False

    def _value(
        self, name: bytes, parse: "Callable[[bytes], T]", default: "T", words: bytes, most: int = _READ
    ) -> "T":
        """Return what a file says; without it the default, which a warning describes in words."""
        if name not in self._there:
            return default
        try:
            text = self._text(name, most)
            found = parse(text.rstrip())
        except OSError as error:
            self._complain(name, describe(error.errno or 0), words)
        except UnusableError as error:
            self._complain(name, error.reason, words)
        except ValueError:
            self._complain(name, b"unusable value %a" % text[:40].decode("latin-1"), words)
        else:
            self._complaints.pop(name, None)
            return found
        return default

    def _text(self, name: bytes, most: int) -> bytes:
        file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, dir_fd=self._folder)
        try:
            return os.read(file, most) if S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)

    def _is_program(self, name: bytes) -> bool:
        """Return whether a file is there that can be executed."""
        if name not in self._there:
            return False
        try:
            is_one = S_ISREG(os.stat(name, dir_fd=self._folder).st_mode)
        except OSError:
            is_one = False
        if is_one and os.access(name, os.X_OK, dir_fd=self._folder, effective_ids=True):
            self._complaints.pop(name, None)
            return True
        self._complain(name, b"not executable", b"it is not run")
        return False

    def _complain(self, name: bytes, reason: bytes, words: bytes) -> None:
        if self._complaints.get(name) != reason:
            self._complaints[name] = reason
            self._warn(b"%s/%s: %s; %s" % (self._name, name, reason, words))


def _number(text: bytes, largest: int) -> int:
    if not text.isdigit() or len(text) > 20 or int(text) > largest:
        raise ValueError
    return int(text)


def _milliseconds(text: bytes) -> float:
    return _number(text, _LARGEST) / 1000


def _count(text: bytes) -> int:
    return min(_number(text, _LARGEST), DEATHS_MAX)


def _signal_number(text: bytes) -> int:
    """Return a signal by its number, or by its name with or without ``SIG``."""
    if text.isdigit():
        number = _number(text, _signal.NSIG - 1)
    else:
        name = text.decode("ascii").upper()  # what is no text is a ValueError, too
        found = getattr(_signal, name if name.startswith("SIG") else "SIG" + name, 0)
        number = int(found) if isinstance(found, int) and not name.startswith(("SIG_", "_")) else 0
    if number == 0:
        raise ValueError
    return number


def _descriptor(text: bytes, open_files: int, sockets: int) -> int:
    """Return a descriptor that a service can have, above the standard ones and those of its sockets."""
    number = _number(text, _LARGEST)
    if not 2 < number < open_files:
        raise ValueError
    if number < 3 + sockets:
        raise UnusableError(b"%d is the descriptor of a socket in the file sockets" % number)
    return number


def _pauses(text: bytes) -> tuple[float, float]:
    """Return two numbers of seconds, the second not less than the first."""
    words = text.split()
    if len(words) != 2 or any(word.strip(b"0123456789.") or len(word) > 12 for word in words):
        raise ValueError
    first, longest = map(float, words)
    if not 0 < first <= longest <= PAUSE_MAX:
        raise ValueError
    return first, longest
