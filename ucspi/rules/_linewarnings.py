"""Warnings about single lines that 0.88 accepts.

Such a line does not mean what it seems to mean, or means nothing: no client can
have its address, or a variable gets a name or a value that nobody meant.
"""

from ucspi.decimal import first_digits
from ucspi.rules._checkinput import TLS
from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._expand import OCTET_MAX, OCTETS, expand, is_plain
from ucspi.rules._limitnames import LIMITS, limit_remark
from ucspi.rules._networkkey import network_key
from ucspi.rules._parse import BLANKS, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Finding = tuple[int, str, str]  # offset of the byte in the line, reason, suggestion

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NO_NEWLINE = ("the last line has no newline", "is the file whole?")
EVERYBODY = "the empty address is everybody"
NEVER_APPLIES = "no client has this address, so the rule never applies"


def warnings(line: bytes, rule: Rule | None, number: int) -> "Iterator[Diagnostic]":
    """Yield the warnings about a line, in no order, given the rule that `parse` made of it."""
    text = line.rstrip(BLANKS)
    if number == 1 and text.startswith(BYTE_ORDER_MARK):
        yield Diagnostic(1, 1, "the file begins with a byte-order mark", "save it without one")
    if rule is None:
        found = _no_rule(text)
    else:
        found = _address(rule.address)
        yield from (
            Diagnostic(number, at + 1, reason, suggestion)
            for at, reason, suggestion in _variables(text, rule)
        )
    if found is not None:
        at, reason, suggestion = found
        yield Diagnostic(number, at + 1, reason, suggestion)


def _no_rule(text: bytes) -> "Finding | None":
    if not text or text[:1] == b"#":
        return None
    if not text.strip(b" \t\r"):
        return len(text) - 1, "a carriage return is all of this line", "convert the file's DOS line ends"
    suggestion = "put one between address and instructions"
    start = len(text) - len(text.lstrip(b" \t"))
    if text[start : start + 1] == b"#":
        suggestion = "a comment begins in the first column"
    return start, "a line without a colon is ignored", suggestion


def _address(address: bytes) -> "Finding | None":
    if is_plain(address) or address.startswith(BYTE_ORDER_MARK) or _is_local(address):
        return None
    for at, byte in enumerate(address):
        if byte == 0:
            return at, "a NUL is part of the address", "leave it out"
        if byte in b" \t" and at in (0, len(address) - 1):
            where = "begins" if at == 0 else "ends"
            return at, f"a blank {where} the address, so no client has it", "leave it out"
    if address[: len(TLS)].lower() == TLS:
        return _certificate(address)
    if b":" in address:
        return None  # IPv6: `parse` has refused what is none
    if b"@" in address:
        return _behind_info(address)
    if b"=" in address:
        return _name(address, 0)
    if b"/" in address and b"-" not in address:
        return _slash(address)
    return _range(address) if b"-" in address else _numbers(address)


def _is_local(address: bytes) -> bool:
    """Return whether an address is ``unix.``, all users of this machine, or ``unix.`` and a user's number."""
    uid = address.removeprefix(b"unix.")
    return uid != address and (not uid or (uid.isdigit() and (uid == b"0" or uid[:1] != b"0")))


def _behind_info(address: bytes) -> "Finding | None":
    at = address.rfind(b"@") + 1
    rest = address[at:]
    if rest[:1] == b"=":
        return _name(address, at)
    if is_plain(rest) and rest[-1:].isdigit():
        return None
    return at, "behind an @ only a whole IP address or =name is looked up", "write one of them"


def _name(address: bytes, at: int) -> "Finding | None":
    name = address[at:]
    if name[:1] != b"=":
        return name.find(b"="), "the equals sign of a name begins the address", "write =name"
    if name != name.lower():
        return at, "names of clients are in lower case", "write " + _shown(name.lower())
    for byte in name:
        if byte in b" \t*/":
            odd = at + name.find(byte)
            if byte in b"*" and name[:3] == b"=*.":
                return odd, "there are no wildcards", "write =" + _shown(name[2:])
            return odd, "no name of a client has this character", "leave it out"
    if name[-1:] == b".":
        return at + len(name) - 1, "names of clients do not end in a dot", "leave it out"
    if len(name) > 1 and not name.strip(b"=0123456789.-"):
        return at, "names stand behind an equals sign, not addresses", "write " + _shown(name[1:])
    return None


def _certificate(address: bytes) -> "Finding | None":
    from ucspi.rules._certificates import HEX, is_fingerprint  # few files have such rules

    at = len(TLS)
    what = address[at:]
    if address[:at] != TLS:
        return 0, "tls+ is in lower case", "write " + _shown(TLS + what)
    if not what or is_fingerprint(what):
        return None
    if what[:1] == b"=":
        if b"@" in what:
            odd = at + what.find(b"@")
            return odd, "no name of a certificate with this character is looked up", "write its fingerprint"
        if len(what) > 1 and not what.strip(b"=0123456789."):
            return at, "certificates are looked up by their names, not by addresses", "write a name"
        return _name(address, at)
    if is_fingerprint(what.lower()):
        return at, "a fingerprint is in lower case", "write " + _shown(TLS + what.lower())
    if not what.lower().strip(HEX):
        return at, "a fingerprint has 64 digits: it is a SHA-256", "write all of them"
    return at, "behind tls+ stands =name or a fingerprint", "write " + _shown(TLS + b"=" + what.lower())


