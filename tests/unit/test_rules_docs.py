"""What docs/rules.md shows is so."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.support.rules_files import image_of
from ucspi.cdb import Reader
from ucspi.rules import RuleSet, candidates, explain, lint

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "rules.md").read_text()
ALL = re.findall(r"^\| `(.+?)` \| .+ \| (.+?) \| (allow|deny)(.*?) \|$", PAGE, re.MULTILINE)
ROWS = [row for row in ALL if not row[0].startswith("tls+")]
CERTIFICATES = [row for row in ALL if row[0].startswith("tls+")]
ODDITIES = re.findall(r"^\| (.+) \| (`.+`) \|$", PAGE.partition("\n| what is odd")[2], re.MULTILINE)


def test_there_is_a_row_for_each_form() -> None:
    assert (len(ROWS), len(CERTIFICATES), len(ODDITIES)) == (16, 5, 30)


@pytest.mark.parametrize(("rule", "client", "verdict", "variables"), ROWS)
def test_row_is_true(rule: str, client: str, verdict: str, variables: str) -> None:
    names = re.fullmatch(r"(?:`(?P<info>\w+)` at )?`(?P<ip>[^`]+)`(?: named `(?P<host>[^`]+)`)?", client)
    assert names
    info, host = (names[part].encode() if names[part] else None for part in ("info", "host"))
    text = rule.encode() + b"\n"
    assert lint(text) == []
    judged = RuleSet(Reader(image_of(text))).judge(names["ip"].encode(), host, info)
    assert judged.rule is not None
    assert judged.allowed == (verdict == "allow")
    assert [name + b"=" + value for name, value in judged.environment] == variables.encode().split(b", ")[1:]


@pytest.mark.parametrize(("rule", "certificate", "verdict", "variables"), CERTIFICATES)
def test_row_about_a_certificate_is_true(rule: str, certificate: str, verdict: str, variables: str) -> None:
    shown = certificate.replace("`", "").encode()
    names = [shown.removeprefix(b"for ")] if shown.startswith(b"for ") else []
    text = rule.encode() + b"\n"
    assert lint(text) == []
    judged = RuleSet(Reader(image_of(text))).judge_certificate(
        None if names or shown == b"none" else shown, names
    )
    assert judged.rule is not None
    assert judged.allowed == (verdict == "allow")
    assert [name + b"=" + value for name, value in judged.environment] == variables.encode().split(b", ")[1:]


def test_order_is_that_of_the_page_and_the_picture() -> None:
    shown = re.search(r"```\n(joe@.*?)```", PAGE, re.DOTALL)
    assert shown
    tried = [
        key.decode() or "(the empty address)"
        for key in candidates(b"192.168.1.33", b"pc.example.org", b"joe")
    ]
    listed = [word for line in shown[1].splitlines() for word in re.split(r" {3,}", line) if "…" not in word]
    assert listed == tried
    texts = [text for text in ElementTree.parse(DOCS / "judging.svg").getroot().itertext() if text.strip()]
    drawn = " ".join(texts).split()
    places = [drawn.index(key.removesuffix(" address)").replace("(the empty", "(empty)")) for key in tried]
    assert places == sorted(places)


def test_explained_example_is_what_is_found() -> None:
    rules = RuleSet(Reader(image_of(b"192.168.1.:allow\n:deny\n")))
    assert explain(rules, b"192.168.1.33") == [(b"192.168.1.33", None), (b"192.168.1.", b"")]


def test_example_at_the_top_needs_no_warning() -> None:
    top = re.search(r"\n((?:    .*\n)*    :deny\n)", PAGE)
    assert top
    assert lint("".join(line[4:] + "\n" for line in top[1].splitlines()).encode()) == []


@pytest.mark.parametrize(("oddity", "examples"), ODDITIES)
def test_each_odd_line_is_warned_of(oddity: str, examples: str) -> None:
    found = re.findall(r"`([^`]+)`", examples)
    assert found
    for example in found:
        text = example.encode("latin-1").decode("unicode_escape").encode("latin-1")
        assert {said.severity for said in lint(text)} == {"warning"}, (oddity, example)
