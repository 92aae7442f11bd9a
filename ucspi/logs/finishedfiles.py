"""Finished files of a log: gives one its name, and removes the oldest.

A name is the label of the time when the file was finished, and a suffix: ``.s``
when it is whole, ``.u`` when the machine or the program stopped while writing.
All names are relative to the current directory, which is the log's.

A name never sorts before one that is a little ahead of the clock, for the file
that was finished last would be the one that is removed.  s6-log's names are 27
seconds ahead, since it counts leap seconds; a clock that is set goes back a little.

Source: observed from the original multilog with strace, and from s6-log for the total.
"""

import os
from time import time_ns

from ucspi.lines import label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ucspi.logs.retry import Retry
    from ucspi.logs.script import Destination

SAFE: "Final" = b".s"
UNSAFE: "Final" = b".u"

AHEAD: "Final" = 60 * 10**9  # nanoseconds: a name further ahead is somebody's mistake, and not followed

_BEYOND = b"@z"  # a name that sorts here or later is no label, and is never removed


def finish(destination: "Destination", name: bytes, suffix: bytes, retry: "Retry") -> None:
    """Give a file its final name, if it exists, and remove the oldest files, as many as are too many.

    It gets a second link first, since a link never replaces a file.  So a file
    with two links already has its final name: an earlier program ended here.
    """
    what = b"unable to stat %s/%s" % (destination.path, name)
    links = retry.until_done(what, _count_links, name)
    if links == 0:
        return
    if links == 1:
        _link(destination, name, suffix, retry)
    retry.until_done(b"unable to remove %s/%s" % (destination.path, name), os.unlink, name)
    retry.until_done(b"unable to read " + destination.path, _trim, destination.count, destination.total)


def _count_links(name: bytes) -> int:
    try:
        return os.stat(name).st_nlink
    except FileNotFoundError:
        return 0


def _link(destination: "Destination", name: bytes, suffix: bytes, retry: "Retry") -> None:
    while True:
        newest = retry.until_done(b"unable to read " + destination.path, newest_time)
        now = time_ns()
        new = label.label(newest + 1000 if now <= newest + 999 and newest <= now + AHEAD else now) + suffix
        try:
            return os.link(name, new)
        except OSError as error:
            retry.pause(b"unable to link to %s/%s" % (destination.path, new), error)


def newest_time() -> int:
    """Return the latest time among the names, in nanoseconds since the Unix epoch; 0 without any."""
    labels = [each for each in map(_labelled, _names()) if each < _BEYOND]
    return max(map(label.time_of, labels), default=0)


def _names() -> list[bytes]:
    return [name for name in os.listdir(b".") if name.startswith(b"@") and len(name) >= label.SIZE]


def _trim(count: int, total: int) -> None:
    """Remove the oldest until fewer than ``count`` are left, and they have no more than ``total`` bytes."""
    names = _names()
    names.sort(key=_labelled)
    excess = max(len(names) - count + 1, 0)
    if total:
        excess = max(excess, _excess(names, total))
    for name in names[:excess]:
        if _labelled(name) < _BEYOND:
            os.unlink(name)


def _excess(names: list[bytes], total: int) -> int:
    """Return how many of the first names must go until the others have no more than ``total`` bytes."""
    for at in range(len(names), 0, -1):
        total -= _size(names[at - 1])
        if total < 0:
            return at
    return 0


def _size(name: bytes) -> int:
    try:
        return os.lstat(name).st_size
    except FileNotFoundError:
        return 0


def _labelled(name: bytes) -> bytes:
    return name[: label.SIZE]
