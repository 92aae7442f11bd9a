from hypothesis import given
from hypothesis import strategies as st

from ucspi.tcp.ident import NAME_MAX, Answer

REPLIES = {
    b"1 , 2 : USERID : UNIX : joe\r\n": b"joe",
    b"1,2:USERID:UNIX:j o\te \r\n": b"joe",
    b"1,2:USERID:UNIX:a:b:c\n": b"a:b:c",
    b"1,2:ERROR:NO-USER\r\n": b"",
    b"\n": b"",
    b":::\n": b"",
    b"1:2:3:jo\0e\n": b"jo",
    b":::" + b"x" * 1000 + b"\n": b"x" * NAME_MAX,
    b"x" * 5000 + b":" * 3 + b"late\n": b"late",
    b":::one\n:::two\n": b"one",
}


def feed(blocks: list[bytes]) -> bytes | None:
    answer = Answer()
    for block in blocks:
        name = answer.feed(block)
        if name is not None:
            return name
    return None


def test_name_is_what_stands_after_the_third_colon() -> None:
    for reply, name in REPLIES.items():
        assert feed([reply]) == name, reply


def test_reply_without_newline_is_not_complete() -> None:
    assert feed([b"1,2:USERID:UNIX:joe"]) is None


def test_reply_may_arrive_byte_by_byte() -> None:
    for reply, name in REPLIES.items():
        assert feed([reply[at : at + 1] for at in range(len(reply))]) == name, reply


@given(blocks=st.lists(st.binary(max_size=300).map(lambda b: b.replace(b"\n", b""))))
def test_memory_is_bounded_whatever_arrives(blocks: list[bytes]) -> None:
    answer = Answer()
    for block in blocks:
        assert answer.feed(block) is None
        assert len(answer._kept) <= NAME_MAX


@given(reply=st.binary(max_size=80), cut=st.integers(0, 80))
def test_chunking_does_not_change_the_name(reply: bytes, cut: int) -> None:
    assert feed([reply[:cut], reply[cut:]]) == feed([reply])
