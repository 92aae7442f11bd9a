"""Every exception that this package raises on purpose, with the exit code of its kind.

Each is an `Error` and also an exception of the fitting builtin type.  A system
call raises a plain `OSError`, which is never wrapped.
"""

import errno

from ucspi.exits import EXIT_PERMANENT as EXIT_PERMANENT
from ucspi.exits import EXIT_TEMPORARY as EXIT_TEMPORARY
from ucspi.exits import EXIT_USAGE as EXIT_USAGE


class Error(Exception):
    """The base of all; ``exit_code`` is the exit code of a program that fails with it."""

    exit_code = EXIT_TEMPORARY


class CdbFormatError(Error, ValueError):
    """A cdb image is damaged.  ``offset`` is the byte position of the damage, or None."""

    def __init__(self, reason: str, *, offset: int | None = None) -> None:
        super().__init__(reason if offset is None else f"{reason} at byte {offset}")
        self.reason, self.offset = reason, offset


class CdbTruncatedError(CdbFormatError):
    """A cdb image ends before its records do; ``offset`` is its length in bytes."""


class CdbTextError(Error, ValueError):
    """Text in cdbmake's format is malformed.

    ``entry`` is the number of the record, from 1; the empty line at the end
    counts too.  ``offset`` is that of the first wrong byte, or the length of a
    text that ends too early.  ``is_cut`` says that it ends inside a key or data.
    """

    def __init__(self, reason: str, *, entry: int, offset: int, is_cut: bool = False) -> None:
        super().__init__(f"entry {entry}, byte {offset}: {reason}")
        self.reason, self.entry, self.offset, self.is_cut = reason, entry, offset, is_cut


class CdbTooLargeError(Error, OverflowError):
    """A cdb file would become larger than 4 GB, which its positions cannot express."""


class CdbLengthError(CdbTextError, CdbTooLargeError):
    """Text in cdbmake's format has a length that is more than any cdb file can hold."""


class ClosedError(Error, ValueError):
    """A reader or writer was used after it was closed."""


class BadAddressError(Error, ValueError):
    """A client cannot be judged because ``text``, given as its address, is not an address."""

    exit_code = EXIT_PERMANENT

    def __init__(self, text: bytes) -> None:
        super().__init__(f"no address of a client: {text!r}")
        self.text = text


class ProxyHeaderError(Error, ValueError):
    """A PROXY header cannot be taken, or cannot be made; ``reason`` says why, for a line of a log."""

    def __init__(self, reason: bytes) -> None:
        super().__init__(reason.decode("latin-1"))
        self.reason = reason


class CertificateError(Error, ValueError):
    """A certificate, a key, or authorities cannot be used.  ``reason`` names the file and says why."""

    def __init__(self, reason: bytes) -> None:
        super().__init__(reason.decode("latin-1"))
        self.reason = reason


class UnusableError(Error, ValueError):
    """An optional file of a service says what it cannot mean.  ``reason`` is a few words about that."""

    def __init__(self, reason: bytes) -> None:
        super().__init__(reason)
        self.reason = reason


class RuleSyntaxError(Error, ValueError):
    """A line of rules cannot be parsed.

    ``line`` and ``column`` (in bytes) count from 1, ``text`` is the whole line,
    and ``suggestion`` says what to do; it may be empty.
    """

    exit_code = EXIT_PERMANENT

    def __init__(self, reason: str, *, line: int, column: int, text: bytes, suggestion: str = "") -> None:
        super().__init__(f"line {line}, column {column}: {reason}: {text!r}")
        self.reason, self.line, self.column, self.text = reason, line, column, text
        self.suggestion = suggestion


class HostsAccessError(Error, ValueError):
    """Rules cannot express a line of ``hosts.allow`` or ``hosts.deny``.

    ``name`` is the name of the file; ``line`` and ``column`` (in bytes) count
    from 1.  If ``line`` is 0, ``name`` is a daemon's name that tcpd never matches.
    """

    exit_code = EXIT_PERMANENT

    def __init__(self, reason: str, *, name: bytes, line: int, column: int) -> None:
        super().__init__(f"{name!r}, line {line}, column {column}: {reason}")
        self.reason, self.name, self.line, self.column = reason, name, line, column


class NoFunctionError(Error, ImportError):
    """What ``MODULE:FUNCTION`` names cannot be imported, or cannot be called."""


class ConnectError(Error, OSError):
    """No connection could be made.

    ``step`` is what failed, in the original's words, ``error`` and ``errno``
    how.  ``failures`` has each address with the error of its last attempt, in the
    order in which they failed.
    """

    def __init__(
        self, step: bytes, error: OSError, failures: "tuple[tuple[bytes, OSError], ...]" = ()
    ) -> None:
        super().__init__(error.errno, f"{step.decode('latin-1')}: {error.strerror}")
        self.step, self.error, self.failures = step, error, failures


class NoAddressError(Error, LookupError):
    """A host operand has no address; ``host`` is the operand, or the part of it without one."""

    def __init__(self, host: bytes) -> None:
        super().__init__(f"no IP address for {host!r}")
        self.host = host


class BadPortError(Error, ValueError):
    """A number is not a TCP port; ``port`` is the number."""

    exit_code = EXIT_PERMANENT

    def __init__(self, port: int) -> None:
        super().__init__(f"no TCP port: {port} is not within 0 to 65535")
        self.port = port


class BackendUnavailableError(Error, ImportError):
    """``UCSPI_CDB`` names a core that does not exist or that this installation does not have."""

    exit_code = EXIT_PERMANENT


class ServiceError(Error, OSError):
    """A service cannot be supervised.

    ``step`` is what could not be done, in the original's words if it has any;
    ``error`` and ``errno`` are None if no system call failed.
    """

    def __init__(self, step: bytes, error: OSError | None = None) -> None:
        reason = "" if error is None else f": {error.strerror}"
        super().__init__(error.errno if error else None, step.decode("latin-1") + reason)
        self.step, self.error = step, error


class UnsafeFileError(Error, OSError):
    """A file is not opened, because it is of another kind, or another user may have put it there.

    ``reason`` says what is wrong, for the end of a message; ``errno`` is EPERM.
    """

    def __init__(self, reason: bytes) -> None:
        super().__init__(errno.EPERM, reason.decode("latin-1"))
        self.reason = reason


class LogError(Error, OSError):
    """A log cannot be opened.  ``step`` is what failed, in the original's words, with the name of the log."""

    def __init__(self, step: bytes, error: OSError) -> None:
        super().__init__(error.errno, f"{step.decode('latin-1')}: {error.strerror}")
        self.step, self.error = step, error
