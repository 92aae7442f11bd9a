"""The environment of a stem's processes: what a chain that is executed for each client would give."""

import os

from ucspi.handler._native import stem as native
from ucspi.unix.environ import changed
from ucspi.unix.stemchannel import entries, with_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.handler.stemlinks import StemLinks


class ChangedError(Exception):
    """What was read is not what the links have read."""


class StemEnviron:
    """What all processes of a stem inherit, and what is done to it for each connection."""

    def __init__(self) -> None:
        """Note the environment from before the module is imported."""
        self.links: StemLinks | None = None
        self._before = variables().copy()
        self._inherited: list[bytes] = []  # from before links changed it
        self._pid_variable = b""
        self._changes: list[bytes] = []  # of links
        self._imported: list[tuple[bytes, bytes | None]] = []  # None: removed
        self._is_plain = False  # nothing but a connection's own variables is added
        self._given = b""  # these, where it is plain
        self._found: dict[bytes, bytes] | None = None  # all, where it is not

    def note_import(self) -> None:
        """Note what the import has changed: other processes shall have it too."""
        before, now = self._before, variables()
        for name in {**before, **now}:
            if now.get(name) != before.get(name):
                self._imported.append((name, now.get(name)))

    def take_base(self, inherited: bytes, changes: bytes) -> None:
        """Take the texts of the packet that comes first.

        Raises:
            ValueError: there are links for each connection, and these cannot be taken here.
            ChangedError: a directory has changed since its link was executed.
        """
        self._inherited = entries(inherited)
        self._pid_variable, *self._changes = entries(changes)
        if not any(change.startswith(b"=") for change in self._changes):
            return
        from ucspi.handler.stemlinks import StemLinks

        self.links = StemLinks(with_links(self._changes))
        self._changes = self.links.flat()
        if variables() != _dictionary(changed(self._inherited, self._changes)):
            raise ChangedError

    def take_links(self, text: bytes) -> None:
        """Take the links that each connection's process takes, with the connection's variables."""
        if self.links is not None:
            new = self._own(text)
            self.links.take(self._less(new) + new)

    def prepare(self) -> None:
        """Give this process what all connections have, so that theirs is little work."""
        assert native is not None
        self._is_plain = not (self._pid_variable or self._changes or self._imported)
        self._found = None
        if self._is_plain:
            native.set_environ(variables(), self._inherited)

    def __call__(self) -> dict[str, str]:
        """Return the environment as it was given last, as text."""
        return self.snapshot()()

    def snapshot(self) -> "Callable[[], dict[str, str]]":
        """Return what makes text of the environment as it was given last."""
        found, given = self._found, self._given
        if found is None:
            return lambda: _text(_dictionary(self._less(entries(given)) + entries(given)))
        return lambda: _text(found)

    def give(self, text: bytes) -> None:
        """Give this process the environment of a connection.

        What the import has changed is changed here too, but for the variables of the
        connection: of these the import could not know.

        Args:
            text: the connection's own variables.
        """
        assert native is not None
        if self._is_plain:
            native.add_environ(os.environ._data, text)  # type: ignore[attr-defined]
            self._given = text
            return
        new = self._own(text)
        names = {name_of(entry) for entry in new}
        native.set_environ(variables(), changed(self._less(new) + new, self._changes))
        for name, value in self._imported:
            if name + b"=" in names:
                continue
            if value is None:
                os.environb.pop(name, None)
            else:
                os.environb[name] = value
        self._found = variables().copy()

    def _own(self, text: bytes) -> list[bytes]:
        """Return a connection's own variables, the pid among them."""
        new = entries(text)
        if self._pid_variable in new:
            new[new.index(self._pid_variable)] += b"%d" % os.getpid()
        return new

    def _less(self, new: list[bytes]) -> list[bytes]:
        """Return what is inherited, less what others replace."""
        names = {name_of(entry) for entry in new}
        return [entry for entry in self._inherited if name_of(entry) not in names]


def _text(found: dict[bytes, bytes]) -> dict[str, str]:
    return {os.fsdecode(name): os.fsdecode(value) for name, value in found.items()}


def _dictionary(listed: list[bytes]) -> dict[bytes, bytes]:
    """Return variables as Python has them: of several with one name the first."""
    found: dict[bytes, bytes] = {}
    for entry in listed:
        name, equals, value = entry.partition(b"=")
        if equals:
            found.setdefault(name, value)
    return found


def variables() -> dict[bytes, bytes]:
    """Return the dictionary behind ``os.environ``."""
    found: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]
    return found


def name_of(entry: bytes) -> bytes:
    """Return a variable's name with its equals sign."""
    name, equals, _ = entry.partition(b"=")
    return name + equals
