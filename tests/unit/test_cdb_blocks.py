"""Blocks of records, as they stand in a cdb file."""

from collections.abc import Callable

import pytest

from tests.support.cdbfiles import packed
from ucspi.cdb import Builder
from ucspi.cdb._core import Core
from ucspi.errors import CdbTooLargeError, ClosedError

RECORDS = [(b"one", b"1"), (b"", b""), (b"one", b"x" * 70_000), (b"k" * 70_000, b"y"), (b"z", b"")]
CROSSING = [b"\0", b"\1\0\0\0\0\0\0\0", b"\0\0\0\0\xff\xff\xff\xffxyz", b"\xff" * 8]


def built(core: Core, fill: Callable[[Builder], object]) -> bytes:
    blocks: list[bytes] = []
    builder = core.builder(blocks.append)
    fill(builder)
    header = builder.finish()
    return header + b"".join(blocks)


def test_block_adds_the_records_in_it(core: Core) -> None:
    def one_by_one(builder: Builder) -> None:
        for key, data in RECORDS * 2:
            builder.add(key, data)

    def in_blocks(builder: Builder) -> None:
        builder.add_block(b"")
        builder.add_block(bytearray(packed(*RECORDS)))
        for record in RECORDS:
            builder.add_block(packed(record))

    assert built(core, in_blocks) == built(core, one_by_one)


@pytest.mark.parametrize("rest", [b"\0", b"\1\0\0\0\0\0\0\0", b"\0\0\0\0\xff\xff\xff\xffxyz", b"\xff" * 8])
def test_record_that_crosses_the_end_is_refused_and_those_before_are_added(core: Core, rest: bytes) -> None:
    blocks: list[bytes] = []
    builder = core.builder(blocks.append)
    with pytest.raises(ValueError, match="crosses the end of its block"):
        builder.add_block(packed((b"a", b"b")) + rest)
    assert builder.finish() + b"".join(blocks) == built(core, lambda one: one.add(b"a", b"b"))


def test_str_closed_builder_and_failed_sink(core: Core) -> None:
    builder = core.builder(lambda block: None)
    with pytest.raises(TypeError, match="block must be bytes"):
        builder.add_block("x")  # type: ignore[arg-type]
    builder.finish()
    with pytest.raises(ClosedError):
        builder.add_block(b"")

    def fail(block: bytes) -> None:
        raise OSError("full")

    builder = core.builder(fail)
    with pytest.raises(OSError, match="full"):
        builder.add_block(packed((b"k", b"d" * 60_000)) * 9)
    with pytest.raises(ClosedError):
        builder.add_block(b"")


@pytest.mark.slow
def test_block_beyond_4_gb_is_refused(core: Core) -> None:
    def fill(builder: Builder, block: bytes) -> None:
        for _ in range(300):
            builder.add_block(block)

    builder = core.builder(lambda block: None)
    block = packed(*[(b"k", b"d" * 0xFFFFF)] * 16)
    with pytest.raises(CdbTooLargeError):
        fill(builder, block)
    assert len(builder.finish()) == 2048
