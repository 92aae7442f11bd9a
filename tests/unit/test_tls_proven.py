"""What a handshake proved: nothing in it can be taken for something else."""

import pytest

from ucspi.tls.proven import NAMES, Proven, dns_names, host_name, is_ours, subject_text, unpack


def test_packed_and_unpacked_it_is_the_same() -> None:
    proven = Proven(b"TLSv1.3", b"C", b"a.example", b"smtp", b"ab", b"CN=x y", (b"a", b"b"), is_resumed=True)
    again = unpack(proven.pack())
    assert [getattr(again, name) for name in Proven.__slots__] == [
        getattr(proven, name) for name in Proven.__slots__
    ]
    bare = unpack(Proven(b"TLSv1.2", b"C").pack())
    assert (bare.names, bare.hash, bare.is_resumed) == ((), b"", False)


def test_what_is_no_pack_is_refused() -> None:
    with pytest.raises(ValueError, match="values"):
        unpack(b"TLSv1.3\0C")


def test_variables_are_those_that_were_proved() -> None:
    assert Proven(b"TLSv1.3", b"C").variables() == [(b"SSL_PROTOCOL", b"TLSv1.3"), (b"SSL_CIPHER", b"C")]
    full = Proven(b"TLSv1.3", b"C", b"n", b"a", b"00", b"CN=x")
    assert {name for name, _ in full.variables()} == NAMES
    assert all(is_ours(name) for name, _ in full.variables())


def test_names_that_only_a_handshake_may_set() -> None:
    assert is_ours(b"SSL_CLIENT_S_DN")
    assert is_ours(b"SSL_PEER_CERT_CN")
    assert not is_ours(b"SSL_CERT_FILE")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ([[("organizationName", "Test")], [("commonName", "client one")]], b"O=Test, CN=client one"),
        ([[("commonName", "x, CN=root")]], b"CN=x\\, CN\\=root"),
        ([[("commonName", "a\nb\0c")]], b"CN=a\\0Ab\\00c"),
        ([[("commonName", "é\u202e")]], "CN=é\\E2\\80\\AE".encode()),
        ([[("serialNumber", "1"), ("userId", "u")]], b"serialNumber=1, UID=u"),
        ([], b""),
    ],
)
def test_subject(subject: list[list[tuple[str, str]]], text: bytes) -> None:
    assert subject_text(subject) == text


def test_names_are_those_of_the_alternative_name_and_else_the_common_name() -> None:
    subject = ((("commonName", "Common.Example"),),)
    alternative = (
        ("DNS", "B.example"),
        ("IP Address", "1.2.3.4"),
        ("DNS", "a.example\0.evil"),
        ("DNS", "x y"),
    )
    assert dns_names({"subject": subject, "subjectAltName": alternative}) == (b"b.example",)
    assert dns_names({"subject": subject, "subjectAltName": (("IP Address", "1.2.3.4"),)}) == (
        b"common.example",
    )
    assert dns_names({}) == ()


def test_host_name() -> None:
    assert host_name("Mail.Example.") == b"mail.example"
    assert host_name("ex ample") == host_name("é.example") == host_name("a/b") == b""
