"""Reading a file of compiled rules, and finding out when to read it again.

The whole file is read into private memory and checked.  It is not mapped: ``cp
new rules.cdb`` truncates it in place, and touching a map would then kill the
server.

The times of a file may be whole seconds, or even two.  A change that soon after
the last one does not show in them.  The age of a file is not known either,
since the clock of a file server may be wrong, and ours may be set.  But once we
have seen a file in the same state for longer than its times are coarse, on a
clock that is never set, every later change shows in its times.  Until then its
bytes are compared.
"""

import errno
import os
import time

from ucspi.cdb import Reader
from ucspi.cdb.layout import CDB
from ucspi.errors import CdbFormatError
from ucspi.rules._checkimage import damage_of
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._lookup import RuleSet
from ucspi.unix.regularfile import open_regular, read_whole, state_of

ATTEMPTS = 4  # to read a file that somebody is writing to
BLOCK = 2**20  # bytes that are compared at once
COARSEST = (
    2.05  # seconds after which a change shows in the times of a file for certain: FAT's two, and a tick
)

# Bytes that are read and checked in a millisecond or two.  Until its times show
# every change, such a file is compared for every client, a longer one once.
SMALL = 2**17


class CompiledFile:
    """A file as it was read.

    ``state`` (see `state_of`) was first seen at ``seen_since``, on the steady
    clock.  Once ``is_settled``, every change of the file changes its state.
    ``rules`` is an error if the file is damaged; then ``image`` is None.
    """

    __slots__ = ("image", "is_settled", "rules", "seen_since", "state")

    def __init__(
        self,
        state: tuple[int, ...],
        seen_since: float,
        is_settled: bool,
        image: bytearray | None,
        rules: RuleSet | CdbFormatError,
    ) -> None:
        self.state, self.seen_since, self.is_settled = state, seen_since, is_settled
        self.image, self.rules = image, rules


NOT_READ = CompiledFile((), 0.0, False, None, CdbFormatError("not read yet"))


def load(path: bytes) -> RuleSet:
    """Read a rules file into memory and check it.

    Raises:
        OSError: it is missing, unreadable or not a regular file.
        CdbFormatError: it is damaged, or kept changing while it was read.
    """
    require_bytes("path", path)
    try:
        rules = reread(path, NOT_READ).rules
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), path) from None
    if isinstance(rules, CdbFormatError):
        raise rules
    return rules


def reread(path: bytes, known: CompiledFile) -> CompiledFile:
    """Return the file as it is now; what is known of it is not read again.

    Raises:
        OSError: it is missing, unreadable or not a regular file.
        MemoryError: it does not fit beside what is known.
    """
    for _ in range(ATTEMPTS):
        with open_regular(path) as file:
            found = _reread(file.fileno(), known)
        if found is not None:
            return found
    return CompiledFile((), 0.0, False, None, CdbFormatError("the file changes while it is read"))


def _reread(fd: int, known: CompiledFile) -> CompiledFile | None:
    """Return an open file as it is; None if it changed while it was read."""
    begin = time.monotonic()
    state = state_of(os.fstat(fd))
    size = state[2]
    is_known = state == known.state
    is_old = is_known and begin - known.seen_since >= COARSEST
    if is_known and (known.is_settled or (size > SMALL and not is_old)):
        return known
    image, rules = known.image, known.rules
    if image is None or len(image) > size or not _holds(fd, image):
        image = None
        try:
            image = _read(fd, size)
        except CdbFormatError as damage:
            rules = damage.with_traceback(None)
    if state_of(os.fstat(fd)) != state:
        return None
    seen_since = known.seen_since if is_known else time.monotonic()
    if image is not None and image is not known.image:
        rules = _rules_of(image)
    return CompiledFile(
        state, seen_since, is_old, None if isinstance(rules, CdbFormatError) else image, rules
    )


def _rules_of(image: bytearray) -> RuleSet | CdbFormatError:
    try:
        reader = Reader(image)
        return damage_of(reader) or RuleSet(reader)
    except CdbFormatError as damage:
        return damage.with_traceback(None)


def _holds(fd: int, image: bytearray) -> bool:
    """Say whether a file still begins with these bytes, and so with these rules."""
    return all(
        os.pread(fd, min(BLOCK, len(image) - at), at) == image[at : at + BLOCK]
        for at in range(0, len(image), BLOCK)
    )


def _read(fd: int, size: int) -> bytearray:
    """Read a file of this size, up to the end of its tables; refuse it by its header where that can be."""
    if size < CDB.header_size:
        raise CdbFormatError("shorter than a header", offset=size)
    if size > CDB.file_max:
        raise CdbFormatError("longer than a cdb file can be", offset=CDB.file_max)
    header = os.pread(fd, CDB.header_size, 0)
    if len(header) < CDB.header_size:
        raise CdbFormatError("shorter than a header", offset=len(header))
    # A file that was never finished is all zeros here, whatever its size.
    if not CDB.header_size <= CDB.records_end(header) <= size:
        raise CdbFormatError("the records end outside the file", offset=0)
    end = max(table + slots * CDB.pair_size for table, slots in CDB.pointers(header))
    return read_whole(fd, min(end, size))
