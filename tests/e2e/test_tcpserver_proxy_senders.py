"""Behind what people have: the senders of Debian in front of the server."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.balanced import BARE, reasons
from tests.support.balancers import (
    SHOW_AND_READ,
    ask_through,
    certificate,
    free_port,
    haproxy,
    hitch,
    nginx,
    require,
    stunnel,
    varnish,
)
from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import Served, serving

pytestmark = [pytest.mark.e2e, pytest.mark.oracle, pytest.mark.slow]

OPTIONS = ("-vHRl0", "--proxy-from", "127.0.0.1,::1,unix", "--listen", "unix:./s,mode=0666")
VERSIONS = {"v1": "send-proxy", "v2": "send-proxy-v2"}


BEHIND = ["tcp", "tcp6", "unix"]
Backends = dict[str, tuple[str, int] | Path]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, [*OPTIONS, "--listen", "[::1]:0"], SHOW_AND_READ, command=BARE) as running:
        yield running


@pytest.fixture
def backends(tmp_path: Path, served: Served) -> Backends:
    """Give the three ways to the server."""
    (port6,) = served.more_ports(1)
    return {"tcp": ("127.0.0.1", served.port), "tcp6": ("::1", port6), "unix": tmp_path / "s"}


def place(backend: "tuple[str, int] | Path", unix: str = "unix:") -> str:
    """Return a way to the server as most configurations write it."""
    if isinstance(backend, Path):
        return f"{unix}{backend}"
    host, port = backend
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_client(variables: dict[str, str], ip: str, port: int) -> None:
    """Check who the client was."""
    assert (variables["TCPREMOTEIP"], variables["TCPREMOTEPORT"]) == (ip, str(port))
    assert variables["PROTO"] == ("TCP6" if ":" in ip else "TCP")
    assert variables["TCPPROXYIP"] in ("127.0.0.1", "::1") or variables["TCPPROXYIP"].startswith("unix.")
    assert variables["TCPPROXYPORT"] != str(port)


def require_balancer(variables: dict[str, str], behind: str) -> None:
    """Check that the balancer itself counts as the client."""
    if behind == "unix":
        assert variables["PROTO"] == "UNIX"
    else:
        assert variables["TCPREMOTEIP"] == variables["TCPPROXYIP"]
        assert variables["TCPREMOTEPORT"] == variables["TCPPROXYPORT"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("behind", BEHIND)
def test_haproxy(tmp_path: Path, served: Served, backends: Backends, version: str, behind: str) -> None:
    four, both = free_port(), free_port()
    binds = [f"127.0.0.1:{four}", f"[::1]:{four}", f"[::]:{both} v4v6", f"unix@{tmp_path}/front"]
    server = place(backends[behind], "unix@")
    with haproxy(tmp_path, binds, f"{server} {VERSIONS[version]} check inter 200ms fall 1000"):
        for ip, port in (("127.0.0.1", four), ("::1", four), ("127.0.0.1", both), ("::1", both)):
            variables, own = ask_through((ip, port))
            require_client(variables, ip, own)
            assert (variables["TCPLOCALIP"], variables["TCPLOCALPORT"]) == (ip, str(port))
        variables, _ = ask_through(f"{tmp_path}/front")
        require_balancer(variables, behind)  # HAProxy does not tell
    assert not reasons(served)


def test_haproxy_with_all_its_options_and_tls(tmp_path: Path, served: Served) -> None:
    port = free_port()
    what = "crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher,cert-key,cert-sig"
    server = f"127.0.0.1:{served.port} send-proxy-v2 proxy-v2-options {what}"
    bind = f"127.0.0.1:{port} ssl crt {certificate(tmp_path)} alpn http/1.1"
    with haproxy(tmp_path, [bind], server):
        variables, own = ask_through(("127.0.0.1", port), tls=True)
    require_client(variables, "127.0.0.1", own)
    assert variables["SSL_PROTOCOL"].startswith("TLSv1.")
    assert variables["SSL_CIPHER"]
    assert variables["SSL_TLS_SNI_SERVERNAME"] == "srv.example"
    assert "7F000001" in variables["PROXY_UNIQUE_ID"]
    assert not reasons(served)


@pytest.mark.parametrize("check", ["send-proxy-v2 check", "send-proxy-v2 check proxy-v2-options crc32c,ssl"])
def test_health_checks_of_haproxy_are_answered_and_leave_no_warning(tmp_path: Path, check: str) -> None:
    port = free_port()
    with serving(tmp_path, [*OPTIONS, "--proxy-local", "close"], SHOW_AND_READ, command=BARE) as served:
        with haproxy(
            tmp_path, [f"127.0.0.1:{port}"], f"127.0.0.1:{served.port} {check} inter 200ms fall 1000"
        ):
            served.wait_for(lambda lines: sum("health check from 127.0.0.1" in line for line in lines) > 3)
            variables, own = ask_through(("127.0.0.1", port))
            require_client(variables, "127.0.0.1", own)
        lines = served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        assert sum(" ok " in line for line in lines) == 1
        assert not reasons(served)


@pytest.mark.parametrize("behind", BEHIND)
def test_nginx(tmp_path: Path, served: Served, backends: Backends, behind: str) -> None:
    first, chained = free_port(), free_port()
    send = ["proxy_protocol on", f"proxy_pass {place(backends[behind])}"]
    to_chain = ["proxy_protocol on", f"proxy_pass 127.0.0.1:{chained}"]
    ends = free_port()
    servers = [
        [f"listen 127.0.0.1:{first}", f"listen [::1]:{first}", f"listen unix:{tmp_path}/front", *send],
        [f"listen 127.0.0.1:{chained} proxy_protocol", "set_real_ip_from 127.0.0.1", *send],
        [f"listen [::1]:{ends}", *to_chain],
    ]
    with nginx(tmp_path, servers):
        for ip in ("127.0.0.1", "::1"):
            variables, own = ask_through((ip, first))
            require_client(variables, ip, own)
            assert variables["TCPLOCALPORT"] == str(first)
        variables, own = ask_through(("::1", ends))  # TCP6, but the destination is one of IPv4
        require_client(variables, "::1", own)
        assert variables["TCPLOCALIP"] == "127.0.0.1"
        variables, _ = ask_through(f"{tmp_path}/front")
        require_balancer(variables, behind)
    assert not reasons(served)


@pytest.mark.parametrize(("ip", "behind"), [("127.0.0.1", "tcp"), ("::1", "tcp6"), ("127.0.0.1", "unix")])
def test_stunnel(tmp_path: Path, served: Served, backends: Backends, ip: str, behind: str) -> None:
    port, backend = free_port(), backends[behind]
    to = str(backend) if isinstance(backend, Path) else f"{backend[0]}:{backend[1]}"
    with stunnel(tmp_path, f"{ip}:{port}", to):
        variables, own = ask_through((ip, port), tls=True)
    require_client(variables, ip, own)
    assert not reasons(served)


@pytest.mark.parametrize(
    ("ip", "behind", "version"),
    [("127.0.0.1", "tcp", 1), ("127.0.0.1", "tcp", 2), ("::1", "tcp6", 1), ("::1", "unix", 2)],
)
def test_hitch(
    tmp_path: Path, served: Served, backends: Backends, ip: str, behind: str, version: int
) -> None:
    port, backend = free_port(), backends[behind]
    for directory in (tmp_path, *tmp_path.parents):  # its workers are another user
        if directory.stat().st_uid == os.geteuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o011)
    to = str(backend) if isinstance(backend, Path) else f"[{backend[0]}]:{backend[1]}"
    with hitch(tmp_path, f"[{ip}]:{port}", to, version):
        variables, own = ask_through((ip, port), tls=True)
    require_client(variables, ip, own)
    if version == 2:
        assert variables["SSL_TLS_SNI_SERVERNAME"] == "srv.example"
        assert variables["SSL_PROTOCOL"].startswith("TLSv1.")
    assert not reasons(served)


@pytest.mark.parametrize("behind", BEHIND)
def test_curl(tmp_path: Path, behind: str) -> None:
    # Whatever is left unread would reset the connection.
    answer = """
        printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'
        env | grep -E '^(TCP|UNIX)'
        while read -r line && [ "${#line}" -gt 1 ]; do echo "$line"; done
    """
    with serving(tmp_path, [*OPTIONS, "--listen", "[::1]:0"], ["sh", "-c", answer], command=BARE) as served:
        (port6,) = served.more_ports(1)
        host = f"[::1]:{port6}" if behind == "tcp6" else f"127.0.0.1:{served.port}"
        more = ["--unix-socket", f"{tmp_path}/s"] if behind == "unix" else []
        command = [require("curl"), "-sS", "--haproxy-protocol", *more, f"http://{host}/page"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    if behind == "unix":  # it says UNKNOWN
        assert "UNIXREMOTEPID=" in done.stdout
        assert "TCPPROXYIP=unix." in done.stdout
    else:
        ip = "::1" if behind == "tcp6" else "127.0.0.1"
        assert f"TCPREMOTEIP={ip}\n" in done.stdout
        assert f"TCPPROXYIP={ip}\n" in done.stdout
    assert "GET /page HTTP/1.1" in done.stdout


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(("family", "source"), [("4", "192.0.2.7"), ("6", "2001:DB8::7")])
def test_swaks(tmp_path: Path, version: str, family: str, source: str) -> None:
    greet = 'echo "220 $TCPREMOTEIP $TCPREMOTEPORT"; read -r line; echo 221 bye'
    family = f"TCP{family}" if version == "1" else ("AF_INET" if family == "4" else "AF_INET6")
    destination = "192.0.2.8" if "." in source else "2001:DB8::8"
    with serving(tmp_path, OPTIONS, ["sh", "-c", greet], command=BARE) as served:
        command = [
            require("swaks"),
            "--server",
            "127.0.0.1",
            "--port",
            str(served.port),
            "--quit-after",
            "BANNER",
        ]
        command += ["--proxy-version", version, "--proxy-family", family, "--proxy-source", source]
        command += ["--proxy-source-port", "5", "--proxy-dest", destination, "--proxy-dest-port", "6"]
        command += ["--proxy-protocol", "STREAM", "--proxy-command", "PROXY"] if version == "2" else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert f"220 {source.lower()} 5" in done.stdout, done.stdout + done.stderr
        wait_for(lambda: served.lines()[-1] == "tcpserver: status: 0/40", "the end")
        assert not reasons(served)


# A page of all variables.  Whatever is left unread would reset the connection.
PAGE = r"""
printf 'HTTP/1.0 200 OK\r\n\r\n'
env | grep -E '^(PROTO|TCP|UNIX|SSL_|PROXY_)'
while read -r line && [ "${#line}" -gt 1 ]; do :; done
"""


def get(address: tuple[str, int] | str) -> tuple[dict[str, str], int]:
    """Return the variables on the page, and the client's own port; Varnish may still be starting."""
    deadline = time.monotonic() + PATIENCE
    while True:
        is_ip6 = not isinstance(address, str) and ":" in address[0]
        family = socket.AF_INET6 if is_ip6 else socket.AF_INET
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else family) as client:
            client.settimeout(PATIENCE)
            try:
                client.connect(address)
                own = 0 if isinstance(address, str) else client.getsockname()[1]
                client.sendall(b"GET /page HTTP/1.0\r\n\r\n")
                answer = http.client.HTTPResponse(client)
                answer.begin()
                if answer.status == 200:
                    text = answer.read().decode("latin-1")
                    return dict(line.split("=", 1) for line in text.splitlines()), own
            except (OSError, http.client.HTTPException):
                pass
        assert time.monotonic() < deadline, address
        time.sleep(0.05)


