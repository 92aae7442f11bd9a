"""Why a client is judged as it is: each address that was tried, and the data found there."""

from ucspi.errors import RuleSyntaxError
from ucspi.rules._certificates import certificate_candidates
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._expand import expand
from ucspi.rules._lookup import RuleSet, candidates
from ucspi.rules._parse import parse
from ucspi.rules._ruledata import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def explain(
    rules: RuleSet, ip: bytes, host: bytes | None, info: bytes | None
) -> list[tuple[bytes, bytes | None]]:
    """See `ucspi.rules.explain`."""
    return _tried(rules, candidates(ip, host, info, rules.lengths))


def explain_certificate(
    rules: RuleSet, fingerprint: bytes | None, names: "Sequence[bytes]"
) -> list[tuple[bytes, bytes | None]]:
    """See `ucspi.rules.explain_certificate`."""
    return _tried(rules, certificate_candidates(fingerprint, names))


def _tried(rules: RuleSet, keys: "Iterable[bytes]") -> list[tuple[bytes, bytes | None]]:
    tried: list[tuple[bytes, bytes | None]] = []
    for key in keys:
        data = rules.data(key)
        tried.append((key, data))
        if data is not None:
            break
    return tried


def find_line(text: bytes, key: bytes) -> tuple[int, bytes] | None:
    """See `ucspi.rules.find_line`."""
    require_bytes("text", text)
    require_bytes("key", key)
    for number, line in enumerate(text.split(b"\n"), 1):
        try:
            rule = parse(line, number)
        except RuleSyntaxError:
            continue
        if rule is not None and key in expand(rule.address):
            return number, encode(rule)
    return None
