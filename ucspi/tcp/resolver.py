"""The helper that looks up names: threads that ask the system's resolver, and may hang in it.

The main thread only reads questions and starts threads, so it notices at once
that the server is gone, and ends them all with the process.
"""

import os
import time
from _queue import SimpleQueue
from _socket import socket
from _struct import Struct
from _thread import allocate_lock

from ucspi.tcp import names
from ucspi.unix.signals import start_deaf_thread

FIND, REVERSE, CHECKED = range(3)  # what is asked: `names.find`, `names.reverse`, `names.reverse_checked`
KNOWN, UNKNOWN, NO_MEMORY = range(3)  # what is answered: a name, none, or that we are out of something

QUESTION = Struct("@QdB")  # number, deadline in monotonic seconds, what is asked; behind it the address
ANSWER = Struct("@QB")  # number, what is answered; behind it the name
MESSAGE_MAX = 8192  # bytes; a name has 255, each perhaps as four characters


class Resolver:
    """Answers what comes through a channel."""

    __slots__ = ("_busy", "_channel", "_limit", "_lock", "_questions", "_threads")

    def __init__(self, channel: socket, limit: int) -> None:
        """Begin with no thread; ``limit`` is the most there will be."""
        self._channel, self._limit = channel, limit
        self._questions: SimpleQueue[bytes] = SimpleQueue()
        self._lock = allocate_lock()
        self._threads = self._busy = 0  # busy: questions that are in the queue, or asked

    def run(self) -> None:
        """Serve until the other end is closed."""
        while question := self._channel.recv(MESSAGE_MAX):
            with self._lock:
                self._busy += 1
                is_short = self._busy > self._threads and self._threads < self._limit
            if is_short:
                self._start_thread()
            if self._threads:
                self._questions.put(question)
            else:
                self._answer(question)  # no thread is to be had: then here, one after the other

    def _start_thread(self) -> None:
        try:
            start_deaf_thread(self._answer_questions)
            self._threads += 1
        except (RuntimeError, MemoryError):
            pass  # the threads there are will serve, one after the other

    def _answer_questions(self) -> None:
        while True:
            self._answer(self._questions.get())

    def _answer(self, question: bytes) -> None:
        outcome, name = self._look_up(question)
        with self._lock:
            self._busy -= 1  # before the answer lets another question in
        try:
            self._channel.send(ANSWER.pack(QUESTION.unpack_from(question)[0], outcome) + name)
        except OSError:
            os._exit(0)  # nobody listens

    @staticmethod
    def _look_up(question: bytes) -> tuple[int, bytes]:
        """Return what is answered, and the name."""
        try:
            _, deadline, kind = QUESTION.unpack_from(question)
            ip = question[QUESTION.size :]
            name = _find_name(kind, ip) if time.monotonic() < deadline else None
        except MemoryError:
            return NO_MEMORY, b""
        except Exception:
            return UNKNOWN, b""  # whatever a name server made of a resolver that is not ours
        return (UNKNOWN, b"") if name is None else (KNOWN, name)


def _find_name(kind: int, ip: bytes) -> bytes | None:
    if kind == FIND:
        return names.find(ip)
    return names.reverse_checked(ip) if kind == CHECKED else names.reverse(ip)
