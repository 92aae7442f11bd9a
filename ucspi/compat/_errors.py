"""Our errors, made to be caught where the originals raised OSError."""

from ucspi.errors import CdbFormatError, ClosedError


class DamagedFileError(CdbFormatError, OSError):
    """A cdb file is damaged; a `CdbFormatError` that is an OSError too."""


class ClosedFileError(ClosedError, OSError):
    """Something was used after it was closed; a `ClosedError` that is an OSError too."""

    def __init__(self) -> None:
        """Say what Python's own files say."""
        super().__init__("I/O operation on a closed file")


def as_os_error(error: CdbFormatError | ClosedError) -> OSError:
    """Return an error of ours as one that is an OSError too, to be raised from it."""
    if isinstance(error, CdbFormatError):
        return DamagedFileError(error.reason, offset=error.offset)
    return ClosedFileError()
