"""Ports and addresses as they are written: what the original reads, and what nobody can mean."""

import pytest

from ucspi.errors import BadPortError, NoAddressError
from ucspi.tcp.address import parse_literal, parse_port, resolve, resolve_all


@pytest.mark.parametrize(
    ("operand", "port"),
    [(b"0", 0), (b"", 0), (b"23", 23), (b"00023", 23), (b"65535", 65535), (b"telnet", 23)],
)
def test_port_is_a_number_or_a_service(operand: bytes, port: int) -> None:
    assert parse_port(operand) == port


@pytest.mark.parametrize("operand", [b"65536", b"65616", b"099999", b"131072", b"9" * 9000])
def test_number_beyond_the_last_port_is_none(operand: bytes) -> None:
    with pytest.raises(BadPortError, match="is not within 0 to 65535"):
        parse_port(operand)


@pytest.mark.parametrize(
    "operand", [b"80x", b"-1", b"+1", b" 80", b"nosuchservice", b"\xff\xfe", b"a\xc3\xa9"]
)
def test_port_that_is_no_service_is_an_os_error(operand: bytes) -> None:
    with pytest.raises(OSError, match="not found"):
        parse_port(operand)


@pytest.mark.parametrize(
    ("operand", "ip"),
    [
        (b"0", b"0.0.0.0"),
        (b"", b"0.0.0.0"),
        (b"127.0.0.1", b"127.0.0.1"),
        (b"127.000.000.001", b"127.0.0.1"),
        (b"[127.0.0.1]", b"127.0.0.1"),
        (b"1.2.3.4.5.6", b"1.2.3.4"),
    ],
)
def test_literal_ignores_zeros_in_front_and_further_groups(operand: bytes, ip: bytes) -> None:
    assert parse_literal(operand) == ip


@pytest.mark.parametrize(
    "operand",
    [b"127.0.1", b"1", b"...", b"[]", b"1.2.3.", b"127.0.0.257", b"256.0.0.1", b"1.2.3.4.1.2.3.999"],
)
def test_literal_of_fewer_than_four_numbers_or_of_others_is_no_address(operand: bytes) -> None:
    with pytest.raises(NoAddressError):
        parse_literal(operand)


def test_name_is_resolved_by_the_system() -> None:
    assert resolve(b"localhost") == b"127.0.0.1"


@pytest.mark.parametrize("operand", [b"a" * 300 + b".invalid", b"\xff\xfe.example", b"a..b"])
def test_impossible_name_is_no_address(operand: bytes) -> None:
    with pytest.raises((NoAddressError, OSError)):
        resolve(operand)


@pytest.mark.parametrize(
    ("operand", "ip"),
    [(b"::", b"::"), (b"[::]", b"::"), (b"::1", b"::1"), (b"[::1]", b"::1"), (b"fe80::1%lo", b"fe80::1%lo")],
)
def test_ip6_address_stands_for_itself(operand: bytes, ip: bytes) -> None:
    assert resolve(operand) == ip


@pytest.mark.parametrize("operand", [b":::", b"[::1", b"1::2::3", b"::g", b"::\xff", b"1:2", b"[]:"])
def test_impossible_ip6_address_is_no_address(operand: bytes) -> None:
    with pytest.raises(NoAddressError):
        resolve(operand)


def test_digits_may_be_more_than_the_interpreter_converts() -> None:
    assert parse_port(b"0" * 9000 + b"80") == 80
    assert parse_literal(b"0" * 9000 + b"1.0.0.1") == b"1.0.0.1"


@pytest.mark.parametrize("operand", [b"127.0.0.1\0.evil", b"localhost\0", b"\0", b"::1\0", b"fe80::1%lo\0x"])
def test_nul_ends_no_name(operand: bytes) -> None:
    """It would for the resolver, which would find another one."""
    for find in (resolve, resolve_all):
        with pytest.raises(NoAddressError):
            find(operand)


@pytest.mark.parametrize("operand", [b"telnet\0", b"23\0", b"\0"])
def test_nul_ends_no_service(operand: bytes) -> None:
    with pytest.raises(OSError, match="not found"):
        parse_port(operand)
