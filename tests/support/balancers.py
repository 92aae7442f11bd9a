"""Debian's balancers in front of a server of ours: HAProxy, nginx, stunnel, hitch, Varnish."""

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.oracles import find_oracle, missing
from tests.support.patience import PATIENCE

# Waits for a line: nginx ends both ways when the client's way ends.
SHOW_AND_READ = [
    "sh",
    "-c",
    "env | grep -E '^(PROTO|TCP|UNIX|SSL_|PROXY_)' | sort; echo; read -r line; echo \"$line\"",
]


def require(name: str) -> str:
    """Return the path of a program of Debian; skip the test where it is not installed."""
    path = find_oracle(name)
    if path is None:
        missing(f"{name} is not installed")
    return path


def free_port() -> int:
    """Return a port that nobody uses, for programs that cannot say which one they got."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a balancer in the foreground, its output in a file; end it at last, with its children."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)


@contextmanager
def haproxy(folder: Path, binds: Sequence[str], server: str, more: Sequence[str] = ()) -> Iterator[None]:
    """Run HAProxy; ``server`` is what stands behind the name of the server."""
    lines = [
        "global",
        " maxconn 100",
        "defaults",
        " mode tcp",
        " timeout connect 60s",
        " timeout client 60s",
        " timeout server 60s",
        "listen l",
        " unique-id-format %{+X}o-%ci-%cp",
        *[f" bind {bind}" for bind in binds],
        f" server s {server}",
        *more,
    ]
    (folder / "haproxy.cfg").write_text("\n".join([*lines, ""]))
    with running(folder, [require("haproxy"), "-db", "-f", "haproxy.cfg"]):
        yield


@contextmanager
def nginx(folder: Path, servers: Sequence[Sequence[str]]) -> Iterator[None]:
    """Run nginx with servers of its stream module, each given as directives."""
    module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if not module.exists():
        missing("the stream module of nginx is not installed")
    blocks = [" server { " + "; ".join(directives) + "; }" for directives in servers]
    lines = [
        f"load_module {module};",
        "daemon off;",
        "master_process off;",
        f"pid {folder}/nginx.pid;",
        f"error_log {folder}/nginx-error.log;",
        "events { worker_connections 100; }",
        "stream {",
        *blocks,
        "}",
    ]
    (folder / "nginx.conf").write_text("\n".join([*lines, ""]))
    with running(folder, [require("nginx"), "-p", str(folder), "-c", f"{folder}/nginx.conf", "-e", "stderr"]):
        yield


@contextmanager
def stunnel(folder: Path, accept: str, connect: str) -> Iterator[None]:
    """Run stunnel with a certificate of its own."""
    lines = [
        "foreground = yes",
        "pid =",
        "[s]",
        f"accept = {accept}",
        f"connect = {connect}",
        "protocol = proxy",
    ]
    (folder / "stunnel.conf").write_text("\n".join([*lines, f"cert = {certificate(folder)}", ""]))
    with running(folder, [require("stunnel"), "stunnel.conf"]):
        yield


@contextmanager
def hitch(folder: Path, frontend: str, backend: str, version: int) -> Iterator[None]:
    """Run hitch with a certificate of its own, writing one version of the header."""
    lines = [f'frontend = "{frontend}"', f'backend = "{backend}"', f'pem-file = "{certificate(folder)}"']
    if os.geteuid() == 0:
        lines.append('user = "nobody"')  # its workers do not run as root
    lines += [f"write-proxy-v{version} = on", "workers = 1", "daemon = off", "syslog = off"]
    (folder / "hitch.conf").write_text("\n".join([*lines, ""]))
    with running(folder, [require("hitch"), "--config=hitch.conf"]):
        yield


@contextmanager
def varnish(folder: Path, listens: Sequence[str], backend: str, version: int) -> Iterator[None]:
    """Run Varnish, which asks for a page five times a second, and hands on no client before two answers."""
    probe = '.probe = { .url = "/probe"; .interval = 200ms; .timeout = 10s; .initial = 0; .threshold = 2; }'
    lines = ["vcl 4.1;", f"backend b {{ {backend} .proxy_header = {version}; {probe} }}"]
    (folder / "varnish.vcl").write_text("\n".join([*lines, "sub vcl_recv { return (pass); }", ""]))
    command = [require("varnishd"), "-F", "-n", f"{folder}/varnish", "-f", f"{folder}/varnish.vcl"]
    command += ["-j", "none", "-s", "malloc,16m", "-p", "thread_pools=1", "-p", "thread_pool_min=10"]
    with running(folder, [*command, *[word for listen in listens for word in ("-a", listen)]]):
        yield


def certificate(folder: Path) -> Path:
    """Return a file with a new key and a certificate that nobody has signed."""
    path = folder / "both.pem"
    command = [require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=srv.example", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    path.chmod(0o600)
    return path


def ask_through(address: tuple[str, int] | str, *, tls: bool = False) -> tuple[dict[str, str], int]:
    """Connect to a balancer, and return the variables that `SHOW_AND_READ` prints, and the client's own port.

    The balancer may still be starting.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            text, port = _talk(address, tls=tls)
        except (OSError, EOFError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
            continue
        head, _, line = text.partition(b"\n\n")
        assert line == b"what follows\n", text
        return dict(line.split("=", 1) for line in head.decode("latin-1").splitlines()), port


def _talk(address: tuple[str, int] | str, *, tls: bool) -> tuple[bytes, int]:
    if isinstance(address, str):
        client, port = socket.socket(socket.AF_UNIX), 0
        client.settimeout(PATIENCE)
        client.connect(address)
    else:
        client = socket.create_connection(address, PATIENCE)
        port = client.getsockname()[1]
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = context.wrap_socket(client, server_hostname="srv.example", suppress_ragged_eofs=True)
    with client:
        client.sendall(b"what follows\n")
        text = b""
        while block := client.recv(4096):
            text += block
    if not text:
        raise EOFError
    return text, port
