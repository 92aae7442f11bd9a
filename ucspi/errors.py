"""Every deliberate exception, and the exit code of its kind.

All stand under `Error` and also under the fitting builtin.  System calls raise
plain `OSError`, which is never wrapped.
"""

import errno

from ucspi.exits import EXIT_PERMANENT as EXIT_PERMANENT
from ucspi.exits import EXIT_TEMPORARY as EXIT_TEMPORARY
from ucspi.exits import EXIT_USAGE as EXIT_USAGE


class Error(Exception):
    """Base of every deliberate exception; ``exit_code`` is what a program ends with."""

    exit_code = EXIT_TEMPORARY


class CdbFormatError(Error, ValueError):
    """A cdb image is damaged.  ``offset`` is the byte position of the damage, or None."""

    def __init__(self, reason: str, *, offset: int | None = None) -> None:
        """Say what is wrong, and at which byte."""
        super().__init__(reason if offset is None else f"{reason} at byte {offset}")
        self.reason, self.offset = reason, offset


class CdbTruncatedError(CdbFormatError):
    """A cdb image ends before its records do; ``offset`` is its length in bytes."""


class CdbTextError(Error, ValueError):
    """Text in cdbmake's format is malformed.

    ``entry`` counts the records from 1, the empty line at the end included.
    ``offset`` is the position of the first wrong byte; at the end of the text,
    its length.  ``is_cut`` says that the text ends inside a key or its data.
    """

    def __init__(self, reason: str, *, entry: int, offset: int, is_cut: bool = False) -> None:
        """Say what is wrong, in which record and at which byte."""
        super().__init__(f"entry {entry}, byte {offset}: {reason}")
        self.reason, self.entry, self.offset, self.is_cut = reason, entry, offset, is_cut


class CdbTooLargeError(Error, OverflowError):
    """A database would pass the 4 GB that its positions can name."""


class CdbLengthError(CdbTextError, CdbTooLargeError):
    """Text in cdbmake's format has a length beyond what any cdb file can hold."""


class ClosedError(Error, ValueError):
    """A reader or writer was used after it was closed."""


class BadAddressError(Error, ValueError):
    """A client was to be judged by what is no address; ``text`` is what was given."""

    exit_code = EXIT_PERMANENT

    def __init__(self, text: bytes) -> None:
        """Say what is no address."""
        super().__init__(f"no address of a client: {text!r}")
        self.text = text


class RuleSyntaxError(Error, ValueError):
    """A rules line cannot be parsed.  ``line`` and ``column`` (in bytes) count from 1."""

    exit_code = EXIT_PERMANENT

    def __init__(self, reason: str, *, line: int, column: int, text: bytes, suggestion: str = "") -> None:
        """Say what is wrong with which line, and what to do; ``text`` is the whole line."""
        super().__init__(f"line {line}, column {column}: {reason}: {text!r}")
        self.reason, self.line, self.column, self.text = reason, line, column, text
        self.suggestion = suggestion


class HostsAccessError(Error, ValueError):
    """A line of ``hosts.allow`` or ``hosts.deny`` cannot be said in rules.

    ``name`` is the file's, ``line`` and ``column`` (in bytes) count from 1.
    With line 0 it is the name of the daemon that cannot be.
    """

    exit_code = EXIT_PERMANENT

    def __init__(self, reason: str, *, name: bytes, line: int, column: int) -> None:
        """Say what cannot be said, and where it stands."""
        super().__init__(f"{name!r}, line {line}, column {column}: {reason}")
        self.reason, self.name, self.line, self.column = reason, name, line, column


class ConnectError(Error, OSError):
    """No connection could be made.

    ``step`` is what failed, in the original's words; ``failures`` are address
    and error of each attempt that counts, in order, the last one's error being
    ``errno`` of this.
    """

    def __init__(
        self, step: bytes, error: OSError, failures: "tuple[tuple[bytes, OSError], ...]" = ()
    ) -> None:
        """Note the step, the error and the attempts."""
        super().__init__(error.errno, f"{step.decode('latin-1')}: {error.strerror}")
        self.step, self.error, self.failures = step, error, failures


class NoAddressError(Error, LookupError):
    """A host operand names nothing; ``host`` is the operand, or what was left of it."""

    def __init__(self, host: bytes) -> None:
        """Note what names nothing."""
        super().__init__(f"no IP address for {host!r}")
        self.host = host


class BadPortError(Error, ValueError):
    """A number is no port of TCP; ``port`` is the number."""

    exit_code = EXIT_PERMANENT

    def __init__(self, port: int) -> None:
        """Note the number."""
        super().__init__(f"no TCP port: {port} is not within 0 to 65535")
        self.port = port


class BackendUnavailableError(Error, ImportError):
    """``UCSPI_CDB`` asks for a core that this installation does not have."""

    exit_code = EXIT_PERMANENT


class ServiceError(Error, OSError):
    """A service cannot be supervised.

    ``step`` is what could not be done, in the original's words where it has
    some; ``errno`` is None when no system call failed.
    """

    def __init__(self, step: bytes, error: OSError | None = None) -> None:
        """Note the step and the error."""
        reason = "" if error is None else f": {error.strerror}"
        super().__init__(error.errno if error else None, step.decode("latin-1") + reason)
        self.step, self.error = step, error


class UnsafeFileError(Error, OSError):
    """A file is not opened: it is not of the kind that is meant, or another user can have put it there.

    ``reason`` says what is wrong, to stand behind what was to be done; ``errno`` is EPERM.
    """

    def __init__(self, reason: bytes) -> None:
        """Say what is wrong with it."""
        super().__init__(errno.EPERM, reason.decode("latin-1"))
        self.reason = reason


class LogError(Error, OSError):
    """A log cannot be opened.  ``step`` is what failed, in the original's words, and names the log."""

    def __init__(self, step: bytes, error: OSError) -> None:
        """Note the step and the error."""
        super().__init__(error.errno, f"{step.decode('latin-1')}: {error.strerror}")
        self.step, self.error = step, error
