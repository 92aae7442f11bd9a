"""Read ``hosts.allow`` and ``hosts.deny``: the lines about one service, as entries.

Source: the manual page hosts_access(5).
"""

from ucspi.errors import HostsAccessError
from ucspi.rules._hosts_words import EXCEPT, Token, read_word, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Entry:
    """One line about the service: its verdict, and its clients with exceptions of exceptions."""

    __slots__ = ("allowed", "line", "lists", "name")

    def __init__(self, name: bytes, line: int, allowed: bool, lists: "list[list[Token]]") -> None:
        """Take the file's name, the line's number, the verdict, and lists with EXCEPT between them."""
        self.name, self.line, self.allowed, self.lists = name, line, allowed, lists

    def matches(self, address: str, name: bytes) -> bool:
        """Say whether the line is about these clients."""
        hit = False
        for tokens in reversed(self.lists):
            hit = any(token.matches(address, name) for token in tokens) and not hit
        return hit


def read_entries(text: bytes, daemon: bytes, name: bytes, allowed: bool) -> "Iterator[Entry]":
    for number, line in _logical_lines(text):
        if not line.strip() or line.lstrip()[:1] == b"#":
            continue
        fields = _fields(line)
        try:
            if len(fields) < 2:
                raise refusal("a line has daemons, a colon and clients", 1)
            if not _is_about(fields[0].replace(b",", b" ").split(), daemon):
                continue
            verdict = _option(fields[2:], allowed, line)
            yield Entry(name, number, verdict, _clients(fields[1], line))
        except HostsAccessError as error:
            raise HostsAccessError(error.reason, name=name, line=number, column=error.column) from None


def _logical_lines(text: bytes) -> "Iterator[tuple[int, bytes]]":
    """Yield lines with the number of their first one; a backslash at the end continues them."""
    begun, first = b"", 1
    for number, line in enumerate(text.split(b"\n"), 1):
        if not begun:
            first = number
        if line.endswith(b"\\"):
            begun += line[:-1] + b" "
            continue
        yield first, begun + line
        begun = b""
    if begun:
        yield first, begun


def _fields(line: bytes) -> list[bytes]:
    """Split a line at colons that are not inside brackets."""
    fields, depth = [b""], 0
    for at in range(len(line)):
        byte = line[at : at + 1]
        depth += (byte == b"[") - (byte == b"]")
        if byte == b":" and depth <= 0:
            fields.append(b"")
        else:
            fields[-1] += byte
    return fields


def _is_about(words: list[bytes], daemon: bytes) -> bool:
    if EXCEPT in words:
        at = words.index(EXCEPT)
        return _is_about(words[:at], daemon) and not _is_about(words[at + 1 :], daemon)
    for word in words:
        if b"*" in word or b"?" in word:
            raise refusal("patterns with * or ? are not converted", 1)
        if word.partition(b"@")[0] in (daemon, b"ALL") and b"@" in word:
            raise refusal("a rule cannot ask for the address of the server", 1)
    return b"ALL" in words or daemon in words


def _option(fields: list[bytes], allowed: bool, line: bytes) -> bool:
    for field in fields:
        word = field.strip().lower()
        if word not in (b"allow", b"deny"):
            column = line.find(field) + 1
            raise refusal("a rule cannot run a command or set an option: do it in the run script", column)
        allowed = word == b"allow"
    return allowed


def _clients(field: bytes, line: bytes) -> list[list[Token]]:
    lists: list[list[Token]] = [[]]
    for word in field.replace(b",", b" ").split():
        if word == EXCEPT:
            lists.append([])
            continue
        try:
            lists[-1].append(read_word(word))
        except HostsAccessError as error:
            raise refusal(error.reason, line.find(word, line.find(b":")) + 1) from None
    return lists
