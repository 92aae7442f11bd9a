"""A small model of how ucspi-tcp6 files and judges, written from its documentation alone.

It shares no code with the package: keys are made bit by bit, and every prefix
length is tried.
"""

import ipaddress

PLACES = b"abcdefghijklmnopqrstuvwxyz123456"


def bits(packed: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in packed)


def network_key(text: str) -> bytes:
    """File ``IP/N``."""
    network = ipaddress.ip_network(text)
    wanted = bits(network.network_address.packed)[: network.prefixlen]
    if network.version == 4:
        return b"_" + bytes(PLACES[i] if bit == "1" else 48 for i, bit in enumerate(wanted))
    key, ones = bytearray(b"^"), 0
    for bit in wanted:
        key.append(0x60 + ones if bit == "1" else 48)
        ones += bit == "1"
    return bytes(key)


def address_key(text: str) -> bytes:
    """File a single address."""
    address = ipaddress.ip_address(text)
    return (address.exploded.upper() if address.version == 6 else str(address)).encode()


def order(ip: str, host: bytes | None, info: bytes | None) -> list[bytes]:
    """Return the keys that its server tries, in its order."""
    address = ipaddress.ip_address(ip)
    me = address_key(ip)
    keys = []
    if info is not None:
        keys.append(info + b"@" + me)
        if host is not None:
            keys.append(info + b"@=" + host)
    keys.append(me)
    if host is not None:
        keys.append(b"=" + host)
    if address.version == 4:
        parts = me.split(b".")
        keys += [b".".join(parts[:count]) + b"." for count in (3, 2, 1)]
    for length in range(address.max_prefixlen, 1, -1):
        keys.append(network_key(str(ipaddress.ip_network(f"{ip}/{length}", strict=False))))
    if host is not None:
        keys += [b"=" + host[at:] for at in range(len(host)) if host[at : at + 1] == b"."]
        keys.append(b"=")
    return [*keys, b""]


def judge(rules: dict[bytes, bytes], ip: str, host: bytes | None, info: bytes | None) -> bytes | None:
    """Return the key that decides, or None."""
    return next((key for key in order(ip, host, info) if key in rules), None)
