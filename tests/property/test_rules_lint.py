"""Laws of lint: what it says is true, and legal files still compile as they did."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.rules_files import rules_file
from tests.support.tcp6_model import order
from ucspi.errors import RuleSyntaxError
from ucspi.rules import Diagnostic, compile_rules, expand, lint, parse
from ucspi.rules._lint import _compare, _compare_long
from ucspi.rules._native import lib

addresses = st.sampled_from(
    ["10.", "10.1.", "10.1.2.", "10.1.2.3", "10.0.0.0/8", "10.1.0.0/16", "11.", "=", "=.org", "=a.org", ""]
)
verdicts = st.sampled_from(["allow", "deny", 'allow,A="b"'])
rule_lists = st.lists(st.tuples(addresses, verdicts), max_size=6)
IPS = ["10.1.2.3", "10.1.2.9", "10.1.9.9", "10.9.9.9", "11.9.9.9", "240.9.9.9"]
HOSTS = [None, b"a.org", b"b.org", b"com"]


def both_ways(rules: list[tuple[str, str]]) -> bool:
    """Say whether some client is judged otherwise when the first line counts: the slow way."""
    keys = [expand(address.encode())[0] for address, _ in rules]
    for ip in IPS:
        for host in HOSTS:
            tried = order(ip, host, None)
            matching = [number for number, key in enumerate(keys) if key in tried]
            if matching:
                decides = min(matching, key=lambda number: (tried.index(keys[number]), number))
                if rules[matching[0]][1] != rules[decides][1]:
                    return True
    return False


@example(rules=[("10.1.", "allow"), ("=", "deny"), ("10.", "allow"), ("10.1.2.", "allow")])
@given(rules=rule_lists)
def test_order_is_warned_of_exactly_when_some_client_is_judged_otherwise(
    rules: list[tuple[str, str]],
) -> None:
    text = "".join(f"{address}:{verdict}\n" for address, verdict in rules).encode()
    warned = any("though it stands below" in diagnostic.reason for diagnostic in lint(text))
    assert warned == both_ways(rules)


pieces = [
    "10.",
    "10.1.",
    "10.1.2.",
    "10.1.2.3",
    "1.2-4.",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.3/32",
    "0.0.0.0/2",
]
pieces += [
    "::/2",
    "2000::/3",
    "2001:db8::/32",
    "2001:db8::1",
    "2001:db8::1/128",
    "::1",
    "=",
    "=.org",
    "=a.org",
    "",
    "j@10.",
]
pieces += [
    "=.a.org",
    "=b.a.org",
    "=Org",
    "x",
    "_0",
    "_0b",
    "^`a",
    "^aa",
    "unix.",
    "j@=a.org",
    "=a@b",
    "10.1.2.3.4",
    "10.1",
]
kin = st.lists(
    st.tuples(
        st.sampled_from(pieces) | st.integers(0, 40).map(lambda n: f"10.{n >> 2}.{n & 3}.0/{24 - n % 3 * 4}"),
        st.sampled_from([":allow", ":deny", ':allow,A="b"', ":Deny", "", ":deny "]),
    ).map("".join),
    max_size=14,
).map(lambda lines: "\n".join(lines).encode())


def in_order(said: list[Diagnostic]) -> list[Diagnostic]:
    """Return them as `lint` does: what is said about one place in the order of saying it."""
    return sorted(said, key=lambda diagnostic: (diagnostic.line, diagnostic.column))


@pytest.mark.skipif(lib is None, reason="the C core is not in use")
@examples(400)
@given(text=kin, end=st.sampled_from([b"", b"\n"]))
def test_the_core_says_the_same(text: bytes, end: bytes) -> None:
    assert in_order(_compare_long(text + end)) == in_order(_compare(text + end))


@pytest.mark.skipif(lib is None, reason="the C core is not in use")
@pytest.mark.slow
@examples(20_000)
@given(text=kin, end=st.sampled_from([b"", b"\n"]))
def test_the_core_says_the_same_at_length(text: bytes, end: bytes) -> None:
    assert in_order(_compare_long(text + end)) == in_order(_compare(text + end))


texts = st.one_of(
    st.integers(0, 2**32).map(lambda seed: rules_file(Random(seed))),
    st.binary(max_size=60),
    st.text('1.-:deny,A="\n#@=/ \0\r', max_size=60).map(str.encode),
)


@given(text=texts)
def test_lint_is_total_and_finds_the_error_that_compiling_stops_at(text: bytes) -> None:
    said = lint(text)
    heard: list[Diagnostic] = []
    stopped = None
    try:
        compile_rules([text], lambda key, data: None, heard.append)
    except RuleSyntaxError as error:
        stopped = Diagnostic(error.line, error.column, error.reason, error.suggestion, "error")
    errors = [diagnostic for diagnostic in said if diagnostic.severity == "error"]
    assert errors[:1] == ([] if stopped is None else [stopped])
    assert [diagnostic for diagnostic in heard if diagnostic not in said] == []


@given(text=texts)
def test_places_lie_inside_the_text_or_just_behind_it(text: bytes) -> None:
    lines = text.split(b"\n")
    for diagnostic in lint(text):
        assert 1 <= diagnostic.column <= len(lines[diagnostic.line - 1]) + 1


@given(text=texts)
def test_silent_lines_are_those_that_mean_what_they_say(text: bytes) -> None:
    """A line nobody warns of is empty, a comment, or files at least one key."""
    loud = {diagnostic.line for diagnostic in lint(text)}
    for number, line in enumerate(text.split(b"\n"), 1):
        if number not in loud and line.strip(b" \t") and line[:1] != b"#":
            rule = parse(line)
            assert rule is not None
            assert expand(rule.address)


@given(text=texts)
def test_everything_said_comes_with_advice(text: bytes) -> None:
    assert [diagnostic for diagnostic in lint(text) if not diagnostic.suggestion] == []
