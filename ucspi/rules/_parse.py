"""Parsing one line of rules text.

    line         = address ":" instructions     (blanks at its end do not count)
    instructions = "allow" or "deny", then any number of variables
    variable     = "," NAME "=" QUOTE VALUE QUOTE

NAME is everything up to the next ``=``, QUOTE is any one byte, VALUE is
everything up to the next such byte; there is no escape character.  A comment
starts in the first column.  A line without a colon is neither a rule nor an
error.

The address ends at the first colon.  If no instruction follows that, which 0.88
refuses, an IPv6 address may end at the first colon before an instruction.

Source: cr.yp.to/ucspi-tcp/tcprules.html; what that page leaves open (names with
commas, letters as quotes, blanks) is observed from the original ``tcprules``.
"""

from ucspi.errors import RuleSyntaxError
from ucspi.rules._checkinput import TLS, require_bytes
from ucspi.rules._expand import expand
from ucspi.rules._networkkey import looks_like_ipv6, network_key
from ucspi.value import Value

INSTRUCTIONS = (b"deny", b"allow")
IPV6_MAX = 64  # bytes that hold any spelling of an IPv6 address, brackets and length included
BLANKS = b" \t\n"  # not b"\r": a line that ends in it is an error, as it was


class Rule(Value):
    """The rule on a line: allow or deny the clients of an address, and set variables."""

    __slots__ = ("address", "allowed", "variables")
    __match_args__ = ("address", "allowed", "variables")

    def __init__(
        self, address: bytes, allowed: bool, variables: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        """Take the address as it is on the line, and (name, value) pairs in the order of the line."""
        require_bytes("address", address)
        for name, value in variables:
            require_bytes("name", name)
            require_bytes("value", value)
        self.address, self.allowed, self.variables = address, allowed, variables


def parse(line: bytes, number: int = 1) -> Rule | None:
    """Return the rule on a line, or None if there is none.

    Args:
        line: with or without its newline; any bytes.
        number: the line's number, for the error.

    Returns:
        None for an empty line, a comment and a line without a colon.

    Raises:
        RuleSyntaxError: the line is not valid.  ``column`` is that of the
            leftmost fault, ``text`` the line without the blanks at its end.
    """
    require_bytes("line", line)
    text = line.rstrip(BLANKS)
    colon = text.find(b":")
    if colon < 0 or text[:1] == b"#":
        return None
    if not text.startswith(INSTRUCTIONS, colon + 1):
        colon = _end_of_ipv6(text, colon)
    address = text[:colon]
    try:
        expand(address)
        allowed, at = _parse_verdict(text, colon + 1)
        return Rule(address, allowed, _parse_variables(text, at))
    except RuleSyntaxError as error:
        raise RuleSyntaxError(
            error.reason, line=number, column=error.column, text=text, suggestion=error.suggestion
        ) from None


def _end_of_ipv6(text: bytes, colon: int) -> int:
    """Return where an IPv6 address that begins the line ends, else ``colon``."""
    ends = [at for at in (text.find(b":" + word) for word in INSTRUCTIONS) if at >= 0]
    if ends and looks_like_ipv6(text[: min(ends)]):
        return min(ends)
    return _end_without_instruction(text, colon)


def _end_without_instruction(text: bytes, colon: int) -> int:
    """Return where an IPv6 address without an instruction ends, for the error; else ``colon``."""
    end = len(text)
    while end > colon:
        if end <= IPV6_MAX and looks_like_ipv6(text[:end]) and _is_address(text[:end]):
            return end
        end = text.rfind(b":", 0, min(end, IPV6_MAX + 1))
    return colon


def _is_address(text: bytes) -> bool:
    try:
        return network_key(text) is not None
    except RuleSyntaxError:
        return False


def _parse_verdict(text: bytes, at: int) -> tuple[bool, int]:
    """Return whether the word at a position is ``allow``, and where it ends."""
    if text.startswith(b"deny", at):
        return False, at + 4
    if text.startswith(b"allow", at):
        return True, at + 5
    if at > len(text):
        raise _fault("no instruction follows this address", at - 1, text, "write :allow or :deny behind it")
    raise _fault("allow or deny must follow the colon at once, in lower case", at, text, _meant(text, at))


def _meant(text: bytes, at: int) -> str:
    wrong = text[at:]
    word = wrong.strip().partition(b",")[0].partition(b" ")[0].lower()
    if word in INSTRUCTIONS:
        return f"write {word.decode()}"
    if text.startswith(TLS) and b":" in wrong:  # fingerprints are often shown so
        return "write the fingerprint as 64 digits in lower case, without colons"
    return {b"accept": "write allow", b"permit": "write allow", b"reject": "write deny"}.get(
        word, "write one of them"
    )


def _parse_variables(text: bytes, at: int) -> tuple[tuple[bytes, bytes], ...]:
    variables = []
    while at < len(text):
        if text[at : at + 1] != b",":
            raise _stray(text, at)
        equals = text.find(b"=", at)
        if equals < 0:
            raise _fault('a variable has the form NAME="value"', at + 1, text, "write one, or no comma")
        quote = text[equals + 1 : equals + 2]
        if not quote:
            raise _fault("a quoted value must follow the equals sign", equals + 1, text, 'an empty one is ""')
        close = text.find(quote, equals + 2)
        if close < 0:
            raise _unclosed(text, equals + 1)
        variables.append((text[at + 1 : equals], text[equals + 2 : close]))
        at = close + 1
    return tuple(variables)


def _stray(text: bytes, at: int) -> RuleSyntaxError:
    rest = text[at:]
    if rest == b"\r":
        return _fault("a carriage return ends this line", at, text, "convert the file's DOS line ends")
    suggestion = 'write ,NAME="value" or nothing'
    if rest.lstrip(BLANKS)[:1] == b"#":
        suggestion = "give the comment a line of its own, with # in the first column"
    elif rest.lstrip(BLANKS)[:1] == b",":
        suggestion = "leave out the blanks before the comma"
    return _fault("only a comma and a variable can follow here", at, text, suggestion)


def _unclosed(text: bytes, at: int) -> RuleSyntaxError:
    value = text[at:].partition(b",")[0]
    suggestion = "write the same character behind the value"
    if value.isalnum() and value.isascii():
        suggestion = f'write "{value.decode()}"'
    elif value[:1] in (b" ", b"\t"):
        suggestion = "leave out the blank behind the equals sign"
    return _fault("the quote that starts here is not closed", at, text, suggestion)


def _fault(reason: str, at: int, text: bytes, suggestion: str = "") -> RuleSyntaxError:
    return RuleSyntaxError(reason, line=1, column=at + 1, text=text, suggestion=suggestion)
