"""Which DNS servers are asked."""

from pathlib import Path

import pytest

from ucspi.dnsbl.nameservers import nameservers


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"127.0.0.2", [b"127.0.0.2"]),
        (b"127.0.0.3.127.0.0.1", [b"127.0.0.3", b"127.0.0.1"]),
        (b".127.0.0.4..127.0.0.1", [b"127.0.0.4", b"127.0.0.1"]),
        (b"127.0.0.2 127.0.0.1", [b"127.0.0.2"]),
        (b"127.0.0.2x", [b"127.0.0.2"]),
        (b"1.2.3.4." * 20, [b"1.2.3.4"] * 16),
    ],
)
def test_variable_is_read_up_to_the_first_thing_that_is_no_address(value: bytes, found: list[bytes]) -> None:
    assert nameservers(value, "/nonexistent") == found


@pytest.mark.parametrize(
    "value", [None, b"", b"junk", b"::1", b"1.2.3", b"1.2.3.256", b"1.2.3." + b"9" * 5000]
)
def test_variable_without_an_address_leaves_it_to_the_system(tmp_path: Path, value: bytes | None) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_bytes(
        b"# nameserver 1.1.1.1\nsearch test\nnameserver 10.0.0.1\nnameserver\n nameserver\t::1 x\n"
        b"nameserver no\nnameserver 1.2.3.4\0\nnameserver \xff\n"
    )
    assert nameservers(value, str(conf)) == [b"10.0.0.1", b"::1"]


def test_without_any_server_this_machine_is_asked(tmp_path: Path) -> None:
    assert nameservers(None, str(tmp_path / "missing")) == [b"127.0.0.1"]
