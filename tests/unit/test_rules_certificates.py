"""Rules about certificates: which are tried, what they decide, and what is said about odd ones."""

from pathlib import Path

import pytest

from tests.support.rules_files import image_of
from ucspi.cdb import Reader, create
from ucspi.errors import CdbFormatError
from ucspi.rules import (
    LiveRules,
    LiveText,
    RuleSet,
    certificate_candidates,
    compile_rules,
    explain_certificate,
    find_line,
    lint,
)

HASH = b"0123456789abcdef" * 4
OTHER = b"f" * 64


def rules(text: bytes) -> RuleSet:
    return RuleSet(Reader(image_of(text)))


def test_fingerprint_comes_before_names_these_before_endings_and_these_before_all() -> None:
    assert list(certificate_candidates(HASH.upper(), (b"A.b.Example", b"c.example"))) == [
        b"tls+" + HASH,
        *(b"tls+=a.b.example", b"tls+=c.example"),
        *(b"tls+=.b.example", b"tls+=.example", b"tls+=.example"),
        *(b"tls+=", b"tls+"),
    ]


def test_without_a_certificate_only_the_last_is_tried() -> None:
    assert list(certificate_candidates(None)) == [b"tls+"]


@pytest.mark.parametrize("name", [b"", b".example", b"joe@1.2.3.4", b" a.example", b"a.example\n", b"a\0b"])
def test_names_that_no_rule_can_mean_are_left_out(name: bytes) -> None:
    assert list(certificate_candidates(None, (name,))) == [b"tls+"]


@pytest.mark.parametrize("fingerprint", [b"", b"0", HASH[:-1], HASH + b"0", HASH[:-1] + b"g", b"tls+" + HASH])
def test_what_is_no_fingerprint_is_an_error(fingerprint: bytes) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        list(certificate_candidates(fingerprint))


