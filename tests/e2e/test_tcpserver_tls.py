"""`tcpserver --tls` as its clients and handlers see it."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.otheruser import opened
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import status
from tests.support.serving import COMMAND, Served, serving
from tests.support.tlsworld import (
    RSA,
    SHOW,
    certificate,
    half_close,
    openssl,
    processes,
    read_to_end,
    say_end,
    secured,
    shown,
    trusting,
)

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

BARE = ("-vHRl0",)
# What it reads to the end it tells only then.
COUNT = [sys.executable, "-IS", "-c", "import sys; n = len(sys.stdin.buffer.read()); print(n, 'bytes')"]


@pytest.fixture
def counting(tmp_path: Path, pem: Path) -> Iterator[Served]:
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", str(pem)], COUNT) as served:
        yield served


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_handler_learns_what_was_proved_and_nothing_that_it_inherits(
    tmp_path: Path, pem: Path, version: ssl.TLSVersion
) -> None:
    old = [
        *("SSL_PEER_CERT_HASH=9", "SSL_PEER_CERT_SUBJECT=9", "SSL_CLIENT_S_DN=9", "SSL_SERVER_CERT=9"),
        *("SSL_ALPN=9", "SSL_TLS_SNI_SERVERNAME=9", "SSL_CIPHER=9", "SSL_CERT_FILE=mine", "OWN=1"),
    ]
    command = ["env", "-i", f"PYTHONPATH={Path(__file__).parents[2]}", *old, *COMMAND]
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", str(pem)], SHOW, command=command) as served:
        context = trusting(pem)
        context.maximum_version = version
        client = secured(served, context)
        cipher = client.cipher()
        assert cipher is not None
        variables = shown(read_to_end(client))
        told = {name: value for name, value in variables.items() if "SSL" in name}
        assert told == {
            "SSL_PROTOCOL": client.version(),
            "SSL_CIPHER": cipher[0],
            "SSL_TLS_SNI_SERVERNAME": "localhost",
            "SSL_CERT_FILE": "mine",  # this one is for the handler's own connections
        }
        assert (variables["PROTO"], variables["TCPREMOTEIP"], variables["OWN"]) == ("TCP", "127.0.0.1", "1")
        assert not any(str(pem) in value for value in variables.values())


@pytest.mark.parametrize("flag", ["-tls1_2", "-tls1_3"])
def test_openssl_finds_nothing_to_complain_of(tmp_path: Path, pem: Path, flag: str) -> None:
    handler = ["sh", "-c", "read line; echo got $line"]
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", str(pem)], handler) as served:
        place = f"127.0.0.1:{served.port}"
        command = [
            "openssl",
            "s_client",
            flag,
            "-verify_return_error",
            "-CAfile",
            str(pem),
            "-connect",
            place,
        ]
        done = subprocess.run([*command, "-ign_eof"], input=b"hello\n", capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        assert b"\ngot hello\n" in done.stdout
        assert b"Compression: NONE" in done.stdout
        assert b"Secure Renegotiation IS NOT" not in done.stdout or flag == "-tls1_3"
        assert b"unexpected eof" not in done.stderr


def test_older_versions_are_refused_and_so_is_1_2_where_1_3_is_wanted(tmp_path: Path, pem: Path) -> None:
    options = [*BARE, "--tls", "--tls-cert", str(pem), "--tls-min", "1.3"]
    with serving(tmp_path, options, SHOW) as served:
        context = trusting(pem)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            secured(served, context)
        lines = served.wait_for(lambda lines: any("dropping" in line for line in lines))
        assert "tcpserver: warning: dropping connection, TLS with 127.0.0.1: unsupported protocol" in lines
        assert shown(read_to_end(secured(served, trusting(pem))))["SSL_PROTOCOL"] == "TLSv1.3"


def test_curl_gets_a_page(tmp_path: Path, pem: Path) -> None:
    page = "read line; printf 'HTTP/1.0 200 OK\\r\\n\\r\\nthe page\\n'"
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", str(pem)], ["sh", "-c", page]) as served:
        url = f"https://localhost:{served.port}/"
        command = [
            "curl",
            "-sS",
            "--noproxy",
            "*",
            "--cacert",
            str(pem),
            "--resolve",
            f"localhost:{served.port}:127.0.0.1",
        ]
        done = subprocess.run([*command, url], capture_output=True, timeout=PATIENCE)
        assert (done.stdout, done.stderr) == (b"the page\n", b"")


@pytest.mark.parametrize("pair", [False, True])
def test_handler_has_three_descriptors_and_no_more(tmp_path: Path, pem: Path, pair: bool) -> None:
    options = [*BARE, "--tls", "--tls-cert", str(pem), *["--tls-socketpair"] * pair]
    show = "import os\nfor n in range(3, 200):\n  try: os.fstat(n)\n  except OSError: pass\n"
    show += "  else: os.write(1, b'%d ' % n)\n"
    show += "os.write(1, os.readlink('/proc/self/fd/0').encode() + os.readlink('/proc/self/fd/1').encode())"
    with serving(tmp_path, options, [sys.executable, "-IS", "-c", show]) as served:
        text = read_to_end(secured(served, trusting(pem)))
        kind = b"socket:" if pair else b"pipe:"
        assert text.startswith(kind)
        assert text.count(kind) == 2


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("end", [say_end, half_close])
def test_after_the_clients_end_the_handler_reads_eof_and_goes_on_writing(
    tmp_path: Path, pem: Path, pair: bool, end: Callable[[ssl.SSLSocket], None]
) -> None:
    options = [*BARE, "--tls", "--tls-cert", str(pem), *["--tls-socketpair"] * pair]
    with serving(tmp_path, options, COUNT) as served:
        client = secured(served, trusting(pem))
        client.sendall(b"x" * 300_000)
        end(client)
        assert read_to_end(client) == b"300000 bytes\n"
        served.wait_for(lambda lines: any(line.endswith("status 0") for line in lines))


def test_what_the_client_has_sent_is_delivered_before_close_notify(tmp_path: Path, pem: Path) -> None:
    """The handler ends its output first, and reads slowly; the client ends at close_notify."""
    handler = "exec >&-; sleep 0.2; head -c 200000 | wc -c >got"
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", str(pem)], ["sh", "-c", handler]) as served:
        client = secured(served, trusting(pem))
        client.sendall(b"y" * 200_000)
        assert read_to_end(client) == b""
        client.close()
        served.wait_for(lambda lines: any(line.endswith("status 0") for line in lines))
        assert int((tmp_path / "got").read_text()) == 200_000


def test_much_output_reaches_a_slow_client_after_the_handler_has_ended(tmp_path: Path, pem: Path) -> None:
    with serving(
        tmp_path, [*BARE, "--tls", "--tls-cert", str(pem)], ["head", "-c", "8000000", "/dev/zero"]
    ) as served:
        client = secured(served, trusting(pem))
        first = client.recv(10)
        text = first + read_to_end(client)
        assert text == bytes(8_000_000)


def test_banner_is_said_inside_tls(tmp_path: Path, pem: Path) -> None:
    with serving(tmp_path, [*BARE, "-Bhello ", "--tls", "--tls-cert", str(pem)], ["echo", "there"]) as served:
        assert read_to_end(secured(served, trusting(pem))) == b"hello there\n"


def test_alpn(tmp_path: Path, pem: Path) -> None:
    options = [*BARE, "--tls", "--tls-cert", str(pem), "--tls-alpn", "imap,smtp"]
    with serving(tmp_path, options, SHOW) as served:
        context = trusting(pem)
        context.set_alpn_protocols(["pop3", "smtp"])
        client = secured(served, context)
        assert client.selected_alpn_protocol() == "smtp"
        assert shown(read_to_end(client))["SSL_ALPN"] == "smtp"


def test_certificates_are_chosen_by_name(tmp_path: Path, pem: Path) -> None:
    folder = tmp_path / "names"
    (folder / "nested").mkdir(parents=True)
    certificate(folder, "one.pem", "one.example", "*.sub.example")
    split = certificate(folder, "two.pem", "two.example", kind=RSA)
    text = split.read_bytes()
    at = text.index(b"-----BEGIN PRIVATE KEY")
    (folder / "nested" / "privkey.pem").write_bytes(text[at:])
    (folder / "nested" / "fullchain.pem").write_bytes(text[:at])
    split.unlink()
    options = [*BARE, "--tls", "--tls-cert", str(pem), "--tls-dir", str(folder)]
    authorities = trusting(pem, folder / "one.pem", folder / "nested" / "fullchain.pem")
    with serving(tmp_path, options, SHOW) as served:
        for name in ("one.example", "deep.sub.example", "two.example", "localhost", "TWO.example"):
            variables = shown(read_to_end(secured(served, authorities, name)))
            assert variables["SSL_TLS_SNI_SERVERNAME"] == name.lower()
        with pytest.raises(ssl.SSLCertVerificationError):
            secured(
                served, authorities, "too.deep.sub.example"
            )  # gets the first one, as nobody has that name
        authorities.check_hostname = False
        client = authorities.wrap_socket(served.connect())
        assert "SSL_TLS_SNI_SERVERNAME" not in shown(read_to_end(client))
        assert client.getpeercert()["subjectAltName"] == (("DNS", "localhost"),)  # type: ignore[index]


@pytest.mark.parametrize("wanted", ["optional", "required"])
def test_client_certificate(tmp_path: Path, pem: Path, wanted: str) -> None:
    ca = certificate(tmp_path, "ca.pem", subject="/CN=Our CA")
    other = certificate(tmp_path, "other.pem", subject="/CN=Other CA")
    good = certificate(
        tmp_path, "good.pem", "Mail.Example", "b.example", subject="/O=Test, Inc/CN=client one", by=ca
    )
    bad = certificate(tmp_path, "bad.pem", subject="/CN=client one", by=other)
    options = [*BARE, "--tls", "--tls-cert", str(pem), "--tls-client-ca", str(ca), "--tls-client", wanted]
    with serving(tmp_path, [*options, "--log", "both"], SHOW) as served:
        variables = shown(read_to_end(secured(served, trusting(pem, client=good))))
        digest = openssl("x509", "-in", good, "-noout", "-fingerprint", "-sha256").split(b"=")[1].strip()
        hexadecimal = digest.replace(b":", b"").lower().decode()
        assert variables["SSL_PEER_CERT_HASH"] == "SHA256:" + hexadecimal
        assert variables["SSL_PEER_CERT_SUBJECT"] == "O=Test\\, Inc, CN=client one"
        started = [json.loads(line) for line in served.lines() if line.startswith("{")]
        (told,) = [line for line in started if line.get("tls_cert_hash")][:1]
        assert (told["tls_cert_names"], told["tls_server_name"]) == ("mail.example b.example", "localhost")
        for refused in [bad, None] if wanted == "required" else [bad]:
            with pytest.raises(OSError):  # noqa: PT011 - an alert, or a reset that overtakes it
                read_to_end(secured(served, trusting(pem, client=refused)))
        if wanted == "optional":
            variables = shown(read_to_end(secured(served, trusting(pem))))
            assert not any("PEER" in name for name in variables)
        reasons = served.wait_for(lambda lines: any("dropping" in line for line in lines))
        assert any("TLS with 127.0.0.1: " in line for line in reasons)


def test_resumed_session_proves_what_the_first_has_proved(tmp_path: Path, pem: Path) -> None:
    ca = certificate(tmp_path, "ca.pem", subject="/CN=Our CA")
    good = certificate(tmp_path, "good.pem", subject="/CN=one", by=ca)
    options = [*BARE, "--tls", "--tls-cert", str(pem), "--tls-client-ca", str(ca), "--tls-processes", "3"]
    with serving(tmp_path, options, SHOW) as served:
        context = trusting(pem, client=good)
        client = secured(served, context)
        first = shown(read_to_end(client))
        for _ in range(4):  # whichever process has it
            client = context.wrap_socket(
                served.connect(), server_hostname="localhost", session=client.session
            )
            again = shown(read_to_end(client))
            assert client.session_reused
            assert again["SSL_PEER_CERT_HASH"] == first["SSL_PEER_CERT_HASH"]


def test_denied_address_costs_no_handshake(tmp_path: Path, pem: Path) -> None:
    (tmp_path / "rules").write_text('127.0.0.2:deny\n:allow,OWN="1"\n')
    options = [*BARE, "--tls", "--tls-cert", str(pem), "--rules-text", "rules"]
    with serving(tmp_path, options, SHOW) as served:
        assert served.connect("127.0.0.2").recv(100) == b""
        variables = shown(read_to_end(secured(served, trusting(pem))))
        assert variables["OWN"] == "1"


def test_header_of_a_balancer_comes_before_the_handshake(tmp_path: Path, pem: Path) -> None:
    options = [*BARE, "--proxy-from", "127.0.0.1", "--tls", "--tls-cert", str(pem)]
    with serving(tmp_path, options, SHOW) as served:
        client = served.connect()
        client.sendall(b"PROXY TCP4 192.0.2.9 192.0.2.1 1234 443\r\n")
        tls = trusting(pem).wrap_socket(client, server_hostname="localhost", suppress_ragged_eofs=False)
        variables = shown(read_to_end(tls))
        assert (variables["TCPREMOTEIP"], variables["TCPPROXYIP"]) == ("192.0.2.9", "127.0.0.1")
        assert variables["SSL_PROTOCOL"] == "TLSv1.3"


def test_connections_outlive_their_server(counting: Served, pem: Path) -> None:
    client = secured(counting, trusting(pem))
    client.sendall(b"ab")
    counting.wait_for(lambda lines: any(": ok " in line for line in lines))
    (tls,) = processes(counting, "tcpserver-tls")
    assert counting.stop() == 0
    client.sendall(b"cd")
    say_end(client)
    assert read_to_end(client) == b"4 bytes\n"
    client.close()
    wait_for(lambda: status(tls).get("State", "Z")[0] in "ZX", "the TLS process to end")


def test_replaced_certificate_counts_for_the_next_client_and_an_unsound_one_does_not(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "own.pem", "localhost")
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", "own.pem"], ["cat"]) as served:
        old = trusting(pem)
        kept = secured(served, old)

        def is_new(context: ssl.SSLContext) -> bool:
            try:
                client = secured(served, context)
            except ssl.SSLCertVerificationError:
                return False
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            client.close()
            return True

        new = trusting(certificate(tmp_path, "own.pem", "localhost"))
        wait_for(lambda: is_new(new), "the new certificate", pause=0.3)
        pem.write_bytes(b"no certificate\n")

        def is_told() -> bool:
            assert is_new(new)
            return any("it has no certificate" in line for line in served.lines())

        wait_for(is_told, "a line", pause=0.3)
        (line,) = [line for line in served.lines() if "it has no certificate" in line]
        assert (
            line
            == "tcpserver: warning: own.pem: it has no certificate; the certificates from before are used"
        )
        newest = trusting(certificate(tmp_path, "own.pem", "localhost"))
        wait_for(lambda: is_new(newest), "the newest certificate", pause=0.3)
        kept.sendall(b"still here")
        assert kept.recv(100) == b"still here"
        kept.close()
        wait_for(lambda: len(processes(served, "tcpserver-tls")) == 1, "those of old certificates to end")


def test_killed_tls_process_is_replaced(tmp_path: Path, pem: Path) -> None:
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", str(pem)], ["cat"]) as served:
        client = secured(served, trusting(pem))
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        waiting = served.connect()
        waiting.sendall(b"\x16\x03\x01")
        (tls,) = processes(served, "tcpserver-tls")
        served.wait_for(lambda lines: any("status: 2/40" in line for line in lines))
        os.kill(tls, signal.SIGKILL)
        with pytest.raises(OSError):  # noqa: PT011 - an end without close_notify, or a reset
            client.recv(1)
        served.wait_for(lambda lines: any(line.endswith("status 0") for line in lines))
        died = "the TLS process has died; its connections have ended, and another is started"
        served.wait_for(lambda lines: "tcpserver: warning: " + died in lines)
        again = secured(served, trusting(pem))
        again.sendall(b"y")
        assert again.recv(1) == b"y"
        assert waiting.recv(1) == b""
        line = "tcpserver: warning: dropping connection, TLS with 127.0.0.1: the TLS process has died"
        served.wait_for(lambda lines: line in lines)


def test_without_the_keeper_all_stays_as_it_is(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "own.pem", "localhost")
    with serving(tmp_path, [*BARE, "--tls", "--tls-cert", "own.pem"], ["echo", "hello"]) as served:
        (keeper,) = processes(served, "tcpserver-keys")
        os.kill(keeper, signal.SIGKILL)
        context = trusting(pem)
        certificate(tmp_path, "own.pem", "localhost")
        served.wait_for(
            lambda lines: any("the process that reads the certificates has died" in line for line in lines)
        )
        assert read_to_end(secured(served, context)) == b"hello\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_keys_are_read_by_nobody_but_the_keeper(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o005)
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    pem = certificate(keys, "own.pem", "localhost")
    options = [*BARE, "-u", "daemon", "--tls", "--tls-user", "nobody", "--tls-cert", str(pem)]
    command = [*opened(tmp_path), *COMMAND]
    with serving(tmp_path, options, ["id", "-un"], command=command) as served:
        assert read_to_end(secured(served, trusting(pem))) == b"daemon\n"
        uids = {
            name: {status(pid)["Uid"].split()[0] for pid in processes(served, name)}
            for name in ("tcpserver-keys", "tcpserver-tls")
        }
        nobody = openssl_user("nobody")
        assert uids == {"tcpserver-keys": {"0"}, "tcpserver-tls": {nobody}}
        (tls,) = processes(served, "tcpserver-tls")
        assert os.stat(f"/proc/{tls}/mem").st_uid == 0  # so nobody else of that user may look into it
        new = trusting(certificate(keys, "own.pem", "localhost"))

        def is_new() -> bool:
            try:
                return read_to_end(secured(served, new)) == b"daemon\n"
            except ssl.SSLCertVerificationError:
                return False

        wait_for(is_new, "a certificate that only root can read", pause=0.3)


def openssl_user(name: str) -> str:
    import pwd

    return str(pwd.getpwnam(name).pw_uid)


def fatal(tmp_path: Path, *options: str) -> tuple[int, str]:
    command = [*COMMAND, "-HRl0", *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("missing.pem", "missing.pem: file does not exist"),
        ("empty.pem", "empty.pem: it has no certificate"),
        ("cut.pem", "cut.pem: it has no certificate"),
        ("own.pem:other.pem", "other.pem: it is not the key of own.pem"),
        ("own.pem:locked.key", "locked.key: the key needs a password"),
        ("folder", "folder: not a regular file"),
        ("fifo", "fifo: not a regular file"),
    ],
)
def test_unsound_file_is_one_line(tmp_path: Path, file: str, said: str) -> None:
    own = certificate(tmp_path, "own.pem", "localhost")
    certificate(tmp_path, "other.pem", "localhost")
    (tmp_path / "empty.pem").touch()
    (tmp_path / "cut.pem").write_bytes(own.read_bytes()[:300])
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    openssl("pkey", "-in", own, "-aes128", "-passout", "pass:secret", "-out", tmp_path / "locked.key")
    code, text = fatal(tmp_path, "--tls", "--tls-cert", file)
    assert code == 111
    assert text.startswith("tcpserver: fatal: unable to use TLS: " + said)
    assert text.count("\n") == 1
