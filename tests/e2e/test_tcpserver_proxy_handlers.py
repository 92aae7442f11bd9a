"""Behind a balancer: warm, kept and linked handlers have what their client's header gave them, no more."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.balanced import BARE, V1, ask, talk
from tests.support.commands import COMMANDS
from tests.support.handlercode import C_ENVIRON
from tests.support.patience import wait_for
from tests.support.proxy_headers import INET, TLS_NAME, TLS_VERSION, UNIQUE_ID, binary, entry, tls
from tests.support.serving import Served, serving
from tests.support.warmed import CAN_BE_WARM, OURS

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(2)]

MODULE = (
    C_ENVIRON
    + """
import os

IMPORTED = os.getpid()


def show(client):
    begins = ("PROTO", "TCP", "UNIX", "SSL_", "PROXY_")
    entries = sorted(entry for entry in environ() if entry.startswith(begins))
    for found in (client.environ, os.environ):
        mine = sorted(f"{n}={v}" for n, v in found.items() if n.startswith(begins))
        assert mine == entries, (mine, entries)
    entries.append("WAY=warm" if IMPORTED != os.getpid() else "WAY=cold")
    client.writer.write("\\n".join([*entries, "", ""]).encode() + client.reader.read())
"""
)
# What the server inherits: nothing of it is for a handler, unless its client's header says so.
FALSE = ("TCPPROXYIP", "TCPPROXYPORT", "TCPPROXYOLD", "SSL_PROTOCOL", "SSL_PEER_CERT_CN", "SSL_CERT_FILE")
OLD = [
    f"{name}=false" for name in (*FALSE, "PROXY_UNIQUE_ID", "TCPREMOTEIP", "TCP6REMOTEIP", "TCPREMOTEINFO")
]
TRUST = ("-vHRl0", "--proxy-from", "127.0.0.1")
CLIENT = {
    "PROTO": "TCP",
    "TCPLOCALHOST": "0",
    "TCPLOCALIP": "198.51.100.2",
    "TCPLOCALPORT": "25",
    "TCPREMOTEIP": "192.0.2.1",
    "TCPREMOTEPORT": "4000",
    "TCPPROXYIP": "127.0.0.1",
}
SECURE = binary(
    INET + entry(UNIQUE_ID, b"id-1") + tls(7, 0, entry(TLS_VERSION, b"TLSv1.3"), entry(TLS_NAME, b"a client"))
)
SECURE_CLIENT = {
    **CLIENT,
    "TCPLOCALIP": "192.0.2.2",
    "TCPLOCALPORT": "80",
    "TCPREMOTEPORT": "40000",
    "SSL_PROTOCOL": "TLSv1.3",
    "SSL_PEER_CERT_CN": r"a\040client",
    "PROXY_UNIQUE_ID": "id-1",
}
SHOW = ["sh", "-c", "env | grep -E '^(PROTO|TCP|UNIX|SSL_|PROXY_)' | sort; echo; cat"]


def variables_of(served: Served, header: bytes) -> tuple[dict[str, str], str]:
    """Return the variables that a client with this header has, less the balancer's port, and the way."""
    variables, data = ask(served, header + b"\0what follows")
    assert data == b"\0what follows"
    assert 0 < int(variables.pop("TCPPROXYPORT")) < 65536
    return variables, variables.pop("WAY", "")


def require_headers_own(served: Served, way: str = "") -> None:
    """See that each of some clients in a row has its header's variables, and no other client's."""
    local = {"TCPLOCALIP": "127.0.0.1", "TCPLOCALPORT": str(served.port), "TCPREMOTEIP": "127.0.0.1"}
    for _ in range(2):
        assert variables_of(served, SECURE) == (SECURE_CLIENT, way)
        assert variables_of(served, V1) == (CLIENT, way)
        variables, seen = variables_of(served, b"PROXY UNKNOWN\r\n")
        assert 0 < int(variables.pop("TCPREMOTEPORT")) < 65536
        assert (variables, seen) == (
            {**{n: v for n, v in CLIENT.items() if n != "TCPREMOTEPORT"}, **local},
            way,
        )
    text = talk(served.connect("127.0.0.2"), V1).decode()  # from nobody whom the server believes
    names = {line.partition("=")[0] for line in text.partition("\n\n")[0].splitlines()} - {"WAY"}
    assert names == set(CLIENT) - {"TCPPROXYIP"}
    assert text.partition("\n\n")[2] == V1.decode()


def command(*more: str) -> list[str]:
    return [*BARE[:2], f"PATH={OURS}", *BARE[3:4], *OLD, *more, *BARE[4:]]


def pyhandler(*words: str) -> list[str]:
    return [*words, str(COMMANDS / "pyhandler")]


LINES: dict[str, Sequence[str]] = {
    "forked": pyhandler(),
    "kept": [*pyhandler(), "--keep", "1000"],
    "links": ["argv0", str(COMMANDS / "pyhandler"), "pyhandler"],
    "envdir": pyhandler("envdir", "e"),
    "links, kept": ["argv0", str(COMMANDS / "pyhandler"), "pyhandler", "--keep", "1000"],
}


@pytest.mark.skipif(not CAN_BE_WARM, reason="there is no stem without the compiled module and launchers")
@pytest.mark.parametrize("way", ["warm", "cold"])
@pytest.mark.parametrize("line", LINES)
def test_function_has_its_headers_variables_and_no_others(tmp_path: Path, line: str, way: str) -> None:
    (tmp_path / "own.py").write_text(MODULE)
    (tmp_path / "e").mkdir()
    words = [*LINES[line], "own:show"]
    more = ["UCSPI_WARM=0"] if way == "cold" else []
    with serving(tmp_path, TRUST, words, command=command(*more)) as served:
        wait_for(lambda: variables_of(served, V1)[1] == way, served.log.read_text)
        require_headers_own(served, way)


@pytest.mark.parametrize("way", ["steps", "executed"])
@pytest.mark.parametrize("links", [[], ["argv0", "sh", "x"], ["envdir", "e", "pgrphack", "softlimit", "-c0"]])
def test_program_behind_links_has_its_headers_variables_and_no_others(
    tmp_path: Path, links: list[str], way: str
) -> None:
    if links and not (COMMANDS / "envdir").exists():
        pytest.skip("the commands are not installed")
    (tmp_path / "e").mkdir()
    show = SHOW[1:] if links[:1] == ["argv0"] else SHOW
    more = ["UCSPI_WARM=0"] if way == "executed" else []
    with serving(tmp_path, TRUST, [*links, *show], command=command(*more)) as served:
        require_headers_own(served)


def test_directory_of_envdir_may_set_what_the_server_must_not_hand_on(tmp_path: Path) -> None:
    if not (COMMANDS / "envdir").exists():
        pytest.skip("the commands are not installed")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "SSL_CERT_FILE").write_text("mine\n")
    assert os.environ.get("SSL_CERT_FILE") != "mine"
    with serving(tmp_path, TRUST, ["envdir", "e", *SHOW], command=command()) as served:
        assert variables_of(served, V1)[0] == {**CLIENT, "SSL_CERT_FILE": "mine"}
