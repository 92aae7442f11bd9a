"""Networks of --proxy-from: which addresses are in them, with the standard library's as judge."""

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ucspi.tcp.server.networks import BadNetworkError, Networks

# Few different bits, so that networks and addresses meet.
ADDRESSES = st.one_of(
    st.sampled_from([0, 1, 0x7F000001, 0xFFFFFFFF, 0x0A000000, 0x0A0000FF]).map(ipaddress.IPv4Address),
    st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
    st.sampled_from([0, 1, 2**128 - 1, 0x20010DB8 << 96, 0xFE80 << 112 | 1]).map(ipaddress.IPv6Address),
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
)


@st.composite
def networks(draw: st.DrawFn) -> "ipaddress.IPv4Network | ipaddress.IPv6Network":
    address = draw(ADDRESSES)
    bits = draw(st.integers(0, address.max_prefixlen))
    return ipaddress.ip_network(f"{address}/{bits}", strict=False)


def in_our_form(address: "ipaddress.IPv4Address | ipaddress.IPv6Address") -> bytes:
    """Return an address as a connection has it: IPv4 never in IPv6 form."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address).encode()


def is_mapped(address: "ipaddress.IPv4Address | ipaddress.IPv6Address") -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


@given(nets=st.lists(networks(), min_size=1, max_size=6), address=ADDRESSES, near=st.integers(0, 5))
@example(nets=[ipaddress.ip_network("0.0.0.0/0")], address=ipaddress.ip_address("::1"), near=0)
def test_membership_is_that_of_the_standard_library(
    nets: "list[ipaddress.IPv4Network | ipaddress.IPv6Network]",
    address: "ipaddress.IPv4Address | ipaddress.IPv6Address",
    near: int,
) -> None:
    ours = Networks(",".join(map(str, nets)).encode())
    ends = [nets[near % len(nets)][0], nets[near % len(nets)][-1]]
    for other in [address, *ends]:
        if not is_mapped(other) and not any(is_mapped(net.network_address) for net in nets):
            assert (in_our_form(other) in ours) == any(other in net for net in nets)


def test_network_in_mapped_form_is_one_of_ipv4() -> None:
    ours = Networks(b"::ffff:10.0.0.0/104,::FFFF:c000:201")
    assert [ip for ip in (b"10.255.0.1", b"11.0.0.0", b"192.0.2.1", b"192.0.2.2") if ip in ours] == [
        b"10.255.0.1",
        b"192.0.2.1",
    ]


def test_users_of_this_machine_are_in_where_the_word_is() -> None:
    assert b"unix.0" in Networks(b"10.0.0.1,unix")
    assert b"unix.1000" in Networks(b"unix")
    assert b"127.0.0.1" not in Networks(b"unix")
    assert b"unix.0" not in Networks(b"0.0.0.0/0,::/0")


def test_networks_of_everybody_are_named() -> None:
    assert Networks(b"0.0.0.0/0,10.0.0.0/8,::/0").whole == [b"0.0.0.0/0", b"::/0"]
    assert Networks(b"10.0.0.0/8,::1,unix").whole == []
    assert Networks(b"::ffff:0.0.0.0/96").whole == [b"::ffff:0.0.0.0/96"]


@pytest.mark.parametrize(
    "text",
    [
        *("", ",", "10.0.0.1,", ",10.0.0.1", "10.0.0.1,,::1", " 10.0.0.1", "10.0.0.1 "),
        *("10", "10.", "10.0.0", "10.0.0.0.0", "10.0.0.256", "10.0.0.-1", "010.0.0.1", "1e1.0.0.1"),
        *("10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/255.0.0.0"),
        *("10.0.0.1/8", "2001:db8::1/32", "::ffff:10.0.0.1/104", "::/129", "fe80::1%lo", "[::1]", "::1]"),
        *(
            "localhost",
            "UNIX",
            "unix.0",
            "unix:/run/x",
            "unix/0",
            "10.0.0.1\0",
            "10.0.0.1\udc80",
            "\u0661.0.0.1",
        ),
        *("10.0.0.0/" + "9" * 5000, "x" * 100000),
    ],
)
def test_wrong_text_is_refused_in_a_few_words(text: str) -> None:
    with pytest.raises(BadNetworkError) as error:
        Networks(text.encode("utf-8", "surrogateescape"))
    assert 10 < len(error.value.args[0]) < 250
