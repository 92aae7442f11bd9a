"""The file ``sockets``: what it may say, and that anything else is one line that names a line."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ucspi.errors import UnusableError
from ucspi.service.socketplaces import FILE_MAX, MOST, parse


def places(text: bytes, open_files: int = 1024) -> list[tuple[object, ...]]:
    return [(place.text(), place.mode, place.name) for place in parse(text, open_files)]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b"127.0.0.1 80", (b"127.0.0.1 80", None, b"unknown")),
        (b"0 080 web", (b"0.0.0.0 80", None, b"web")),
        (b"\t::  65535\thttp/2\r", (b":: 65535", None, b"http/2")),
        (b"fe80::1%eth0 0", (b"fe80::1%eth0 0", None, b"unknown")),
        (b"::ffff:10.0.0.1 1", (b"::ffff:10.0.0.1 1", None, b"unknown")),
        (b"127.0.0.1 smtp", (b"127.0.0.1 25", None, b"unknown")),
        (b"unix:/run/s", (b"unix:/run/s", None, b"unknown")),
        (b"unix:/run/s,mode=0660 ctl", (b"unix:/run/s", 0o660, b"ctl")),
        (b"unix:/run/s,mode=0", (b"unix:/run/s", 0, b"unknown")),
        (b"unix:/\xff#\x80", (b"unix:/\xff#\x80", None, b"unknown")),
        (b"0 1 " + b"n" * 255, (b"0.0.0.0 1", None, b"n" * 255)),
    ],
)
def test_line(line: bytes, place: tuple[object, ...]) -> None:
    assert places(line) == [place]
    assert places(b"#\n \n" + line + b"\n# 1 2\n") == [place]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"80", b"ADDRESS PORT [NAME] or unix:PATH[,mode=MODE] [NAME] is wanted, not '80'"),
        (b"0 80 a b", b"ADDRESS PORT [NAME] or unix:PATH[,mode=MODE] [NAME] is wanted, not '0 80 a b'"),
        (b"unix:/a b c", b"ADDRESS PORT [NAME] or unix:PATH[,mode=MODE] [NAME] is wanted, not 'unix:/a b c'"),
        *[
            (host + b" 80", b"a numeric address is wanted, not ")
            for host in (b"localhost", b"1.2.3", b"1.2.3.4%lo", b"::1%", b"[::1]", b"::g", b"\xff", b"::1\0")
        ],
        *[(b"0 " + port, b"a port of at most 65535 is wanted, not ") for port in (b"65536", b"9" * 5000)],
        *[
            (b"0 " + port, b"no TCP service is called ")
            for port in (b"nosuch", b"-1", b"1.5", b"\xff", b"a\0")
        ],
        *[
            (b"unix:" + path, b"a path that begins with / and has at most 107 bytes is wanted, not ")
            for path in (b"", b"s", b"@s", b"/" * 108, b"/a\0b")
        ],
        *[
            (b"unix:/s,mode=" + mode, b"a mode of at most 0777, in octal digits, is wanted, not ")
            for mode in (b"", b"8", b"1777", b"00660", b"-1", b"u+w")
        ],
        *[
            (b"0 80 " + name, b"a name has up to 255 printable ASCII characters without a colon, unlike ")
            for name in (b"a:b", b"\x7f", b"\xe4", b"n" * 256)
        ],
    ],
)
def test_bad_line_is_named(line: bytes, reason: bytes) -> None:
    with pytest.raises(UnusableError) as caught:
        parse(b"127.0.0.1 1\n# 2\n" + line + b"\n", 1024)
    assert caught.value.reason.startswith(b"line 3: " + reason)
    assert len(caught.value.reason) < 300


@pytest.mark.parametrize(("first", "second"), [("0 80 a", "0 80 b"), ("unix:/s", "unix:/s,mode=0600")])
def test_same_socket_twice(first: str, second: str) -> None:
    with pytest.raises(UnusableError, match="line 3: the socket of line 1 again"):
        parse(f"{first}\n\n{second}".encode(), 1024)


def test_any_free_port_twice_is_two_sockets() -> None:
    first, second = parse(b"0 0\n0 0\n", 1024)
    assert first.key != second.key


@pytest.mark.parametrize("text", [b"", b"\n", b"# 0 80\n"])
def test_no_socket(text: bytes) -> None:
    with pytest.raises(UnusableError, match="it names no socket"):
        parse(text, 1024)


def test_as_many_as_fit() -> None:
    assert len(parse(b"0 0\n" * MOST, 1024)) == MOST
    assert len(parse(b"0 0\n" * 5, 8)) == 5
    for count, open_files, possible in ((MOST + 1, 1024, MOST), (6, 8, 5), (1, 3, 0), (1, 1, 0)):
        with pytest.raises(UnusableError, match=f"^b'{count} sockets, and {possible} are possible'$"):
            parse(b"0 0\n" * count, open_files)


def test_long_file() -> None:
    assert parse(b"0 80\n" + b"#" * (FILE_MAX - 5), 1024)
    with pytest.raises(UnusableError, match="more than 65536 bytes"):
        parse(b"0 80\n" + b"#" * FILE_MAX, 1024)


WORDS = [b"0", b"::1", b"80", b"unix:/s", b",mode=", b"#", b"\n", b" ", b"\0", b"\xff", b"a:b", b"%"]


@settings(max_examples=500)
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(WORDS), max_size=20).map(b"".join)))
@example(b"\r\n")
def test_anything_is_places_or_one_line(text: bytes) -> None:
    found, reason = [], b""
    try:
        found = parse(text, 1024)
    except UnusableError as bad:
        reason = bad.reason
    assert bool(found) != bool(reason)
    assert b"\n" not in reason
    assert b"\0" not in reason
    assert len(reason) < 300
    assert len({place.key for place in found}) == len(found)
    assert all((place.host == b"") == place.path.startswith(b"/") for place in found)
