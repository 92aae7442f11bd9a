"""Converted rules judge as the files do, read by a model that shares no code."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.rules_files import image_of
from ucspi.cdb import Reader
from ucspi.errors import HostsAccessError
from ucspi.rules import RuleSet, convert_hosts, lint

PATTERNS = ["ALL", "10.", "10.1.", "10.1.2.3", "10.1.0.0/255.255.192.0", ".org", "a.org", ".b.org"]
IPS = ["10.1.2.3", "10.1.2.4", "10.1.99.9", "10.9.9.9", "11.1.1.1"]
HOSTS = [None, "a.org", "x.b.org", "b.org", "com"]

words = st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3)
entries = st.tuples(words, st.one_of(st.just([]), words))
files = st.lists(entries, max_size=3)


def matches(pattern: str, ip: str, host: str | None) -> bool:
    if pattern == "ALL":
        return True
    if pattern.endswith("."):
        return ip.startswith(pattern)
    if "/" in pattern:
        return ip.startswith("10.1.") and int(ip.split(".")[2]) < 64
    if pattern.startswith("."):
        return host is not None and host.endswith(pattern)
    return pattern in (ip, host)


def granted(allow: list[tuple[list[str], list[str]]], deny: list[tuple[list[str], list[str]]]) -> list[bool]:
    def hit(entry: tuple[list[str], list[str]], ip: str, host: str | None) -> bool:
        wanted, excepted = entry
        return any(matches(word, ip, host) for word in wanted) and not any(
            matches(word, ip, host) for word in excepted
        )

    return [
        any(hit(entry, ip, host) for entry in allow) or not any(hit(entry, ip, host) for entry in deny)
        for ip in IPS
        for host in HOSTS
    ]


def text(lines: list[tuple[list[str], list[str]]]) -> bytes:
    return "".join(
        f"d: {' '.join(wanted)}{' EXCEPT ' if excepted else ''}{' '.join(excepted)}\n"
        for wanted, excepted in lines
    ).encode()


@given(allow=files, deny=files)
def test_rules_judge_as_the_files_do_or_are_refused(
    allow: list[tuple[list[str], list[str]]], deny: list[tuple[list[str], list[str]]]
) -> None:
    try:
        made = convert_hosts(text(allow), text(deny), b"d")
    except HostsAccessError:
        return
    rules = RuleSet(Reader(image_of(made)))
    verdicts = [
        rules.judge(ip.encode(), None if host is None else host.encode()).allowed
        for ip in IPS
        for host in HOSTS
    ]
    assert verdicts == granted(allow, deny), made
    assert all("stands below" not in diagnostic.reason for diagnostic in lint(made))
