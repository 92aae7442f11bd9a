"""Reading ``hosts.allow`` and ``hosts.deny``: the lines about one service.

A line that tcpd skips, or at which it stops reading, is refused, whatever
service it is about, because its author meant something else.  So is a line that
tcpd reads not as it looks.

Source: the manual page hosts_access(5), and what tcpd 7.6.q does
(tests/differential/test_hosts2rules.py).
"""

from ucspi.errors import HostsAccessError
from ucspi.rules._hosts_words import EXCEPT, Token, read_word, refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_MAX = 2046  # bytes without the newline
BLANKS = b" \t\r"
SEPARATORS = bytes.maketrans(b"\t\r,", b"   ")
VERDICTS = {b"allow": True, b"deny": False}
NO_DAEMON = {b"LOCAL", b"KNOWN", b"UNKNOWN"}
# Bytes without a special meaning for tcpd.
PLAIN = bytes(set(range(0x21, 0x100)) - set(b"#*,/:?@[\\]\x7f"))


class ServiceLine:
    """One line about the service: its verdict, and its clients.

    ``lists`` are the lists of clients between EXCEPT: the first one's clients
    except the second one's, except the third one's, and so on.
    """

    __slots__ = ("allowed", "line", "lists", "name")

    def __init__(self, name: bytes, line: int, allowed: bool, lists: "list[list[Token]]") -> None:
        self.name, self.line, self.allowed, self.lists = name, line, allowed, lists

    def matches(self, address: str, name: bytes) -> bool:
        """Return whether the line matches all clients of a set of addresses and a set of names."""
        hit = False
        for tokens in reversed(self.lists):
            hit = any(token.matches(address, name) for token in tokens) and not hit
        return hit


class JoinedLine:
    """One line for tcpd: a line of the file, and those that backslashes at the line ends join to it."""

    __slots__ = ("ended", "parts", "text")

    def __init__(self, number: int) -> None:
        """Take the number of the first line."""
        self.text, self.parts, self.ended = b"", [(0, number)], False

    def place(self, column: int) -> tuple[int, int]:
        """Return line number and column in the file of a column of this line."""
        offset, number = next(part for part in reversed(self.parts) if part[0] < column or part[0] == 0)
        return number, column - offset


def service_lines(text: bytes, daemon: bytes, name: bytes, allowed: bool) -> "Iterator[ServiceLine]":
    """Yield the lines about a daemon, in order; ``allowed`` is the verdict of the file."""
    for line in _lines(text):
        try:
            found = _read(line, daemon.lower(), name, allowed)
        except HostsAccessError as error:
            number, column = line.place(error.column)
            raise HostsAccessError(error.reason, name=name, line=number, column=column) from None
        if found is not None:
            yield found


def _lines(text: bytes) -> "Iterator[JoinedLine]":
    pieces = text.split(b"\n")
    line = JoinedLine(1)
    for number, piece in enumerate(pieces, 1):
        last = number == len(pieces)
        if piece.endswith(b"\\") and not last:
            line.text += piece[:-1]
            line.parts.append((len(line.text), number + 1))
            if len(line.text) > LINE_MAX:
                yield line  # it will be refused, so the rest of it is not needed
            continue
        line.text += piece
        line.ended = not last
        if line.ended or line.text or len(line.parts) > 1:
            yield line
        line = JoinedLine(number + 1)


def _read(line: JoinedLine, daemon: bytes, name: bytes, allowed: bool) -> ServiceLine | None:
    """Return a line, None if it is not about the daemon."""
    text = line.text
    if b"\0" in text:
        raise refusal("tcpd does not read on behind a NUL: remove it", text.index(b"\0") + 1)
    if len(text) > LINE_MAX:
        raise refusal(f"tcpd stops reading at a line of more than {LINE_MAX} bytes: make two of it", 1)
    if not line.ended:
        raise refusal("tcpd takes a last line without a newline for an error: end it with one", len(text) + 1)
    if text[:1] == b"#" or not text.strip(BLANKS):
        return None
    daemons, colon, rest = text.partition(b":")
    about = _is_about(list(_words(daemons, 0)), daemon)
    if not colon:
        raise refusal("a line has daemons, a colon and clients", 1)
    if not about:
        return None
    clients, *options = _fields(rest)
    at = len(daemons) + 1
    lists = _clients(clients, at)
    return ServiceLine(name, line.parts[0][1], _verdict(options, allowed, at + len(clients) + 1), lists)


def _words(field: bytes, at: int) -> "Iterator[tuple[int, bytes]]":
    """Yield the column and the bytes of each word of a list that begins at an offset."""
    for word in field.translate(SEPARATORS).split(b" "):
        if word:
            yield at + 1, word
        at += len(word) + 1


def _is_about(words: list[tuple[int, bytes]], daemon: bytes) -> bool:
    for column, word in words:
        _require_daemon(word.partition(b"@")[0], column)
    for at, (_, word) in enumerate(words):
        if word.upper() == EXCEPT:
            return _is_about(words[:at], daemon) and not _is_about(words[at + 1 :], daemon)
    for column, word in words:
        if b"@" in word and word.partition(b"@")[0].lower() in (daemon, b"all"):
            raise refusal("a rule cannot ask for the address of the server", column)
    return any(word.lower() in (daemon, b"all") for _, word in words)


def _require_daemon(word: bytes, column: int) -> None:
    """Refuse anything but the plain name of a daemon."""
    if b"#" in word:
        raise refusal("for tcpd only a line that begins with # is a comment", column)
    if b"*" in word or b"?" in word or word[:1] == b"." or word[-1:] == b".":
        raise refusal("patterns of daemons are not converted: write their names", column)
    if word.isdigit():
        raise refusal("a rule cannot ask for the port of the server", column)
    if word.upper() in NO_DAEMON or not word or word.strip(PLAIN):
        raise refusal("this is no name of a daemon", column)


def _fields(text: bytes) -> list[bytes]:
    """Split what follows the daemons at colons that are not inside brackets."""
    fields, inside = [b""], False
    for at in range(len(text)):
        byte = text[at : at + 1]
        inside = byte == b"[" or (inside and byte != b"]")
        if byte == b":" and not inside:
            fields.append(b"")
        else:
            fields[-1] += byte
    return fields


def _verdict(options: list[bytes], allowed: bool, at: int) -> bool:
    """Return the verdict of a line with these options, which begin at offset ``at``."""
    if not options:
        return allowed
    words, start = [option.strip(BLANKS).lower() for option in options], at
    for word, option in zip(words, options, strict=True):
        if word not in VERDICTS:
            raise refusal("a rule cannot run a command or set an option: do it in the run script", at + 1)
        at += len(option) + 1
    if len(words) > 1:
        raise refusal("for tcpd allow or deny is the last option: it denies, whatever follows", start + 1)
    return VERDICTS[words[0]]


def _clients(field: bytes, at: int) -> list[list[Token]]:
    lists: list[list[Token]] = [[]]
    for column, word in _words(field, at):
        if word.upper() == EXCEPT:
            lists.append([])
            continue
        try:
            lists[-1].append(read_word(word))
        except HostsAccessError as error:
            raise refusal(error.reason, column) from None
    if lists == [[]]:
        raise refusal("a line has daemons, a colon and clients", at + 1)
    return lists
