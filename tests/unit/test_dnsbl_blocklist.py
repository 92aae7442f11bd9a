"""Names in block lists, and what lists decide."""

import subprocess
import sys

import pytest

from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE
from ucspi.dnsbl.blocklist import judge_by_variable, query_name


@pytest.mark.parametrize(
    ("ip", "base", "name"),
    [
        (b"1.2.3.4", b"list.test", b"4.3.2.1.list.test"),
        (b"1.2.3.4", b".list..test.", b"4.3.2.1.list.test"),
        (b"", b"list.test", b"list.test"),
        (b"a..b.", b"list.test", b"b.a.list.test"),
        (b"1.2.3.4", b"", b"4.3.2.1"),
        (b"::ffff:1.2.3.4", b"l.test", b"4.3.2.1.l.test"),
        (b"::x", b"l.test", b"::x.l.test"),
        (b"\xff::", b"l.test", b"\xff::.l.test"),
    ],
)
def test_address_is_turned_round_in_front_of_the_list(ip: bytes, base: bytes, name: bytes) -> None:
    assert query_name(base, ip) == name.split(b".")


@pytest.mark.parametrize("ip", [b"2001:db8:1:2:3:4:567:89ab", b"2001:db8:1:2:3:4:567:89ab%eth0"])
def test_ip6_address_is_written_in_nibbles(ip: bytes) -> None:
    # The example of RFC 5782, 2.4.
    name = b"b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com"
    assert query_name(b"ugly.example.com", ip) == name.split(b".")


def test_backslash_protects_and_spells_bytes() -> None:
    assert query_name(b"\\154.a\\.b.\\\\c.d\\", b"") == [b"l", b"a.b", b"\\c", b"d"]


@pytest.mark.parametrize(
    ("value", "refused"), [(b"-", (553, b"")), (b"-text", (553, b"text")), (b"text", (451, b"text"))]
)
def test_variable_turns_away_for_good_behind_a_dash(value: bytes, refused: tuple[int, bytes]) -> None:
    refusal = judge_by_variable(value)
    assert refusal is not None
    assert (refusal.code, refusal.text) == refused


def test_empty_variable_lets_pass() -> None:
    assert judge_by_variable(b"") is None


def test_without_dnspython_lists_end_in_one_line() -> None:
    code = (
        "import sys; sys.modules['dns'] = None\n"
        "from ucspi.programs.rblsmtpd import main\n"
        "sys.exit(main([b'rblsmtpd', b'-r', b'list.test', b'echo', b'run']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=PATIENCE, env=ENVIRONMENT
    )
    assert (done.returncode, done.stdout) == (111, b"")
    assert done.stderr.startswith(b"rblsmtpd: fatal: block lists need the Python package dnspython")
    assert done.stderr.count(b"\n") == 1
