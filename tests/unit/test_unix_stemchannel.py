"""Packets between a server and its stem: what one packs the other unpacks, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.unix import stemchannel as channel

SLOTS = st.integers(0, 2**32 - 1)
ENTRIES = st.lists(st.binary(max_size=20).map(lambda entry: entry.replace(b"\0", b"")), max_size=9)


@given(SLOTS, st.binary(), st.binary())
def test_parts_of_a_packet_come_back(slot: int, variables: bytes, log: bytes) -> None:
    packet = channel.pack_serve(slot, variables, log)
    assert channel.unpack(packet) == (channel.SERVE, slot, variables, log)
    for cut in range(len(packet)):
        with pytest.raises(ValueError, match="not a packet"):
            channel.unpack(packet[:cut])
    with pytest.raises(ValueError, match="not a packet"):
        channel.unpack(packet + b"\0")


@given(ENTRIES, ENTRIES, st.sampled_from([b"", b"LISTEN_PID="]))
def test_base_has_what_all_handlers_inherit(environ: list[bytes], changes: list[bytes], name: bytes) -> None:
    kind, slot, first, second = channel.unpack(channel.pack_base(environ, changes, name))
    assert (kind, slot) == (channel.BASE, 0)
    assert channel.entries(first) == environ
    assert channel.entries(second) == [name, *changes]


@given(SLOTS)
def test_process_to_keep_has_a_slot_alone(slot: int) -> None:
    assert channel.unpack(channel.pack_keep(slot)) == (channel.KEEP, slot, b"", b"")


@given(SLOTS, st.integers(-(2**31), 2**31 - 1))
def test_answer_comes_back(slot: int, number: int) -> None:
    packet = channel.pack_answer(slot, number)
    assert channel.unpack_answer(packet) == (slot, number)
    for wrong in (b"", packet[1:], packet + b"\0"):
        with pytest.raises(ValueError, match="not an answer"):
            channel.unpack_answer(wrong)


def test_kind_is_one_that_is_known() -> None:
    packet = channel.pack_keep(1)
    with pytest.raises(ValueError, match="not a packet"):
        channel.unpack(b"\x09" * 4 + packet[4:])


def test_place_of_the_channel() -> None:
    assert channel.placed(channel.place(5, 11)) == (5, 11)
    for wrong in (b"", b"5", b"5,", b",5", b"a,b", b"-1,2", b"5,6,7"):
        with pytest.raises(ValueError, match="names no channel"):
            channel.placed(wrong)


def test_links_stand_among_the_changes() -> None:
    link = channel.Link(
        channel.DIRECTORY, b"env/.", b"/bin/envdir", [b"envdir", b"env", b"", b"=directory 9"]
    )
    first, found, last = channel.with_links([b"A=1", *link.packed(), b"B"])
    assert (first, last) == (b"A=1", b"B")
    assert isinstance(found, channel.Link)
    assert (found.kind, found.text, found.file) == (link.kind, link.text, link.file)
    assert found.argv == link.argv