def test_text_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="encode"):
        list(certificate_candidates(None, ("a.example",)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fingerprint", "names", "allowed", "rule"),
    [
        (None, (), False, b"tls+"),
        (OTHER, (), False, b"tls+"),
        (OTHER, (b"stranger.test",), False, b"tls+"),
        (OTHER, (b"client.example",), True, b"tls+=client.example"),
        (HASH, (b"client.example",), False, b"tls+" + HASH),
        (OTHER, (b"a.b.example",), True, b"tls+=.example"),
        (OTHER, (b"bad.example", b"client.example"), False, b"tls+=bad.example"),
        (OTHER, (b"client.example", b"bad.example"), True, b"tls+=client.example"),
        (OTHER, (b"good.example", b"bad.example"), False, b"tls+=bad.example"),
    ],
)
def test_most_specific_rule_decides(
    fingerprint: bytes | None, names: tuple[bytes, ...], allowed: bool, rule: bytes
) -> None:
    text = (
        b'tls+=client.example:allow,ROLE="backup"\ntls+=bad.example:deny\n'
        b"tls+=.example:allow\ntls+" + HASH + b":deny\ntls+:deny\n:deny\n"
    )
    verdict = rules(text).judge_certificate(fingerprint, names)
    assert (verdict.allowed, verdict.rule) == (allowed, rule)
    assert dict(verdict.environment) == ({b"ROLE": b"backup"} if rule == b"tls+=client.example" else {})


def test_rules_of_addresses_and_of_certificates_know_nothing_of_each_other() -> None:
    found = rules(b"tls+:deny\n:allow\n")
    assert found.judge(b"1.2.3.4").allowed
    assert not found.judge_certificate(None).allowed
    assert rules(b":deny\n=:deny\n").judge_certificate(HASH, (b"a.example",)).rule is None


def test_no_client_has_the_address_of_a_certificate() -> None:
    for name in (b"tls+=client.example", b"=client.example", b"client.example"):
        judged = rules(b"tls+=client.example:deny\ntls+:deny\n").judge(b"1.2.3.4", name, name)
        assert judged.allowed
        assert judged.rule is None


def test_file_that_is_followed_judges_certificates_too(tmp_path: Path) -> None:
    path, text = tmp_path / "r.cdb", tmp_path / "r"
    live = LiveRules(bytes(path), missing_ok=True)
    assert live.judge_certificate(None).rule is None
    with pytest.raises(FileNotFoundError):
        LiveRules(bytes(path)).judge_certificate(None)
    for source in (b"tls+:deny\n", b"tls+:allow\n"):
        with create(path) as writer:
            compile_rules([source], writer.add)
        assert live.judge_certificate(HASH).allowed == (b"allow" in source)
    path.write_bytes(b"no cdb")
    with pytest.raises(CdbFormatError):
        live.judge_certificate(None)
    text.write_bytes(b"tls+=a.example:allow\ntls+:deny\n")
    followed = LiveText(bytes(text), lambda line: None)
    assert followed.load() == []
    assert followed.judge_certificate(HASH, (b"a.example",)).rule == b"tls+=a.example"
    assert not followed.judge_certificate(None)


def test_all_that_was_tried_is_told() -> None:
    found = rules(b"tls+=.example:deny\n")
    assert explain_certificate(found, OTHER, (b"a.example",)) == [
        (b"tls+" + OTHER, None),
        (b"tls+=a.example", None),
        (b"tls+=.example", b"D\0"),
    ]
    assert find_line(b":allow\ntls+=.example:deny\n", b"tls+=.example") == (2, b"D\0")


@pytest.mark.parametrize(
    "line",
    [
        b"tls+:deny",
        b"tls+=:deny",
        b"tls+=client.example:deny",
        b"tls+=my-host.example:deny",
        b"tls+=.example:deny",
        b"tls+" + HASH + b":deny",
    ],
)
def test_nothing_is_said_of_what_makes_sense(line: bytes) -> None:
    assert lint(line + b"\n") == []


@pytest.mark.parametrize(
    ("line", "place", "reason", "suggestion"),
    [
        (b"tls+client.example:deny", "1:5", "stands =name or a fingerprint", "write tls+=client.example"),
        (b"tls+=Client.example:deny", "1:5", "in lower case", "write =client.example"),
        (b"tls+=*.example:deny", "1:6", "there are no wildcards", "write =.example"),
        (b"tls+=a.example.:deny", "1:15", "do not end in a dot", "leave it out"),
        (b"tls+=1.2.3.4:deny", "1:5", "by their names, not by addresses", "write a name"),
        (b"tls+=joe@example:deny", "1:9", "no name of a certificate with this", "write its fingerprint"),
        (b"tls+1234:deny", "1:5", "64 digits", "write all"),
        (b"tls+" + HASH.upper() + b":deny", "1:5", "in lower case", "write tls+0123456789abcdef"),
        (b"TLS+=a.example:deny", "1:1", "tls+ is in lower case", "write tls+=a.example"),
        (b"tls+=a b:deny", "1:7", "no name of a client has this character", "leave it out"),
    ],
)
def test_odd_line_is_warned_of(line: bytes, place: str, reason: str, suggestion: str) -> None:
    said = [diagnostic.text(b"f").decode() for diagnostic in lint(line + b"\n")]
    assert len(said) == 1
    assert said[0].startswith(f"f:{place}: warning: ")
    assert reason in said[0]
    assert suggestion in said[0]


@pytest.mark.parametrize("colons", [b"AB:CD:EF:01", b"SHA256:" + HASH])
def test_fingerprint_with_colons_is_an_error_that_says_what_to_do(colons: bytes) -> None:
    (fault,) = lint(b"tls+" + colons + b":deny\n")
    assert fault.severity == "error"
    assert "64 digits in lower case, without colons" in fault.suggestion


@pytest.mark.parametrize("filler", [b"", b"10.0.0.1:allow\n" * 400], ids=["short", "long"])
def test_order_of_lines_is_compared_among_certificates_only(filler: bytes) -> None:
    filler = b"".join(b"10.%d.%d.1:allow\n" % (n >> 8, n & 255) for n in range(400)) if filler else b""
    at = filler.count(b"\n")

    def said(text: bytes) -> list[tuple[int, str]]:
        return [(one.line - at, one.reason) for one in lint(filler + text)]

    assert said(b":deny\ntls+=a.example:allow\ntls+:deny\n")[1 if filler else 0 :] == []
    below = "decides, though it stands below"
    for text, name, rule in (
        (b"tls+:deny\ntls+=a.example:allow\n", "a.example", "tls+=a.example"),
        (b"tls+=.example:allow\ntls+=a.example:deny\n", "a.example", "tls+=a.example"),
        (b"tls+=:deny\ntls+=.example:allow\n", "host.example", "tls+=.example"),
    ):
        assert said(text) == [(1, f"for a certificate of {name} line {at + 2} ({rule}) {below}")]
    assert said(b"tls+:allow\ntls+" + HASH + b":deny\n")[0][1].startswith(
        "for the certificate with this fingerprint line"
    )
    assert said(b"=a.example:allow\ntls+=a.example:deny\ntls+:allow\n" if not filler else b"") == []
