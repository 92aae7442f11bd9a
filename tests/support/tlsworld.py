"""Certificates made for a test, and TLS clients that do what one wants."""

import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE
from tests.support.processes import status
from tests.support.serving import Served

SHOW = [
    *(sys.executable, "-IS", "-c"),
    "import os\nfor n, v in sorted(os.environb.items()): os.write(1, n + b'=' + v + b'\\0')",
]
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")


def openssl(*arguments: str | Path) -> bytes:
    """Run OpenSSL; return what it prints."""
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def certificate(
    folder: Path,
    file: str,
    *names: str,
    subject: str = "/O=Test",
    by: Path | None = None,
    kind: tuple[str, ...] = CURVE,
) -> Path:
    """Make a certificate with its key in one file; ``by`` is the file of who signs it, if not itself."""
    path, key = folder / file, folder / f".{file}.new"
    arguments: list[str | Path] = ["req", "-x509", *kind, "-nodes", "-subj", subject, "-days", "7"]
    if names:
        arguments += ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]
    if by is not None:
        arguments += ["-CA", by, "-CAkey", by, "-addext", "basicConstraints=CA:FALSE"]
    text = openssl(*arguments, "-keyout", key)
    new = folder / f".{file}.whole"
    new.write_bytes(text + key.read_bytes())
    key.unlink()
    new.chmod(0o600)
    new.rename(path)
    return path


def trusting(*authorities: Path, client: Path | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts these, and shows a certificate if it is given one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Before 3.11.4 Python with OpenSSL 3 takes an end without close_notify for a proper one.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    for authority in authorities:
        context.load_verify_locations(authority)
    if client is not None:
        context.load_cert_chain(client)
    return context


def secured(served: Served, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    """Connect, and do the handshake."""
    client = context.wrap_socket(served.connect(), server_hostname=name, suppress_ragged_eofs=False)
    client.settimeout(PATIENCE)
    return client


def read_to_end(client: ssl.SSLSocket) -> bytes:
    """Return all up to close_notify; an end without it is an error."""
    text = bytearray()
    try:
        while block := client.recv(65536):
            text += block
    except ssl.SSLZeroReturnError:
        pass  # so Python says close_notify to a client that has sent its own
    return bytes(text)


def shown(text: bytes) -> dict[str, str]:
    """Return the variables that `SHOW` has shown."""
    return dict(entry.decode("latin-1").split("=", 1) for entry in text.split(b"\0") if entry)


def say_end(client: ssl.SSLSocket) -> None:
    """Send close_notify, and wait for nothing."""
    client.setblocking(False)
    try:
        client.unwrap()
    except (ssl.SSLWantReadError, ssl.SSLSyscallError):
        pass
    client.settimeout(PATIENCE)


def half_close(client: ssl.SSLSocket) -> None:
    """Close our side of the connection without close_notify."""
    socket.socket.shutdown(client, socket.SHUT_WR)


def processes(served: Served, name: str) -> list[int]:
    """Return the processes of a server that have a name; those of TLS are the keeper's children."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        fields = status(pid)
        if fields.get("Name") == name and fields.get("State", "Z")[0] not in "ZX":
            parent = int(fields["PPid"])
            if served.process.pid in (parent, int(status(parent).get("PPid", "0"))):
                found.append(pid)
    return found