def _slash(address: bytes) -> "Finding | None":
    if network_key(address) is not None:
        return None
    reason = "this is no network, and " + NEVER_APPLIES
    return address.find(b"/"), reason, "write four numbers and a length, like 10.0.0.0/8"


def _range(address: bytes) -> "Finding | None":
    keys = expand(address)
    dash = address.find(b"-")
    upper = address[dash + 1 :].partition(b".")[0]
    too_high = first_digits(upper, 4) > OCTET_MAX
    if keys and address[:dash].rpartition(b".")[2] == b"":
        return dash, "a range without its first number begins at 0", f"write 0-{_shown(upper) or 0}"
    if not keys and too_high:
        return dash + 1, "a range stands for no numbers above 255", "write numbers from 0 to 255"
    if not keys:
        return dash, "the range goes downwards and stands for nothing", "write the smaller number first"
    if too_high:
        return dash + 1, "numbers above 255 are left out of a range", f"write {OCTET_MAX}"
    if is_plain(keys[0]):
        return None
    if b"/" in address:
        return (
            0,
            "a range with a length is no network, and " + NEVER_APPLIES,
            "write each network on a line of its own",
        )
    _, reason, suggestion = _numbers(keys[0])
    return 0, reason, suggestion.replace(_shown(keys[0]), _shown(address))


def _numbers(address: bytes) -> "Finding":
    """Return what is wrong with an address that should be numbers and dots."""
    if address.strip(b"0123456789."):
        return _letters(address)
    at = 0
    for part in address.split(b"."):
        if part and part not in OCTETS:
            if part[:1] == b"0":
                return at, f"an octet has no leading zeros; {NEVER_APPLIES}", "leave them out"
            return at, f"an octet is at most 255; {NEVER_APPLIES}", "write a number from 0 to 255"
        at += len(part) + 1
    count = len(address.split(b"."))
    if count <= 3 and address[-1:] != b"." and address[:1] != b"." and b".." not in address:
        suggestion = f"write {_shown(address)}. for all that begin so"
        return len(address), f"a prefix ends in a dot; {NEVER_APPLIES}", suggestion
    return 0, f"an address has four numbers; {NEVER_APPLIES}", "write four, or a prefix of them with its dot"


def _letters(address: bytes) -> "Finding":
    if b"*" in address and not address.replace(b"*", b"").strip(b"0123456789."):
        prefix = address.partition(b"*")[0]
        advice = "write " + _shown(prefix) if prefix else EVERYBODY
        return address.find(b"*"), f"there are no wildcards; {NEVER_APPLIES}", advice
    if address.lower() == b"all":
        return 0, NEVER_APPLIES, EVERYBODY
    if address[:2] == b"*.":
        address = address[1:]
    if any(byte in LETTERS for byte in address) and not address.strip(LETTERS + b"0123456789.-_"):
        return 0, NEVER_APPLIES, f"a name is written ={_shown(address.lower())}"
    return 0, NEVER_APPLIES, "write an IP address, a prefix of one with its dot, or =name"


def _variables(text: bytes, rule: Rule) -> "Iterator[Finding]":
    at = len(rule.address) + 1 + (5 if rule.allowed else 4)
    for name, value in rule.variables:
        equals = at + 1 + len(name)
        if not name.strip(LETTERS + b"0123456789_") and name:
            remark = limit_remark(name, value)
            if remark is not None:
                yield equals + 2 if name in LIMITS else at + 1, *remark
        elif not name or name[:1] == b",":
            yield at + 1, "a variable has no name", 'write NAME="value"'
        elif name != name.strip(b" \t"):
            yield at + 1, "a blank is part of the variable's name", "leave it out"
        elif b"\0" in name:
            yield at + 1, "a NUL is part of the variable's name", "leave it out"
        elif b'"' in name or b"'" in name:
            yield at + 1, "a quote is part of the variable's name", "leave it out"
        quote = text[equals + 1 : equals + 2]
        if quote.isalnum() or quote in (b" ", b"\t", b"\0", b","):
            meant = f'write {_shown(name.strip())}="..."'
            yield equals + 1, f"{_quoted(quote)} serves as the quote of this value", meant
        if b"\0" in value:
            yield equals + 2 + value.find(b"\0"), "the value ends at this NUL", "leave it out"
        at = equals + 2 + len(value) + 1


def _quoted(byte: bytes) -> str:
    return {b" ": "a blank", b"\t": "a tab", b"\0": "a NUL", b",": "a comma"}.get(
        byte, f"the character {_shown(byte)}"
    )


def _shown(text: bytes) -> str:
    return text.decode("ascii", "backslashreplace")
