"""The header that tcpclient sends: HAProxy reads in it what the environment says."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.commands import ours
from tests.support.haproxy import judging
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.sampled(3)

ASK = ["sh", "-c", r"printf 'GET / HTTP/1.0\r\n\r\n' >&7; cat <&6"]
ENDS = ("TCPREMOTEIP", "TCPREMOTEPORT", "TCPLOCALIP", "TCPLOCALPORT")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with judging(tmp_path_factory.mktemp("judge")) as port:
        yield port


def seen(judge: int, version: str, variables: dict[str, str]) -> str:
    """Return source and destination as the judge sees them."""
    kept = {
        name: value for name, value in os.environ.items() if name != "PROTO" and not name.startswith("TCP")
    }
    command = [*ours("tcpclient"), "-RHl0", "--proxy", version, "127.0.0.1", str(judge), *ASK]
    done = subprocess.run(command, env=kept | variables, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    head, _, said = done.stdout.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200")
    return said


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    "ends",
    [
        *("192.0.2.1 40000 192.0.2.2 80", "2001:db8::1 1 2001:db8::2 65535", "::1 2 ::1 3"),
        *("::ffff:192.0.2.1 40000 2001:db8::2 80", "2001:db8::2 80 ::ffff:192.0.2.1 40000"),
    ],
)
def test_haproxy_sees_the_client_of_the_environment(judge: int, version: str, ends: str) -> None:
    variables = dict(zip(ENDS, ends.replace("::ffff:", "").split(), strict=True))
    assert seen(judge, version, {"PROTO": "TCP"} | variables) == ends


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("variables", [{}, {"PROTO": "UNIX"}])
def test_haproxy_sees_us_where_there_is_no_client(
    judge: int, version: str, variables: dict[str, str]
) -> None:
    ip, _, *to = seen(judge, version, variables).split()
    assert (ip, to) == ("127.0.0.1", ["127.0.0.1", str(judge)])
