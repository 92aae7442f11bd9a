"""Text where bytes belong is a TypeError that says what to do, whatever is called."""

from collections.abc import Callable
from typing import Any

import pytest

import ucspi.rules
from tests.support.rules_files import image_of
from ucspi.cdb import Reader
from ucspi.rules import LiveRules, Rule, RuleSet, Verdict, compile_rules

RULES = RuleSet(Reader(image_of(b":deny\n10.0.0.0/8:allow\n")))
LIVE = LiveRules(b"/nonexistent/rules.cdb", missing_ok=True)
ANY: Any = ucspi.rules  # what types forbid is what is tried here

CALLS: dict[str, Callable[[], object]] = {
    "RuleSet.judge, ip": lambda: RULES.judge(wrong("1.2.3.4")),
    "RuleSet.judge, IPv6": lambda: RULES.judge(wrong("::1")),
    "RuleSet.judge, host": lambda: RULES.judge(b"1.2.3.4", wrong("a.org")),
    "RuleSet.judge, info": lambda: RULES.judge(b"1.2.3.4", None, wrong("joe")),
    "RuleSet.find": lambda: RULES.find(wrong("1.2.3.4")),
    "RuleSet.data": lambda: RULES.data(wrong("1.2.3.4")),
    "LiveRules": lambda: ANY.LiveRules("rules.cdb"),
    "LiveRules.judge": lambda: LIVE.judge(wrong("1.2.3.4")),
    "LiveText": lambda: ANY.LiveText("rules", print),
    "load": lambda: ANY.load("rules.cdb"),
    "candidates, ip": lambda: list(ANY.candidates("1.2.3.4")),
    "candidates, host": lambda: list(ANY.candidates(b"1.2.3.4", "a.org")),
    "candidates, info": lambda: list(ANY.candidates(b"1.2.3.4", None, "joe")),
    "explain": lambda: ANY.explain(RULES, "1.2.3.4"),
    "explain_certificate": lambda: ANY.explain_certificate(RULES, None, ("a.org",)),
    "certificate_candidates": lambda: list(ANY.certificate_candidates(None, ("a.org",))),
    "certificate_candidates, fingerprint": lambda: list(ANY.certificate_candidates("0" * 64)),
    "is_fingerprint": lambda: ANY.is_fingerprint("0" * 64),
    "is_address": lambda: ANY.is_address("1.2.3.4"),
    "lint": lambda: ANY.lint(":deny\n"),
    "parse": lambda: ANY.parse(":deny\n"),
    "expand": lambda: ANY.expand("1.2.3-5."),
    "compile_rules, a block": lambda: ANY.compile_rules([":deny\n"], print),
    "compile_rules, no list": lambda: ANY.compile_rules(":deny\n", print),
    "Rule, address": lambda: ANY.Rule("1.", True),
    "Rule, name": lambda: ANY.Rule(b"1.", True, (("A", b"b"),)),
    "Rule, value": lambda: ANY.Rule(b"1.", True, ((b"A", "b"),)),
    "Verdict, rule": lambda: ANY.Verdict(True, (), "1."),
    "Verdict, variable": lambda: ANY.Verdict(True, (("A", b"b"),)),
    "Diagnostic.text": lambda: ANY.Diagnostic(1, 1, "why").text("name"),
    "segments": lambda: ANY.segments("D\0"),
    "readable": lambda: ANY.readable("1.2."),
    "find_line, text": lambda: ANY.find_line(":deny\n", b""),
    "find_line, key": lambda: ANY.find_line(b":deny\n", ""),
    "convert_hosts, allow": lambda: ANY.convert_hosts("ALL: ALL\n", b"", b"telnetd"),
    "convert_hosts, deny": lambda: ANY.convert_hosts(b"", "ALL: ALL\n", b"telnetd"),
    "convert_hosts, daemon": lambda: ANY.convert_hosts(b"", b"", "telnetd"),
    "convert_hosts, names": lambda: ANY.convert_hosts(b"", b"", b"telnetd", ("allow", b"deny")),
}


def wrong(value: object) -> Any:
    """Return what types forbid."""
    return value


@pytest.mark.parametrize("call", CALLS)
def test_text_is_refused_with_the_advice_to_encode_it(call: str) -> None:
    with pytest.raises(TypeError, match=r"must be bytes, not str: encode it first"):
        CALLS[call]()


def test_other_types_are_named() -> None:
    with pytest.raises(TypeError, match=r"ip must be bytes, not bytearray$"):
        RULES.judge(wrong(bytearray(b"1.2.3.4")))
    with pytest.raises(TypeError, match=r"ip must be bytes, not NoneType$"):
        RULES.judge(wrong(None))


def test_text_that_is_not_in_blocks_is_refused_with_advice() -> None:
    with pytest.raises(TypeError, match="put it in a list"):
        compile_rules(wrong(b":deny\n"), lambda key, data: None)


def test_every_public_function_is_called_here() -> None:
    called = {call.partition(",")[0].partition(".")[0] for call in CALLS}
    takes_no_bytes = {"Lengths", "Tally", "RuleSyntaxError", "encode"}  # `encode` takes a Rule
    public = {name for name in vars(ucspi.rules) if name[0] != "_" and callable(getattr(ucspi.rules, name))}
    assert public - takes_no_bytes <= called


def test_values_with_bytes_are_taken() -> None:
    assert Rule(b"1.", True, ((b"A", b"b"),)).variables == ((b"A", b"b"),)
    assert Verdict(True, ((b"A", b"b"),), b"1.").rule == b"1."
