"""Clients with TLS are judged twice: by their address, and by what their certificate proves."""

import hashlib
import json
import ssl
from pathlib import Path

import pytest

from tests.support.rules_files import image_of
from tests.support.serving import Served, serving
from tests.support.tlsworld import SHOW, certificate, read_to_end, secured, shown, trusting

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]


class World:
    """A server's certificate, an authority, and certificates of clients that it has signed."""

    def __init__(self, folder: Path) -> None:
        self.server = certificate(folder, "own.pem", "localhost")
        self.authority = certificate(folder, "ca.pem", subject="/CN=authority")
        self.backup = certificate(folder, "b.pem", "backup.test", subject="/CN=odd", by=self.authority)
        self.common = certificate(folder, "c.pem", subject="/CN=Common.Test", by=self.authority)
        self.stranger = certificate(folder, "s.pem", "backup.test", subject="/CN=stranger")

    def options(self, *more: str, client: str = "optional") -> list[str]:
        tls = ["--tls", "--tls-cert", str(self.server), "--tls-client-ca", str(self.authority)]
        return ["-vHRl0", *tls, "--tls-client", client, "-x", "r.cdb", *more]

    def visit(self, served: Served, client: Path | None) -> dict[str, str] | None:
        """Return the environment of the handler; None: there was none."""
        try:
            text = read_to_end(secured(served, trusting(self.server, client=client)))
        except (ssl.SSLError, ConnectionError):
            return None
        return shown(text) if text else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("certificates"))


def fingerprint(path: Path) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = path.read_text()
    return hashlib.sha256(
        ssl.PEM_cert_to_DER_cert(text[text.index(begin) : text.index(end)] + end)
    ).hexdigest()


def write(folder: Path, text: str) -> None:
    new = folder / "new"
    new.write_bytes(image_of(text.encode()))
    new.rename(folder / "r.cdb")


def test_both_verdicts_must_allow_and_the_rules_count_from_the_next_client_on(
    tmp_path: Path, world: World
) -> None:
    write(tmp_path, ':allow,A="1",B="1"\ntls+=backup.test:allow,ROLE="backup",B="2"\ntls+:deny\n')
    with serving(tmp_path, world.options(), SHOW) as served:
        seen = world.visit(served, world.backup)
        assert seen is not None
        assert (seen["A"], seen["B"], seen["ROLE"]) == ("1", "2", "backup")
        assert seen["SSL_PEER_CERT_HASH"] == "SHA256:" + fingerprint(world.backup)
        assert world.visit(served, None) is None
        assert world.visit(served, world.common) is None
        served.wait_for(lambda lines: sum(" deny " in line for line in lines) == 2)
        write(tmp_path, f":allow\ntls+=common.test:allow\ntls+{fingerprint(world.backup)}:deny\n")
        assert world.visit(served, world.backup) is None
        assert world.visit(served, world.common) is not None
        anonymous = world.visit(served, None)
        assert anonymous is not None
        assert not [name for name in anonymous if name.startswith("SSL_PEER")]
        write(tmp_path, ":deny\ntls+:allow\n")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secured(served, trusting(world.server))  # denied before the handshake


def test_certificate_that_nobody_has_verified_proves_no_name(tmp_path: Path, world: World) -> None:
    write(tmp_path, ":allow\ntls+=backup.test:allow\ntls+:deny\n")
    with serving(tmp_path, world.options(), SHOW) as served:
        assert world.visit(served, world.stranger) is None
        assert world.visit(served, world.backup) is not None


def test_nobody_is_asked_for_a_certificate_without_an_authority(tmp_path: Path, world: World) -> None:
    write(tmp_path, ":allow\ntls+=backup.test:allow\ntls+:deny\n")
    options = ["-vHRl0", "--tls", "--tls-cert", str(world.server), "-x", "r.cdb"]
    with serving(tmp_path, options, SHOW) as served:
        assert world.visit(served, world.backup) is None


def test_resumed_session_has_the_same_certificate(tmp_path: Path, world: World) -> None:
    write(tmp_path, ':allow\ntls+=backup.test:allow,ROLE="backup"\ntls+:deny\n')
    with serving(tmp_path, world.options(client="required"), SHOW) as served:
        context = trusting(world.server, client=world.backup)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # whose session is there after the handshake
        first = secured(served, context)
        assert shown(read_to_end(first))["ROLE"] == "backup"
        again = context.wrap_socket(served.connect(), server_hostname="localhost", session=first.session)
        assert again.session_reused
        assert shown(read_to_end(again))["ROLE"] == "backup"


def test_rules_that_are_damaged_meanwhile_serve_nobody(tmp_path: Path, world: World) -> None:
    write(tmp_path, ":allow\n")
    with serving(tmp_path, world.options(), SHOW) as served:
        client = served.connect()
        served.wait_for(lambda lines: "tcpserver: status: 1/40" in lines)
        (tmp_path / "new").write_bytes(b"damaged")
        (tmp_path / "new").rename(tmp_path / "r.cdb")
        context = trusting(world.server)
        inside = context.wrap_socket(client, server_hostname="localhost", suppress_ragged_eofs=False)
        assert read_to_end(inside) == b""
        said = "tcpserver: warning: dropping connection, unable to read r.cdb: protocol error"
        served.wait_for(lambda lines: said in lines)


def test_limit_of_a_certificates_rule_counts(tmp_path: Path, world: World) -> None:
    write(tmp_path, ':allow\ntls+:allow,MAXCONNIP="1",DIEMSG="one at a time"\n')
    with serving(tmp_path, world.options(), ["sh", "-c", "echo in; cat"]) as served:
        first = secured(served, trusting(world.server))
        assert first.recv(3) == b"in\n"
        assert b"one at a time" in read_to_end(secured(served, trusting(world.server)))
        first.close()


def test_rule_is_told_in_json(tmp_path: Path, world: World) -> None:
    write(tmp_path, ":allow\ntls+=backup.test:allow\n")
    with serving(tmp_path, world.options("--log", "json"), SHOW) as served:
        assert world.visit(served, world.backup) is not None
        lines = served.wait_for(lambda lines: any("tls_cert_hash" in line for line in lines))
    entries = [json.loads(line) for line in lines]
    assert any(entry.get("tls_rule") == "tls+=backup.test" for entry in entries), entries
