"""Clients on loopback, what DNS and ident servers say of each, and these servers, in a network namespace."""

from pathlib import Path

from tests.support import identd
from tests.support.dns_tables import Labels, NameServer, labels
from tests.support.namespace import settle

LOCAL = labels(b"local.test")
LONG = (b"a" * 63, b"b" * 63, b"c" * 63, b"test")

NAMES: dict[str, list[Labels]] = {
    "127.0.0.1": [LOCAL],
    "127.0.3.1": [labels(b"one.two.test")],
    "127.0.3.2": [labels(b"Upper.Case.TEST")],
    "127.0.3.3": [labels(b"under_score-9.test")],
    "127.0.3.4": [labels(b"liar.test")],
    "127.0.3.5": [labels(b"many.test")],
    "127.0.3.6": [labels(b"first.test"), labels(b"second.test")],
    "127.0.3.7": [labels(b"nowhere.test")],
    "127.0.3.8": [],
    "127.0.3.9": [LONG],
    "127.0.3.10": [labels(b"single")],
}
ADDRESSES: dict[Labels, list[str]] = {
    LOCAL: ["127.0.0.1"],
    labels(b"one.two.test"): ["127.0.3.1"],
    labels(b"upper.case.test"): ["127.0.3.2"],
    labels(b"under_score-9.test"): ["127.0.3.3"],
    labels(b"liar.test"): ["9.9.9.9"],
    labels(b"many.test"): ["9.9.9.9", "127.0.3.5", "8.8.8.8"],
    labels(b"first.test"): ["127.0.3.6"],
    LONG: ["127.0.3.9"],
    labels(b"single"): ["127.0.3.10"],
}
UNKNOWN = "127.0.3.200"  # NXDOMAIN
# 127.0.3.201 is in the hosts file alone, under this name.
HOSTS = "127.0.3.201 hosts.test\n"

IDENT: dict[str, identd.Manner] = {
    "127.0.2.1": identd.says(b"1 , 2 : USERID : UNIX : joe\r\n"),
    "127.0.2.2": identd.says(b"1,2 : USERID :\tUNIX : \t j o\r e \r\n"),
    "127.0.2.3": identd.says(b"1,2:ERROR:NO-USER\r\n"),
    "127.0.2.4": identd.says(b"\r\n"),
    "127.0.2.5": identd.says(b"1,2:USERID:UNIX:" + b"n" * 600 + b"\r\n"),
    "127.0.2.6": identd.says(b"1,2:USERID:UNIX:joe"),
    "127.0.2.7": identd.says(b"1,2:USERID:UNIX:j\0oe\r\n"),
    "127.0.2.8": identd.says(b"1,2:USERID:UNIX:a:b:c\n"),
    "127.0.2.9": identd.says(b"1,2:USERID:UNIX:%\xff\x7f\r\n"),
    "127.0.2.10": identd.byte_by_byte,
    "127.0.2.11": identd.says(b""),
    "127.0.2.12": identd.says(b"1,2:USERID:UNIX:" + b"n" * 256 + b"\n"),
    "127.0.2.13": identd.says(b"1,2:USERID:UNIX:" + b"n" * 257 + b"\n"),
    "127.0.2.14": identd.says(b"1,2:USERID:UNIX:" + b"n" * 258 + b"\n"),
    "127.0.2.15": identd.says(b"1,2:USERID:UNIX:joe\nand more\n"),
    "127.0.2.16": identd.resets,
    "127.0.2.17": identd.checks,
    "127.0.2.18": identd.says(b"1,2:USERID:UNIX:" + b"n" * 100 + b"\n"),
    "127.0.2.19": identd.says(b"1,2:USERID:UNIX:   \n"),
    "127.0.2.20": identd.says(b"\n"),
    "127.0.2.21": identd.goes_on(b"1,2:USERID:UNIX:" + b"n" * 257),
    "127.0.2.22": identd.goes_on(b"1,2:USERID:UNIX:" + b"n" * 5000),
    "127.0.2.23": identd.goes_on(b"1,2:USERID:UNIX:" + b"\0" * 257),
    "127.0.2.24": identd.goes_on(b":" * 5000),
    "127.0.2.25": identd.says(b"1,2:USERID:UNIX:" + b"n" * 257),
}
REFUSED = "127.0.2.100"
HANGING = "127.0.2.101"


def start_servers(place: Path) -> None:
    """Bring up the loopback interface, replace the files of the resolver, start the servers."""
    settle(place, {"/etc/hosts": HOSTS})
    NameServer(NAMES, ADDRESSES).start()
    for ip, manner in {**IDENT, HANGING: identd.hangs}.items():
        identd.IdentServer(ip, manner).start()
