"""PROXY headers that are made of an environment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.errors import ProxyHeaderError
from ucspi.tcp.proxyheader import Header, parse
from ucspi.tcp.proxywriter import make_header

HEAD = b"\r\n\r\n\0\r\nQUIT\n"
TCP = {"PROTO": "TCP", "TCPREMOTEIP": "192.0.2.1", "TCPREMOTEPORT": "40000"} | {
    "TCPLOCALIP": "192.0.2.2",
    "TCPLOCALPORT": "80",
}
TCP6 = {"PROTO": "TCP6", "TCP6REMOTEIP": "2001:db8::1", "TCP6REMOTEPORT": "1"} | {
    "TCP6LOCALIP": "2001:db8::2",
    "TCP6LOCALPORT": "2",
}


def entries(variables: dict[str, str]) -> list[bytes]:
    return [f"{name}={value}".encode("latin-1") for name, value in variables.items()]


def line(variables: dict[str, str]) -> bytes:
    return make_header(1, entries(variables))


def test_client_of_ip4() -> None:
    assert line(TCP) == b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"
    body = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + (40000).to_bytes(2, "big") + b"\0P"
    assert make_header(2, entries(TCP)) == HEAD + b"\x21\x11\0\x0c" + body


def test_client_of_ip6() -> None:
    assert line(TCP6) == b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"
    header = make_header(2, entries(TCP6))
    assert (header[:16], len(header)) == (HEAD + b"\x21\x21\0\x24", 52)


@pytest.mark.parametrize("variables", [{}, {"PROTO": "UNIX", "UNIXREMOTEEUID": "0"}, {"PATH": "/bin"}])
def test_without_a_client_of_ip_the_connection_speaks_for_itself(variables: dict[str, str]) -> None:
    assert line(variables) == b"PROXY UNKNOWN\r\n"
    assert make_header(2, entries(variables)) == HEAD + b"\x20\0\0\0"


def test_client_of_a_path_is_no_client_of_before() -> None:
    """A tool may leave the variables of the tool before it in the environment."""
    assert line(TCP | {"PROTO": "UNIX"}) == b"PROXY UNKNOWN\r\n"


def test_ends_of_both_families_are_both_told_in_ip6() -> None:
    mixed = TCP | {"TCPLOCALIP": "2001:db8::2"}
    assert line(mixed) == b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 40000 80\r\n"
    answer = parse(make_header(2, entries(mixed)))
    assert isinstance(answer, Header)
    assert (answer.source, answer.destination) == (b"192.0.2.1", b"2001:db8::2")


def test_mapped_address_and_zone() -> None:
    mapped = TCP | {"TCPREMOTEIP": "::FFFF:192.0.2.1", "TCPLOCALIP": "::ffff:192.0.2.2"}
    assert line(mapped) == line(TCP)
    zone = TCP6 | {"TCP6REMOTEIP": "fe80::1%eth0", "TCP6LOCALIP": "fe80:0::2%1"}
    assert line(zone) == b"PROXY TCP6 fe80::1 fe80::2 1 2\r\n"


def test_variables_of_another_protocol_count_before_those_of_tcp() -> None:
    ssl = {name.replace("TCP", "SSL"): value for name, value in TCP.items()} | {"PROTO": "SSL"}
    assert line(ssl) == line(ssl | {"TCPREMOTEIP": "1.2.3.4"}) == line(TCP)
    assert line(TCP | {"PROTO": "SSL"}) == line({k: v for k, v in TCP.items() if k != "PROTO"}) == line(TCP)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"TCPREMOTEIP": ""}, b"TCPREMOTEIP is no address: "),
        ({"TCPREMOTEIP": "192.0.2.256"}, b"TCPREMOTEIP is no address: 192.0.2.256"),
        ({"TCPREMOTEIP": "unix.0"}, b"TCPREMOTEIP is no address: unix.0"),
        ({"TCPREMOTEIP": "192.0.2.1\r\nPROXY"}, b"TCPREMOTEIP is no address: 192.0.2.1\r\nPROXY"),
        ({"TCPREMOTEIP": "\xe9"}, b"TCPREMOTEIP is no address: \xe9"),
        ({"TCPLOCALIP": "x" * 1000}, b"TCPLOCALIP is no address: " + b"x" * 100),
        ({"TCPREMOTEPORT": "65536"}, b"TCPREMOTEPORT is no port: 65536"),
        ({"TCPREMOTEPORT": ""}, b"TCPREMOTEPORT is no port: "),
        ({"TCPLOCALPORT": "-1"}, b"TCPLOCALPORT is no port: -1"),
        ({"TCPLOCALPORT": "1 2"}, b"TCPLOCALPORT is no port: 1 2"),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_value_that_is_none_is_refused(version: int, change: dict[str, str], said: bytes) -> None:
    with pytest.raises(ProxyHeaderError) as caught:
        make_header(version, entries(TCP | change))
    assert caught.value.reason == said


@pytest.mark.parametrize("name", ["TCPREMOTEIP", "TCPREMOTEPORT", "TCPLOCALIP", "TCPLOCALPORT"])
def test_client_that_is_there_in_part_is_refused(name: str) -> None:
    """Else the server would take the client for us."""
    with pytest.raises(ProxyHeaderError) as caught:
        line({each: value for each, value in TCP.items() if each != name})
    assert caught.value.reason == f"there is no {name} in the environment".encode()


ips = st.ip_addresses().map(str)
ports = st.integers(0, 65535)


@given(st.sampled_from([1, 2]), ips, ips, ports, ports)
def test_our_parser_reads_what_was_in_the_environment(
    version: int, source: str, destination: str, from_: int, to: int
) -> None:
    variables = {"PROTO": "TCP", "TCPREMOTEIP": source, "TCPLOCALIP": destination}
    header = make_header(version, entries(variables | {"TCPREMOTEPORT": str(from_), "TCPLOCALPORT": str(to)}))
    answer = parse(header + b"rest")
    assert isinstance(answer, Header)
    assert answer.length == len(header) <= 107
    assert (answer.source_port, answer.destination_port) == (from_, to)
    again = entries({"PROTO": "TCP", "TCPREMOTEPORT": str(from_), "TCPLOCALPORT": str(to)})
    ends = [b"TCPREMOTEIP=" + answer.source, b"TCPLOCALIP=" + answer.destination]
    assert make_header(version, again + ends) == header
