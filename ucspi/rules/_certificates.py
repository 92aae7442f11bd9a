"""Rules about a client's certificate: they judge after the TLS handshake, when the address has been allowed.

    tls+HEX64:deny               a certificate, by the SHA-256 of its DER bytes
    tls+=client.example:allow    one that is valid for this name
    tls+=.example:allow          one that is valid for a name with this ending
    tls+=:allow                  one that is valid for any name
    tls+:deny                    every other client with TLS, also one without a certificate

Both verdicts must allow.  No address, name or ident answer of a client is looked
up under such a key, so the rules of both kinds stand in one file, and a file with
them is what ucspi-tcp 0.88 makes of the same text.
"""

from ucspi.rules._checkinput import TLS, require_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FINGERPRINT = 64  # hexadecimal digits of a SHA-256
HEX = b"0123456789abcdef"


def is_fingerprint(text: bytes) -> bool:
    """Return whether this is a SHA-256 as 64 hexadecimal digits, letters in lower case."""
    require_bytes("text", text)
    return len(text) == FINGERPRINT and not text.strip(HEX)


def certificate_candidates(fingerprint: bytes | None, names: "Sequence[bytes]" = ()) -> "Iterator[bytes]":
    """Yield the addresses to try for one client with TLS, most specific first.

    Args:
        fingerprint: the SHA-256 of its verified certificate as 64 hexadecimal
            digits; None if it has shown none.
        names: what the certificate is valid for: the DNS names of its
            subjectAltName in their order, or, only where there are none, the
            common name of its subject.  Letters may have either case.

    Yields:
        Addresses as they are filed; the last one is always ``b"tls+"``.

    Raises:
        ValueError: ``fingerprint`` has another form.

    A name that is empty, begins with a dot, or has an ``@``, a blank at one of
    its ends or a NUL is left out.
    """
    if fingerprint is not None:
        require_bytes("fingerprint", fingerprint)
        if not is_fingerprint(fingerprint.lower()):
            raise ValueError("fingerprint must be the 64 hexadecimal digits of a SHA-256")
        yield TLS + fingerprint.lower()
    for name in names:
        require_bytes("name", name)
    known = [name.lower() for name in names if _can_be_looked_up(name)]
    yield from (TLS + b"=" + name for name in known)
    yield from (TLS + b"=" + name[at:] for name in known for at in range(len(name)) if name[at] == 46)
    if known:
        yield TLS + b"="
    yield TLS


def _can_be_looked_up(name: bytes) -> bool:
    return bool(name) and name[:1] != b"." and name.strip() == name and b"@" not in name and b"\0" not in name
