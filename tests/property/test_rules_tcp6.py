"""Networks and IPv6: our files and verdicts against a model of ucspi-tcp6."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from tests.support import tcp6_model
from tests.support.rules_files import image_of
from ucspi.cdb import Reader
from ucspi.rules import Lengths, RuleSet, candidates, expand, readable

# Few distinct addresses, so that rules and clients meet.
numbers4 = st.sampled_from([0x0A000000, 0x0A010203, 0x0A0102FF, 0xC0A80101, 0x7F000001, 0xFFFFFFFF, 0])
numbers6 = st.sampled_from([0x20010DB8 << 96, (0x20010DB8 << 96) + 1, 0xFE80 << 112, 1, 0, 2**128 - 1])
quads = numbers4.map(lambda number: str(ipaddress.IPv4Address(number)))
sixes = numbers6.map(lambda number: str(ipaddress.IPv6Address(number)))
clients = st.one_of(quads, sixes)
names = st.sampled_from([None, b"a.b.org", b"org", b"", b"."])
infos = st.sampled_from([None, b"joe", b""])


def network(ip: str, length: int) -> str:
    return str(ipaddress.ip_network(f"{ip}/{length}", strict=False))


networks = st.one_of(
    st.builds(network, quads, st.integers(2, 32)), st.builds(network, sixes, st.integers(2, 128))
)
dotted = st.sampled_from(["10.", "10.1.", "10.1.2.", "192.168.", "", "=", "=.org", "=a.b.org", "joe@=org"])


@given(text=networks)
def test_network_has_the_models_key_and_reads_back(text: str) -> None:
    key = tcp6_model.network_key(text)
    assert expand(text.encode()) == (key,)
    assert expand(readable(key)) == (key,)


@given(ip=clients, host=names, info=infos)
def test_all_lengths_give_the_models_order(ip: str, host: bytes | None, info: bytes | None) -> None:
    every = Lengths(range(33), range(129))
    assert list(candidates(ip.encode(), host, info, every)) == tcp6_model.order(ip, host, info)


@given(
    addresses=st.lists(st.one_of(networks, clients, dotted), max_size=8),
    who=st.tuples(clients, names, infos),
)
def test_client_is_judged_by_the_models_rule(
    addresses: list[str], who: tuple[str, bytes | None, bytes | None]
) -> None:
    text = "".join(f"{address}:deny\n" for address in addresses).encode()
    image = image_of(text)
    with Reader(image) as reader:
        rules = {key: reader[key] for key in reader}
        ip, host, info = who
        assert RuleSet(reader).judge(ip.encode(), host, info).rule == tcp6_model.judge(rules, ip, host, info)
