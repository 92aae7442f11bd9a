"""Finished files of a log: gives one its name, and removes the oldest.

A name is the label of the time when the file was finished, and a suffix: ``.s``
when it is whole, ``.u`` when the machine or the program stopped while writing.
All names are relative to the current directory, which is the log's.

Source: observed from the original multilog with strace.
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
    retry.until_done(b"unable to read " + destination.path, _trim, destination.count)


def _count_links(name: bytes) -> int:
    try:
        return os.stat(name).st_nlink
    except FileNotFoundError:
        return 0


def _link(destination: "Destination", name: bytes, suffix: bytes, retry: "Retry") -> None:
    while True:
        new = label.label(time_ns()) + suffix
        try:
            return os.link(name, new)
        except OSError as error:
            retry.pause(b"unable to link to %s/%s" % (destination.path, new), error)


def _trim(count: int) -> None:
    """Remove the oldest until fewer than ``count`` are left."""
    names = [name for name in os.listdir(b".") if name.startswith(b"@") and len(name) >= label.SIZE]
    if len(names) < count:
        return
    names.sort(key=_labelled)
    for name in names[: len(names) - count + 1]:
        if _labelled(name) < _BEYOND:
            os.unlink(name)


def _labelled(name: bytes) -> bytes:
    return name[: label.SIZE]
