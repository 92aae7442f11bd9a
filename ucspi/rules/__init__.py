"""The tcprules language: parse, compile, look up, judge, explain, lint.

    compile_rules([b"127.:allow\\n:deny\\n"], writer.add)
    if LiveRules(b"rules.cdb").judge(b"127.0.0.1"): ...
    lint(b"127:allow\\n")[0].reason

Rules, addresses and names are bytes.  Only `load`, `LiveRules` and `LiveText`
read files.
"""

from ucspi import _late_names
from ucspi.errors import RuleSyntaxError as RuleSyntaxError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucspi.rules._certificates import certificate_candidates as certificate_candidates
    from ucspi.rules._certificates import is_fingerprint as is_fingerprint
    from ucspi.rules._checkinput import is_address as is_address
    from ucspi.rules._compile import compile_rules as compile_rules
    from ucspi.rules._compiledfile import load as load
    from ucspi.rules._diagnostic import Diagnostic as Diagnostic
    from ucspi.rules._expand import expand as expand
    from ucspi.rules._limitnames import limit_remark as limit_remark
    from ucspi.rules._linecompiler import Tally as Tally
    from ucspi.rules._lint import lint as lint
    from ucspi.rules._liverules import LiveRules as LiveRules
    from ucspi.rules._livetext import LiveText as LiveText
    from ucspi.rules._lookup import RuleSet as RuleSet
    from ucspi.rules._lookup import Verdict as Verdict
    from ucspi.rules._lookup import candidates as candidates
    from ucspi.rules._networkkey import readable as readable
    from ucspi.rules._parse import Rule as Rule
    from ucspi.rules._parse import parse as parse
    from ucspi.rules._prefixlengths import Lengths as Lengths
    from ucspi.rules._ruledata import encode as encode
    from ucspi.rules._ruledata import segments as segments
else:
    # A program loads only what it uses: these names are imported when they are first used.
    _LATER = {
        "Diagnostic": "_diagnostic",
        "Lengths": "_prefixlengths",
        "LiveRules": "_liverules",
        "LiveText": "_livetext",
        "Rule": "_parse",
        "RuleSet": "_lookup",
        "Tally": "_linecompiler",
        "Verdict": "_lookup",
        "candidates": "_lookup",
        "certificate_candidates": "_certificates",
        "compile_rules": "_compile",
        "encode": "_ruledata",
        "expand": "_expand",
        "is_address": "_checkinput",
        "is_fingerprint": "_certificates",
        "limit_remark": "_limitnames",
        "lint": "_lint",
        "load": "_compiledfile",
        "parse": "_parse",
        "readable": "_networkkey",
        "segments": "_ruledata",
    }
    __getattr__, __dir__ = _late_names(globals(), _LATER)


def explain(
    rules: "RuleSet", ip: bytes, host: bytes | None = None, info: bytes | None = None
) -> "list[tuple[bytes, bytes | None]]":
    """Return the addresses tried for a client, in order, each with its record's data, None without a rule.

    If the last one has data, its rule decides; otherwise no rule applies.

    Raises:
        CdbFormatError: the image is damaged where it was looked at.
    """
    from ucspi.rules._explain import explain as explain_all

    return explain_all(rules, ip, host, info)


def explain_certificate(
    rules: "RuleSet", fingerprint: bytes | None, names: "Sequence[bytes]" = ()
) -> "list[tuple[bytes, bytes | None]]":
    """Return the addresses tried for a certificate as `explain` does; see `certificate_candidates`.

    Raises:
        ValueError: ``fingerprint`` is none.
        CdbFormatError: the image is damaged where it was looked at.
    """
    from ucspi.rules._explain import explain_certificate as explain_all

    return explain_all(rules, fingerprint, names)


def find_line(text: bytes, key: bytes) -> tuple[int, bytes] | None:
    """Return the number, from 1, of the first line whose rule has this key, and the data of its record.

    None if there is no such line.  Lines that cannot be parsed are skipped.
    """
    from ucspi.rules._explain import find_line as search

    return search(text, key)


def convert_hosts(
    allow: bytes, deny: bytes, daemon: bytes, names: tuple[bytes, bytes] = (b"hosts.allow", b"hosts.deny")
) -> bytes:
    """Return the rules that judge as ``hosts.allow`` and ``hosts.deny`` do for one daemon.

    Args:
        allow: the text of the first file; an empty one allows everybody.
        deny: the text of the second.
        daemon: the name of the program that tcpd would start.
        names: what the files are called in errors.

    Returns:
        Rules, the most specific first.  Rules about names need ``tcpserver -p``.

    Raises:
        HostsAccessError: rules cannot express a line, or would judge some
            client otherwise; or tcpd itself skips the line or reads it not as
            it looks.  ``line`` is 0 if tcpd could never match the daemon's name.

    Source: the manual page hosts_access(5), and tcpd 7.6.q.
    """
    from ucspi.rules._hosts import convert

    return convert(allow, deny, daemon, names)
