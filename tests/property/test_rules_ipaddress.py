"""Networks against Python's ``ipaddress``: many clients, the same verdicts."""

import ipaddress
from random import Random

import pytest

from tests.support.rules_files import image_of
from ucspi.cdb import Reader
from ucspi.rules import RuleSet

BITS = {4: 32, 6: 128}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def some_networks(random: Random, count: int) -> list[Network]:
    """Return networks that lie in each other as often as beside each other."""
    made: dict[Network, None] = {}
    while len(made) < count:
        version = random.choice((4, 6))
        bits = BITS[version]
        inside = random.choice(list(made)[-50:] or [ipaddress.ip_network("2001:db8::/32")])
        if random.random() < 0.6 and inside.version == version and inside.prefixlen < bits:
            size = random.randint(inside.prefixlen + 1, bits)
            number = int(inside.network_address) | random.getrandbits(bits - inside.prefixlen)
        else:
            size = random.randint(2, bits)
            number = random.getrandbits(bits)
        number = number >> (bits - size) << (bits - size)
        address = ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number)
        if version == 6 and size >= 96 and ipaddress.IPv6Address(number).ipv4_mapped:
            continue
        made[ipaddress.ip_network((address, size))] = None
    return list(made)


def spelled(random: Random, address: Address) -> bytes:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address).encode() if random.random() < 0.9 else f"::ffff:{address}".encode()
    text = random.choice((str(address), address.exploded, address.exploded.upper()))
    return text.encode() + random.choice((b"", b"", b"%eth0"))


Found = dict[int, dict[int, Network]]  # by length, then by the bits of that length


def longest(known: Found, address: Address) -> Network | None:
    """Return the longest network around an address, the slow way."""
    number = int(address)
    for size in range(address.max_prefixlen, 1, -1):
        found = known[size].get(number)
        if found is not None:
            assert address in found
            return found
        number >>= 1
    return None


@pytest.mark.parametrize("clients", [4_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_networks_decide_as_ipaddress_says(clients: int) -> None:
    random = Random(clients)
    networks = some_networks(random, 5000)
    denied = {network for network in networks if random.random() < 0.5}
    text = "".join(f"{network}:{'deny' if network in denied else 'allow'}\n" for network in networks)
    rules = RuleSet(Reader(image_of(text.encode())))
    known: dict[int, Found] = {version: {size: {} for size in range(129)} for version in BITS}
    for network in networks:
        number = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        known[network.version][network.prefixlen][number] = network
    met: set[Network | None] = set()
    for _ in range(clients):
        inside = random.choice(networks)
        number = int(inside.network_address) | random.getrandbits(
            inside.max_prefixlen - inside.prefixlen or 1
        )
        if random.random() < 0.2:
            number ^= 1 << random.randrange(inside.max_prefixlen)
        address: Address = (
            ipaddress.IPv4Address(number) if inside.version == 4 else ipaddress.IPv6Address(number)
        )
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        expected = longest(known[address.version], address)
        met.add(expected)
        verdict = rules.judge(spelled(random, address))
        assert verdict.allowed == (expected not in denied), (address, expected, verdict)
    assert len(met) > min(2000, clients // 4)
