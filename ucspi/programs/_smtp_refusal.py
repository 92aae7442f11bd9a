"""The SMTP conversation that refuses all mail of a client.

It answers the first word of each line and keeps nothing else, so lines may have
any length.  The whole conversation has a time limit.
"""

import os
from _signal import SIGALRM, alarm

from ucspi.unix import output, signals
from ucspi.unix.output import write_some

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GREETING = b"220 rblsmtpd.local\r\n"
FINE = b"250 rblsmtpd.local\r\n"
FAREWELL = b"221 rblsmtpd.local\r\n"
POLITE = (b"ehlo", b"helo", b"mail", b"noop", b"rset")
LONGEST_TEXT = 200
_KEPT = 6  # bytes kept of a first word: a verb of four, its CR, and one that makes it another word
_BLOCK = 64  # bytes that the original reads and answers at once, so a reset cuts off the same answers


def printable(text: bytes) -> bytes:
    """Return the beginning of a text for a reply; see `output.printable`."""
    return output.printable(text[:LONGEST_TEXT])


def refuse_mail(reply: bytes, seconds: int) -> None:
    """Talk to the client on descriptors 0 and 1 until it ends the conversation.

    When the time is over, the process ends with exit code 0.

    Args:
        reply: a code and a text, without the end of the line.
        seconds: the time limit; with 0 the reply is sent at once, and nothing is read.
    """
    signals.undo_ignored()  # a client that has closed the connection ends us by SIGPIPE
    try:
        if seconds == 0:
            _say([reply + b"\r\n"])
            return
        signals.catch(SIGALRM, _expire)
        signals.unblock(SIGALRM)
        alarm(seconds)
        _converse(reply + b"\r\n")
    except OSError:
        pass  # the client cannot be read from


def _expire(number: int, frame: "Any") -> None:
    os._exit(0)


def _converse(reply: bytes) -> None:
    _say([GREETING])
    words = FirstWords()
    while block := os.read(0, _BLOCK):
        answers: list[bytes] = []
        for word in words.of(block):
            if word == b"quit":
                _say([*answers, FAREWELL])
                return
            answers.append(FINE if word in POLITE else reply)
        _say(answers)


def _say(answers: list[bytes]) -> None:
    """Write answers; when one cannot be written, go on with the next.

    After a reset the first write is an error, and the second raises SIGPIPE.
    """
    while answers:
        answers = _write(answers)


def _write(answers: list[bytes]) -> list[bytes]:
    """Write answers together; return those after the one that failed."""
    text, written = b"".join(answers), 0
    try:
        while written < len(text):
            written += write_some(1, text[written:])
    except OSError:
        return _behind(answers, written)
    return []


def _behind(answers: list[bytes], written: int) -> list[bytes]:
    """Return the answers after the one that failed, in which the ``written`` bytes end."""
    begin = 0
    for number, answer in enumerate(answers):
        if begin > written:
            return answers[number:]
        begin += len(answer)
    return []


class FirstWords:
    """Finds the first word of each line, in lower case, in a text that comes in pieces."""

    __slots__ = ("_over", "_word")

    def __init__(self) -> None:
        self._word, self._over = b"", False  # the word of the current line so far, and whether it has ended

    def of(self, block: bytes) -> list[bytes]:
        """Return the first words of the lines that end in this piece."""
        *whole, rest = block.split(b"\n")
        found = []
        for piece in whole:
            self._add(piece)
            found.append((self._word if self._over else self._word.removesuffix(b"\r")).lower())
            self._word, self._over = b"", False
        self._add(rest)
        return found

    def _add(self, piece: bytes) -> None:
        if not self._over:
            word, blank, _ = piece.partition(b" ")
            self._word = (self._word + word)[:_KEPT]
            self._over = bool(blank)
