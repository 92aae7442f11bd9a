"""Names of variables that set a limit in `tcpserver`, and names that look so and set none.

Rules come from other servers, from memory and from web pages.  A limit with a
wrong name is a variable like any other: it limits nothing, and nobody notices.
"""

from ucspi.decimal import whole_number

LIMITS = frozenset((b"MAXCONNIP", b"MAXCONIP", b"MAXPERIP", b"MAXCONNC", b"MAXLOAD", b"MAXTIME"))
DIGITS_MAX = 18  # no limit has more
PREFIX = b"MAX"  # all that is remarked on begins so; `cdbext/rules/compile.c` relies on it

_ADDRESS = "write MAXCONNIP"
_NETWORK = "write MAXCONNC"
_LOAD = "write MAXLOAD"
_TIME = "write MAXTIME"
_IDLE = "write --idle-time on the command line"
_ALL = "-c limits all clients together, MAXCONNIP those of one address"
_RATE = "write --rate on the command line"

# What to write instead of a name; names are as `_plain` makes them.
_ADVICE = {
    **dict.fromkeys(
        (
            *(b"MAXCONIP", b"MAXPERIP"),  # in small letters or with underscores
            *(b"MAXCONPERIP", b"MAXCONSPERIP", b"MAXCLIENTSPERIP", b"MAXIPCON", b"MAXIP", b"MAXSAMEIP"),
            *(b"MAXPERHOST", b"MAXCONHOST", b"MAXCONPERHOST", b"MAXPERCLIENT", b"MAXCONADR", b"MAXPERADR"),
            *(b"MAXPERSOURCE", b"MAXCONPERSOURCE", b"MAXCONECTIONSPERIP"),
            b"MAXCONECTIONSPERSOURCE",  # systemd's
        ),
        _ADDRESS,
    ),
    **dict.fromkeys(
        (
            *(b"MAXCONC", b"MAXPERC", b"MAXCONPERC", b"MAXCONET", b"MAXPERNET", b"MAXCONPERNET"),
            *(b"MAXPERNETWORK", b"MAXCONSUBNET", b"MAXPERSUBNET", b"MAXCONCIDR", b"MAXPERCIDR"),
        ),
        _NETWORK,
    ),
    **dict.fromkeys(
        (b"MAXLOAD", b"MAXLOADAVG", b"MAXLOADAVERAGE", b"MAXAVGLOAD", b"MAXSYSLOAD", b"MAXLOAD1", b"MAXLA"),
        _LOAD,  # xinetd's is max_load
    ),
    **dict.fromkeys(
        (
            *(b"MAXCON", b"MAXCONS", b"MAXCONECT", b"MAXCONECTION", b"MAXCONECTIONS", b"MAXCONCURENCY"),
            *(b"MAXCONCURENT", b"MAXCLIENT", b"MAXCLIENTS", b"MAXCHILDREN", b"MAXINSTANCES"),
        ),
        _ALL,
    ),
    **dict.fromkeys(
        (
            *(b"MAXTIME", b"MAXTIMEOUT", b"MAXCONTIME", b"MAXDURATION", b"MAXSECONDS", b"MAXSECS"),
            *(b"MAXRUNTIME", b"MAXLIFETIME", b"MAXSESIONTIME", b"MAXAGE"),
        ),
        _TIME,
    ),
    **dict.fromkeys((b"MAXIDLE", b"MAXIDLETIME", b"MAXIDLESECONDS"), _IDLE),
    **dict.fromkeys((b"MAXCONRATE", b"MAXCONPERSEC", b"MAXCONPERSECOND", b"MAXCONPERMIN"), _RATE),
}


def limit_remark(name: bytes, value: bytes) -> tuple[str, str] | None:
    """Return what is wrong with a variable that is meant as a limit, and what to do; None for any other one.

    `tcpserver` drops each client of a rule whose limit is no number.
    """
    if name in LIMITS:
        return _value_remark(name, value)
    instead = _advice(name)
    return None if instead is None else ("this variable limits nothing here", instead)


def _value_remark(name: bytes, value: bytes) -> tuple[str, str] | None:
    """Return what is wrong with the value of a limit, and what to do; None if `tcpserver` takes it."""
    number = whole_number(value, 10**DIGITS_MAX) if len(value) <= DIGITS_MAX else None
    if number is None:
        return "this limit is no number, so each client of the rule is dropped", "write digits, at most 18"
    if number == 0 and name == b"MAXTIME":
        return "this limit is 0, so each client of the rule is dropped", "write seconds, at least 1"
    return None


def _advice(name: bytes) -> str | None:
    """Return what to write instead of a variable that looks like a limit and is none; else None."""
    if name[:3].upper() != PREFIX:
        return None
    plain = _plain(name)
    found = _ADVICE.get(plain)
    if found is not None:
        return found
    return next((_ADVICE[_plain(limit)] for limit in sorted(LIMITS) if _is_slip(plain, _plain(limit))), None)


def _plain(name: bytes) -> bytes:
    """Return a name in capitals, without underscores, double letters once."""
    letters = name.upper().replace(b"_", b"")
    return bytes(byte for at, byte in enumerate(letters) if letters[at - 1 : at] != letters[at : at + 1])


def _is_slip(name: bytes, limit: bytes) -> bool:
    """Return whether a name has one letter more or less than a limit, or two changed places.

    One wrong letter is not enough: a handler may have a MAXLOAF.
    """
    common = 0
    while common < min(len(name), len(limit)) and name[common] == limit[common]:
        common += 1
    name, limit = name[common:], limit[common:]
    while name and limit and name[-1] == limit[-1]:
        name, limit = name[:-1], limit[:-1]
    return len(name) + len(limit) == 1 or (len(name) == 2 and name == limit[::-1])
