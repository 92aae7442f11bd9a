"""From hosts.allow and hosts.deny to rules."""

import time

import pytest

from ucspi.errors import EXIT_PERMANENT, HostsAccessError
from ucspi.rules import convert_hosts, lint


def rules(allow: str, deny: str = "ALL: ALL\n", daemon: bytes = b"d") -> list[str]:
    return convert_hosts(allow.encode(), deny.encode(), daemon).decode().splitlines()


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ("", []),
        ("# d: ALL\n\n \t\n# \\\n d: ALL\n", []),
        ("d: 192.168.1.\n", ["192.168.1.:allow"]),
        ("d: 1.2.3.4, 10.\n", ["1.2.3.4:allow", "10.:allow"]),
        ("other: 1.2.3.4\nx d y: 10.\n", ["10.:allow"]),
        ("ALL EXCEPT d: 1.2.3.4\nALL EXCEPT x: 10.\n", ["10.:allow"]),
        ("d: 10.0.0.0/255.0.0.0\n", ["10.:allow"]),
        ("d: 10.1.0.0/12 1.\n", None),
        ("d: 10.16.0.0/12 1.\n", ["10.16.0.0/12:allow", "1.0.0.0/8:allow"]),
        ("d: 0.0.0.0/1\n", ["0.0.0.0/2:allow", "64.0.0.0/2:allow"]),
        ("d: [2001:db8::1] [2001:db8::]/32\n", ["2001:db8::1:allow", "2001:db8::/32:allow"]),
        (
            "d: 0.0.0.0/0.0.0.0\n",
            ["0.0.0.0/2:allow", "128.0.0.0/2:allow", "192.0.0.0/2:allow", "64.0.0.0/2:allow"],
        ),
        ("d: .Org a.org\n", ["=a.org:allow", "=.org:allow"]),
        ("d: 10. EXCEPT 10.1. EXCEPT 10.1.2.3\n", ["10.1.2.3:allow", "10.1.:deny", "10.:allow"]),
        ("d: 10. \\\n 11.\n", ["10.:allow", "11.:allow"]),
        ("d: 10.\\\n5.\n", ["10.5.:allow"]),
        ("D: 10. except 10.1. Except 10.1.2.3\n", ["10.1.2.3:allow", "10.1.:deny", "10.:allow"]),
        ("all Except X: 1.\r\nALL EXCEPT D: 2.\r\n", ["1.:allow"]),
        ("x: \\: y\nd:10.,11.\n", ["10.:allow", "11.:allow"]),
        ("d: 10.1.: deny\nd: 10. : ALLOW\n", ["10.1.:deny", "10.:allow"]),
    ],
)
def test_lines_become_rules(allow: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(HostsAccessError, match="its mask does not fit"):
            rules(allow)
        return
    made = rules(allow)
    assert sorted(made) == sorted([*expected, ":deny"])
    assert lint("".join(f"{line}\n" for line in made).encode()) == []


def test_no_files_allow_everybody() -> None:
    assert rules("", "") == [":allow"]
    assert rules("", "d: 10.\n") == ["10.:deny", ":allow"]
    assert rules("d: ALL\n", "ALL: ALL\n") == [":allow"]
    assert rules("", "all: all\n") == [":deny"]


def test_first_line_that_matches_decides() -> None:
    assert rules("d: 10.\n", "d: 10.1.\nALL: ALL\n") == ["10.1.:allow", "10.:allow", ":deny"]


@pytest.mark.parametrize(
    ("allow", "line", "column", "reason"),
    [
        ("d: LOCAL\n", 1, 4, "without dots"),
        ("\nd: KNOWN\n", 2, 4, "known"),
        ("d: 1. UNKNOWN\n", 1, 7, "unknown"),
        ("d: PARANOID\n", 1, 4, "-p"),
        ("d: @group\n", 1, 4, "netgroups"),
        ("d: joe@a.org\n", 1, 4, "users"),
        ("d: *.org\n", 1, 4, "patterns"),
        ("d: /etc/list\n", 1, 4, "files of patterns"),
        ("d: a!b\n", 1, 4, "no name"),
        ("d: 1.2\n", 1, 4, "neither an address"),
        ("d: 1.2.3.4.\n", 1, 4, "neither an address"),
        ("d: 1.300.\n", 1, 4, "at most 255"),
        ("d: 1.2.3.0/255.0.255.0\n", 1, 4, "not a prefix"),
        ("d: 1.2.3.0/33\n", 1, 4, "at most 32"),
        ("d: 1.2.3.0/16\n", 1, 4, "mask does not fit"),
        ("d: 1.2.3.4/255.255.255.255\n", 1, 4, "write the address alone"),
        ("d: 0.0.0.0/0\n", 1, 4, "or ALL"),
        ("d: 10. \\\n  010.\n", 2, 3, "begins with 0"),
        ("d: 10.0.0.0/08\n", 1, 4, "begins with 0"),
        ("d: 010.0.0.0/255.0.0.0\n", 1, 4, "begins with 0"),
        ("d: 1..\n", 1, 4, "at most 255"),
        ("d: .1.2\n", 1, 4, "neither an address"),
        ("d: local\n", 1, 4, "without dots"),
        ("d: a.\n", 1, 4, "beginning of a name"),
        ("d: a..org\n", 1, 4, "without letters"),
        ("d: 1.2.3.4 # mine\n", 1, 12, "comment"),
        (" # d: ALL\n", 1, 2, "comment"),
        ("d: ALL", 1, 7, "newline"),
        ("# d: ALL", 1, 9, "newline"),
        ("d: ALL\\\n", 2, 1, "newline"),
        ("\\\n", 2, 1, "newline"),
        ("#\n# x\0\n", 2, 4, "NUL"),
        ("# " + 2045 * "x" + "\n", 1, 1, "2046 bytes"),
        ("# " + "x" * 2000 + "\\\n" + "x" * 45 + "\n", 1, 1, "2046 bytes"),
        ("d: [2001:db8::/32]\n", 1, 4, "length"),
        ("d: [2001:db8::]/032\n", 1, 4, "begins with 0"),
        ("d:\n", 1, 3, "a line has daemons"),
        ("d: ALL: deny: allow\n", 1, 8, "last option"),
        ("d: ALL: \n", 1, 8, "command"),
        ("x 23: ALL\n", 1, 3, "port"),
        ("x in.: ALL\n", 1, 3, "patterns of daemons"),
        ("x known: ALL\n", 1, 3, "no name of a daemon"),
        ("x except d[1]: ALL\n", 1, 10, "no name of a daemon"),
        ("d: [::1\n", 1, 4, "no IPv6"),
        ("d: [x]\n", 1, 4, "no IPv6"),
        ("d: [2001:db8::1]/32\n", 1, 4, "zeros behind"),
        ("d: [::ffff:1.2.3.4]\n", 1, 4, "IPv4 address"),
        ("d: ALL: spawn (x)\n", 1, 8, "command"),
        ("d@1.2.3.4: ALL\n", 1, 1, "server"),
        ("d*: ALL\n", 1, 1, "patterns"),
        ("d\n", 1, 1, "a line has daemons"),
    ],
)
def test_what_rules_have_no_word_for_is_refused(allow: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(HostsAccessError, match=reason) as caught:
        rules(allow)
    error = caught.value
    assert (error.name, error.line, error.column) == (b"hosts.allow", line, column)
    assert error.exit_code == EXIT_PERMANENT


def test_client_with_address_and_name_that_would_be_judged_otherwise_is_refused() -> None:
    with pytest.raises(HostsAccessError, match=r"a client of 10.0.0.0/8 named .org, but the rule 10"):
        rules("d: .org\n", "d: 10.\n")
    with pytest.raises(
        HostsAccessError, match=r"no line is about a client of 10.0.0.0/8 named .org, but"
    ) as caught:
        rules("", "x: ALL\nd: 10. EXCEPT .org\n")
    assert (caught.value.name, caught.value.line) == (b"hosts.deny", 2)
    assert rules("d: a.org\n", "d: 10.\n") == ["=a.org:allow", "10.:deny", ":allow"]


@pytest.mark.parametrize("daemon", [b"", b"/usr/sbin/in.telnetd", b"in.telnetd ", b"a@b", b"a*"])
def test_daemon_that_tcpd_cannot_mean_is_refused(daemon: bytes) -> None:
    with pytest.raises(HostsAccessError, match="last part of its path") as caught:
        rules("", daemon=daemon)
    assert caught.value.line == 0


def test_rules_stand_in_the_order_of_the_files() -> None:
    """Whatever the order of a set of Python's is in this process."""
    addresses = [f"10.0.{number}.{number}" for number in (9, 3, 7, 1, 5, 8)]
    made = rules("", "".join(f"d: {address}\n" for address in addresses))
    assert made == [*(f"{address}:deny" for address in addresses), ":allow"]


def test_thousands_of_lines_take_no_time_that_grows_with_their_square() -> None:
    deny = "".join(f"d: 10.{number // 256}.{number % 256}.7\n" for number in range(5000))
    begin = time.process_time()
    assert len(rules("", deny)) == 5001
    assert time.process_time() - begin < 20  # half a second; with the square it takes a minute
