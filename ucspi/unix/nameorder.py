"""Where the C library looks for a name first: ``/etc/nsswitch.conf``.

A look-up by it may ask other machines, and hang.  But where the files come first, and
have the name, nobody else is asked.  Then the answer stays the same as long as these
files do, and whoever holds it need only glance at them.
"""

import errno

from ucspi.unix.chain import Seen, look
from ucspi.unix.seenfile import contents

ORDER = b"/etc/nsswitch.conf"
_CACHES = (b"/var/run/nscd/socket", b"/run/nscd/socket")  # who is asked before all files
_TABLES = (b"/var/lib/misc/%b.db", b"/var/db/%b.db")  # of the source "db", which hardly anybody has


def files_first(database: bytes) -> list[Seen] | None:
    """Return what decides that a database, as ``passwd``, is looked for in files first; None where it is not.

    Raises:
        TooNewError: the order has changed just now.
    """
    order = look(ORDER)
    text = None if order is None else contents(order)
    if order is None or text is None:
        return None
    sources = _sources(text, database)
    missing = [*_CACHES]
    if sources[:1] == [b"db"]:
        missing += [path % database for path in _TABLES]
        del sources[0]
    if sources[:1] != [b"files"] or b"".join(sources[1:2]).startswith(b"["):
        return None  # others come first, or it says what to do when the name was found
    seen = [look(path) for path in missing]
    absent = [file for file in seen if file is not None and file.error == errno.ENOENT]
    return [order, *absent] if len(absent) == len(missing) else None


def _sources(text: bytes, database: bytes) -> list[bytes]:
    """Return the words about a database; none where there is not one such line."""
    lines = [line.partition(b"#")[0].split() for line in text.split(b"\n")]
    found = [words for words in lines if words and words[0].startswith(database)]
    return found[0][1:] if len(found) == 1 and found[0][0] == database + b":" else []
