"""The helper process that looks up names, in threads that may hang in the system resolver.

The main thread only reads questions and starts threads.  So it notices at once
when the server has gone, and then ends the process with all threads.
"""

import os
import time
from _queue import SimpleQueue
from _socket import socket
from _struct import Struct
from _thread import allocate_lock

from ucspi.tcp import names
from ucspi.unix.signals import start_deaf_thread

FIND, REVERSE, CHECKED = range(
    3
)  # the kinds of question: `names.find`, `names.reverse`, `names.reverse_checked`
KNOWN, UNKNOWN, NO_MEMORY = range(3)  # the outcomes: a name, no name, out of memory

QUESTION = Struct("@QdB")  # number, deadline in monotonic seconds, kind; then the address
ANSWER = Struct("@QB")  # number, outcome; then the name
MESSAGE_MAX = 8192  # bytes; a name has at most 255, and cleaning may make four of each


class Resolver:
    """Answers the questions that come through a channel."""

    __slots__ = ("_busy", "_channel", "_limit", "_lock", "_questions", "_threads")

    def __init__(self, channel: socket, limit: int) -> None:
        """Start no thread yet; there will be at most ``limit``."""
        self._channel, self._limit = channel, limit
        self._questions: SimpleQueue[bytes] = SimpleQueue()
        self._lock = allocate_lock()
        self._threads = self._busy = 0  # busy: questions without an answer yet

    def run(self) -> None:
        """Answer questions until the other end is closed."""
        while question := self._channel.recv(MESSAGE_MAX):
            with self._lock:
                self._busy += 1
                is_short = self._busy > self._threads and self._threads < self._limit
            if is_short:
                self._start_thread()
            if self._threads:
                self._questions.put(question)
            else:
                self._answer(question)  # no thread can be started: the main thread looks up

    def _start_thread(self) -> None:
        try:
            start_deaf_thread(self._answer_questions)
            self._threads += 1
        except (RuntimeError, MemoryError):
            pass  # the existing threads do the work, if there are any

    def _answer_questions(self) -> None:
        while True:
            self._answer(self._questions.get())

    def _answer(self, question: bytes) -> None:
        outcome, name = self._look_up(question)
        with self._lock:
            self._busy -= 1  # before the answer, which lets the server send another question
        try:
            self._channel.send(ANSWER.pack(QUESTION.unpack_from(question)[0], outcome) + name)
        except OSError:
            os._exit(0)  # the server has gone

    @staticmethod
    def _look_up(question: bytes) -> tuple[int, bytes]:
        """Return the outcome and the name."""
        try:
            _, deadline, kind = QUESTION.unpack_from(question)
            ip = question[QUESTION.size :]
            name = _find_name(kind, ip) if time.monotonic() < deadline else None
        except MemoryError:
            return NO_MEMORY, b""
        except Exception:
            return UNKNOWN, b""  # whatever an answer from the network does to the resolver
        return (UNKNOWN, b"") if name is None else (KNOWN, name)


def _find_name(kind: int, ip: bytes) -> bytes | None:
    if kind == FIND:
        return names.find(ip)
    return names.reverse_checked(ip) if kind == CHECKED else names.reverse(ip)
