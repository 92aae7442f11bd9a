"""Behind a balancer: every limit, and every name, is that of the client whom the header names."""

import shutil
from pathlib import Path

import pytest

from tests.support.balanced import TRUST, V1, judge, talk
from tests.support.oracles import missing
from tests.support.patience import wait_for
from tests.support.serving import Served, serving
from tests.support.unshared import run_unshared

pytestmark = pytest.mark.e2e

SIX = b"PROXY TCP6 2001:db8:0:1::%x 2001:db8::25 4000 25\r\n"


def of(number: int, net: int = 2) -> bytes:
    """Return a header of a client of 192.0.NET.0/24."""
    return b"PROXY TCP4 192.0.%d.%d 198.51.100.2 4000 25\r\n" % (net, number)


def is_served(served: Served, header: bytes) -> bool:
    """Return whether a client is served; if not, it is closed at once."""
    return talk(served.connect(), header, b"x") == b"x"


def over(served: Served, count: int) -> list[str]:
    """Return the limits that the first clients were over."""

    def found() -> list[str]:
        return [line.partition("::4000 ")[2] for line in served.lines() if " deny " in line]

    wait_for(lambda: len(found()) >= count, served.log.read_text)
    return found()


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--per-net", "1"], "per-net 2/1"), (["--per-net", "1/16/32"], "per-net 2/1"), ([], "MAXCONNC 2/1")],
    ids=["networks", "larger networks", "rule"],
)
def test_network_is_that_of_the_client(tmp_path: Path, options: list[str], said: str) -> None:
    rules = judge(tmp_path, ':allow,MAXCONNC="1"\n') if not options else []
    with serving(tmp_path, [*TRUST, *options, *rules], ["cat"]) as served:
        with served.connect() as first, served.connect() as six:
            for client, header in ((first, of(1)), (six, SIX % 1)):
                client.sendall(header + b"x")
                assert client.recv(1) == b"x"
            assert not is_served(served, of(2))
            assert not is_served(served, SIX % 0xFFFF)
            other = 3 if "16" not in "".join(options) else 200
            assert is_served(
                served, of(1, other) if other == 3 else b"PROXY TCP4 198.51.100.1 1.1.1.1 4000 25\r\n"
            )
        assert over(served, 2) == [said] * 2


def test_rate_is_that_of_the_client(tmp_path: Path) -> None:
    with serving(tmp_path, [*TRUST, "--rate", "2/3600"], ["cat"]) as served:
        for number in (1, 2):
            assert [is_served(served, of(number)) for _ in range(3)] == [True, True, False]
        assert [is_served(served, b"PROXY UNKNOWN\r\n") for _ in range(3)] == [True, True, False]
        assert [is_served(served, of(3)) for _ in range(2)] == [True, True]  # the balancer is over, not they


def test_client_that_comes_directly_and_through_the_balancer_is_one(tmp_path: Path) -> None:
    header = b"PROXY TCP6 ::ffff:127.0.0.2 ::1 4000 25\r\n"
    with serving(tmp_path, [*TRUST, "--per-ip", "1"], ["cat"]) as served:
        with served.connect("127.0.0.2") as direct:
            direct.sendall(b"x")
            assert direct.recv(1) == b"x"
            assert not is_served(served, header)
            assert is_served(served, V1)
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        assert is_served(served, header)
        assert over(served, 1) == ["per-ip 2/1"]


def test_names_are_the_clients_and_nobody_is_asked_for_ident(tmp_path: Path) -> None:
    if not shutil.which("unshare"):
        missing("not installed: unshare")
    run_unshared("tests.e2e.claimed_names", str(tmp_path))


@pytest.mark.parametrize(
    "options", [["-B", "220 hello"], ["--limit-message", "too many", "--per-ip", "1"]], ids=str
)
def test_what_the_server_says_goes_to_the_client_behind_its_header(
    tmp_path: Path, options: list[str]
) -> None:
    """Nobody is greeted before its header is here: a balancer might take the text for an answer."""
    with serving(tmp_path, [*TRUST, *options], ["cat"]) as served, served.connect() as half:
        half.sendall(V1[:-1])
        assert talk(served.connect(), of(9), b"x").endswith(b"x")
        half.sendall(V1[-1:])
        if options[0] == "-B":
            assert half.recv(100).startswith(b"220 hello")
        else:
            half.sendall(b"x")
            assert half.recv(1) == b"x"
            assert talk(served.connect(), V1) == b"too many"
