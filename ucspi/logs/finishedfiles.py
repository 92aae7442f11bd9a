"""Finished files of a log: how one gets its name, and how the oldest goes.

A name is the label of the time when the file was finished and a suffix: ``.s``
for one that is whole, ``.u`` for one that was being written when something went
wrong.  All names are relative to the current directory, which is the log's.

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

_BEYOND = b"@z"  # what sorts from here on is no label, and never the oldest


def finish(destination: "Destination", name: bytes, suffix: bytes, retry: "Retry") -> None:
    """Give a file its last name, if it is there, and remove the oldest beyond those to be kept.

    A link is made first, which never replaces a file.  So a file with two
    links has its last name already: somebody was interrupted here.
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
    """Remove the oldest until fewer than ``count`` are there."""
    names = [name for name in os.listdir(b".") if name.startswith(b"@") and len(name) >= label.SIZE]
    if len(names) < count:
        return
    names.sort(key=_labelled)
    for name in names[: len(names) - count + 1]:
        if _labelled(name) < _BEYOND:
            os.unlink(name)


def _labelled(name: bytes) -> bytes:
    return name[: label.SIZE]
