"""Our errors as OSErrors, since the originals raise OSError."""

from ucspi.errors import CdbFormatError, ClosedError


class DamagedFileError(CdbFormatError, OSError):
    """A cdb file is damaged: a `CdbFormatError` that is also an OSError."""


class ClosedFileError(ClosedError, OSError):
    """An object was used after it was closed: a `ClosedError` that is also an OSError."""

    def __init__(self) -> None:
        """Use the text of Python's own files."""
        super().__init__("I/O operation on a closed file")


def as_os_error(error: CdbFormatError | ClosedError) -> OSError:
    """Return an OSError for one of our errors; raise it from that."""
    if isinstance(error, CdbFormatError):
        return DamagedFileError(error.reason, offset=error.offset)
    return ClosedFileError()