@pytest.mark.parametrize(("behind", "version"), [("tcp", 1), ("tcp", 2), ("tcp6", 1), ("unix", 2)])
def test_varnish(tmp_path: Path, behind: str, version: int) -> None:
    port, front = free_port(), f"{tmp_path}/front"
    more = ["--listen", "[::1]:0"]
    with serving(tmp_path, [*OPTIONS, *more], ["sh", "-c", PAGE], command=BARE) as served:
        (port6,) = served.more_ports(1)
        backends = {
            "tcp": f'.host = "127.0.0.1"; .port = "{served.port}";',
            "tcp6": f'.host = "::1"; .port = "{port6}";',
            "unix": f'.path = "{tmp_path}/s";',
        }
        with varnish(tmp_path, [f"127.0.0.1:{port}", f"[::1]:{port}", front], backends[behind], version):
            for ip in ("127.0.0.1", "::1"):
                variables, own = get((ip, port))
                require_client(variables, ip, own)
                assert (variables["TCPLOCALIP"], variables["TCPLOCALPORT"]) == (ip, str(port))
            variables, _ = get(front)
            assert (variables["TCPREMOTEIP"], variables["TCPREMOTEPORT"]) == ("0.0.0.0", "0")
            seen = len(served.lines())
            served.wait_for(lambda lines: sum(" ok " in line for line in lines[seen:]) > 3)  # checks go on
        assert not reasons(served)
        assert sum("the client's address is 0.0.0.0" in line for line in served.lines()) == 1
