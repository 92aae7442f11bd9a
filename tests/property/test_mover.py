"""The mover against what the programs do in Python, on streams cut anywhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.moving import PID, copied, filtered
from ucspi.lines.crlf import CrAdder, CrFixer, CrRemover
from ucspi.programs._recordio_copy import lines
from ucspi.unix import mover

pytestmark = pytest.mark.skipif(not mover.is_there(), reason="the mover was not built")

ALPHABETS = ["\r\n", "a\n", "a\r\n", "\n\v\r\f", "abcdefghij\0\xff\r\n"]
short = st.sampled_from(ALPHABETS).flatmap(lambda alphabet: st.text(alphabet, min_size=1, max_size=40))
bytes_ = short.map(lambda text: text.encode("latin-1"))
large = st.tuples(bytes_, st.integers(1, 300)).map(
    lambda parts: (parts[0] * parts[1])[:2048]
)  # all together fit into a pipe, also twice as long
streams = st.lists(bytes_ | large, max_size=8)
PIECE = 256


def log(pieces: list[bytes], mark: bytes) -> bytes:
    """Return the log of one direction, each piece having been read by itself."""
    head = b"%d %s " % (PID, mark)
    cut = [piece[at : at + PIECE] for piece in pieces for at in range(0, len(piece), PIECE)]
    return b"".join(lines(head, piece) for piece in cut) + head + b"[EOF]\n"


def logged(text: bytes, mark: bytes) -> bytes:
    """Return the lines of one direction."""
    return b"".join(line + b"\n" for line in text.split(b"\n") if line.startswith(b"%d %s" % (PID, mark)))


@settings(deadline=None)
@given(streams, streams)
def test_what_is_recorded_is_the_same(there: list[bytes], back: list[bytes]) -> None:
    moved = copied("record", there, back)
    assert (moved.code, moved.back) == (0, b"".join(back))
    # The end of the output may come before that of the input has been read.
    assert b"".join(there).startswith(moved.there)
    assert logged(moved.log, b">") == log(back, b">")
    assert log(there, b"<").startswith(logged(moved.log, b"<"))


@settings(deadline=None)
@given(streams)
def test_input_is_recorded_to_its_end(pieces: list[bytes]) -> None:
    moved = copied("record", pieces, [b"x"] * 30)  # the output ends later
    assert moved.there == b"".join(pieces)
    assert logged(moved.log, b"<") == log(pieces, b"<")


def fixed(pieces: list[bytes]) -> bytes:
    fixer = CrFixer()
    return b"".join(fixer.feed(piece) for piece in pieces)


@settings(deadline=None)
@given(streams, streams)
def test_carriage_returns_are_put_in_the_same(there: list[bytes], back: list[bytes]) -> None:
    moved = copied("fixcr", there, back)
    assert (moved.code, moved.back, moved.log) == (0, fixed(back), b"")
    assert fixed(there).startswith(moved.there)


@settings(deadline=None)
@given(streams)
def test_input_gets_its_carriage_returns_to_its_end(pieces: list[bytes]) -> None:
    assert copied("fixcr", pieces, [b"x"] * 30).there == fixed(pieces)


@settings(deadline=None)
@given(streams)
def test_filters_do_the_same(pieces: list[bytes]) -> None:
    assert filtered("addcr", pieces) == b"".join(bytes(CrAdder().feed(piece)) for piece in pieces)
    remover = CrRemover()
    assert (
        filtered("delcr", pieces)
        == b"".join(bytes(remover.feed(piece)) for piece in pieces) + remover.finish()
    )
