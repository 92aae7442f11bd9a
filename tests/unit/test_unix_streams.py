"""Reading and writing to the end, whether or not descriptors block."""

import os
from threading import Thread

import pytest

from tests.support.patience import PATIENCE
from ucspi.unix import streams
from ucspi.unix.output import write_all


def test_source_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    got: list[bytes] = []
    thread = Thread(target=lambda: got.append(streams.read_some(reader)))
    thread.start()
    os.write(writer, b"late")
    thread.join(PATIENCE)
    os.close(writer)
    assert (got, streams.read_some(reader)) == ([b"late"], b"")
    os.close(reader)


def test_target_that_does_not_block_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    data = bytes(range(256)) * 4096
    got = bytearray()

    def drain() -> None:
        while block := os.read(reader, 10_007):
            got.extend(block)

    thread = Thread(target=drain)
    thread.start()
    write_all(writer, data)
    os.close(writer)
    thread.join(PATIENCE)
    os.close(reader)
    assert got == data


def test_what_cannot_be_read_or_written_is_an_error() -> None:
    reader, writer = os.pipe()
    with pytest.raises(OSError, match="Bad file descriptor"):
        streams.read_some(writer)
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        write_all(writer, b"x")
    os.close(writer)
