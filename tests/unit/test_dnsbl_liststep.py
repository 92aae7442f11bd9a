"""Which lists can be asked in a step, and whom."""

from pathlib import Path

import pytest

from ucspi.dnsbl import liststep
from ucspi.programs import rblsmtpd
from ucspi.unix import native

pytestmark = pytest.mark.skipif(native.lib is None, reason="the compiled module is not built")


@pytest.fixture(autouse=True)
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name a server in a file that is not the system's, and was not changed just now."""
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    monkeypatch.setattr(liststep, "RESOLV_CONF", str(path))
    monkeypatch.setattr("ucspi.unix.chain.SETTLED", 0.0)
    return path


def test_lists_are_in_order_and_the_first_server_is_asked(conf: Path) -> None:
    plan = rblsmtpd.plan(b"rblsmtpd -b -r one.test -ctwo -a a.test -t5 smtpd x".split())
    assert plan is None  # -c takes no value
    plan = rblsmtpd.plan(b"rblsmtpd -b -r one.test -c -a a.test -t5 smtpd x".split())
    assert plan is not None
    assert plan.lists is not None
    assert plan.lists.tails == [b"\3one\4test\0\0\x10\0\1", b"\1a\4test\0\0\1\0\1"]
    assert (plan.lists.server, plan.argv) == (b"\xc0\0\2\1", [b"smtpd", b"x"])
    assert [seen.path for seen in plan.seen] == [bytes(conf)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"-r list.test",
        b"-Z smtpd",
        b"-t x smtpd",
        b"-r list.test --timeout-dns 0 smtpd",
        b"-r " + b"x" * 64 + b" smtpd",
        b"-r " + b"x." * 127 + b"y smtpd",
        b"-r list.test " * 9 + b"smtpd",
    ],
)
def test_what_is_not_plain_is_executed(line: bytes) -> None:
    assert rblsmtpd.plan([b"rblsmtpd", *line.split()]) is None


def test_without_a_list_the_file_of_servers_does_not_matter(conf: Path) -> None:
    conf.unlink()
    conf.mkdir()
    plan = rblsmtpd.plan([b"rblsmtpd", b"smtpd"])
    assert plan is not None
    assert plan.seen == []
    assert rblsmtpd.plan([b"rblsmtpd", b"-rlist.test", b"smtpd"]) is None


@pytest.mark.parametrize(
    ("text", "server"),
    [
        (b"", bytes([127, 0, 0, 1])),
        (b"nameserver ::1\n", bytes(15) + b"\1"),
        (b"nameserver fe80::1%lo\n", None),
    ],
)
def test_server_of_the_system(conf: Path, text: bytes, server: bytes | None) -> None:
    conf.write_bytes(text)
    plan = rblsmtpd.plan([b"rblsmtpd", b"-rlist.test", b"smtpd"])
    assert (plan.lists.server if plan and plan.lists else None) == server
