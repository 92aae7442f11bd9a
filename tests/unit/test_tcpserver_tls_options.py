"""The options of `tcpserver` for TLS."""

import pytest

from ucspi.programs._program import Stop
from ucspi.programs._tcpserver_options import read_command_line
from ucspi.tls.choices import TlsChoices


def read(*options: str) -> TlsChoices | None:
    argv = [b"tcpserver", *(option.encode() for option in options), b"0", b"25", b"true"]
    return read_command_line(argv, []).settings.tls


def test_without_them_there_is_no_tls() -> None:
    assert read("-v") is None


def test_what_they_set() -> None:
    tls = read(
        *("--tls", "--tls-cert", "a.pem", "--tls-cert", "b.pem:b.key", "--tls-dir", "d", "--tls-min", "1.3"),
        *(
            "--tls-client-ca",
            "ca",
            "--tls-client",
            "optional",
            "--tls-alpn",
            "smtp,imap",
            "--timeout-tls",
            "7",
        ),
        *("--tls-processes", "2", "--tls-user", "root", "--tls-socketpair"),
    )
    assert tls is not None
    assert tls.certificates == [(b"a.pem", b"a.pem"), (b"b.pem", b"b.key")]
    assert (tls.directory, tls.client_ca, tls.client) == (b"d", b"ca", b"optional")
    assert (tls.is_13_only, tls.is_socketpair, tls.alpn) == (True, True, [b"smtp", b"imap"])
    assert (tls.timeout, tls.processes) == (7, 2)
    assert tls.identity is not None
    assert tls.identity.uid == 0


def test_who_must_show_a_certificate_must_unless_told() -> None:
    tls = read("--tls", "--tls-cert", "a.pem", "--tls-client-ca", "ca")
    assert tls is not None
    assert tls.client == b"required"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--tls", "--tls needs --tls-cert or --tls-dir"),
        ("--tls-cert a.pem", "an option of TLS needs --tls"),
        ("--tls --tls-cert a.pem --tls-client required", "--tls-client needs --tls-client-ca"),
        ("--tls --tls-cert a.pem:", "--tls-cert wants FILE or FILE:KEY, not a.pem:"),
        ("--tls --tls-cert :a", "--tls-cert wants FILE or FILE:KEY, not :a"),
        ("--tls --tls-client maybe", "--tls-client wants optional or required, not maybe"),
        ("--tls --tls-min 1.1", "--tls-min wants 1.2 or 1.3, not 1.1"),
        (
            "--tls --tls-alpn a,,b",
            "--tls-alpn wants names with commas between them, such as smtp,imap, not a,,b",
        ),
        ("--tls --tls-processes 0", "--tls-processes wants a number from 1 to 64, not 0"),
        ("--tls --timeout-tls 0", "--timeout-tls 0 would wait for no handshake; give 1 or more"),
        ("--tls --tls-user 7", "--tls-user wants NAME or NAME:GROUP, not 7"),
    ],
)
def test_what_makes_no_sense_is_refused(options: str, said: str) -> None:
    with pytest.raises(Stop) as caught:
        read(*options.split())
    assert caught.value.line == b"tcpserver: fatal: " + said.encode()
