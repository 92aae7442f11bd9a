"""What tcpserver's command line means."""

import os

from ucspi.programs import _options
from ucspi.programs._program import Stop, fatal
from ucspi.tcp.settings import Settings
from ucspi.unix.environ import value_of
from ucspi.unix.privilege import Identity

NAME = b"tcpserver"
USAGE = (
    b"tcpserver: usage: tcpserver [ -1UXpPhHrRoOdDqQv ] [ -c limit ] [ -x rules.cdb ] [ -B banner ]"
    b" [ -g gid ] [ -u uid ] [ -b backlog ] [ -l localname ] [ -t timeout ] host port program"
)
WORDS = {
    b"listen": True,
    b"timeout-names": True,
    b"lookups": True,
    b"per-ip": True,
    b"per-net": True,
    b"limit-message": True,
    b"holders": False,
    b"drain": True,
    b"rules-text": True,
    b"signals": True,
    b"ready-fd": True,
    b"listen-fd": True,
    b"listen-fds": False,
}
LETTERS = b"dDvqQhHrR1UXx:t:u:g:l:b:B:c:pPoO"


class Choices:
    """The options of one command line, later ones having won, and its operands."""

    __slots__ = (
        "group",
        "listen",
        "listen_descriptors",
        "missing_rules_allow",
        "operands",
        "print_port",
        "ready_descriptor",
        "rules",
        "rules_text",
        "settings",
        "user",
    )

    def __init__(self) -> None:
        """Begin with the defaults."""
        self.settings = Settings()
        self.user = Identity()  # of -u, or -U
        self.group: int | None = None  # of -g, or -U; overrides the user's own
        self.print_port = False
        self.listen_descriptors: list[int] = []  # listening sockets instead of host and port
        self.ready_descriptor: int | None = None
        self.listen: list[tuple[bytes, bytes]] = []  # further hosts and ports
        self.rules: bytes | None = None
        self.rules_text: bytes | None = None
        self.missing_rules_allow = False
        self.operands: list[bytes] = []

    def identity(self) -> Identity:
        """Return whom to become; an id of 0 means no change, as in the original."""
        uid, gid, groups = self.user.uid, self.user.gid, self.user.groups
        if self.group is not None:
            gid, groups = self.group or None, [self.group] if self.group else None
        return Identity(uid or None, gid, groups)


def choose(argv: list[bytes], inherited: list[bytes]) -> Choices:
    """Read a command line.

    Args:
        argv: all of it, the program's name first.
        inherited: the environment, which ``-U`` reads.

    Raises:
        Stop: an option or its value makes no sense; exit code 100, or 111 for
            a user or group that is unknown.
    """
    options, operands = _options.parse(argv, LETTERS, USAGE, WORDS)
    choices = Choices()
    choices.operands = operands
    for letter, value in options:
        _apply(choices, letter, value, inherited)
    if choices.rules is not None and choices.rules_text is not None:
        raise _refuse(b"-x and --rules-text exclude each other")
    return choices


def _apply(choices: Choices, letter: bytes, value: bytes, inherited: list[bytes]) -> None:
    settings = choices.settings
    if letter in _FLAGS:
        name, flag = _FLAGS[letter]
        setattr(settings, name, flag)
    elif letter in _NUMBERS:
        setattr(settings, _NUMBERS[letter], _number(letter, value))
        if not settings.limit:
            raise _refuse(b"-c 0 would never accept a connection; give 1 or more")
        if not settings.lookup_limit:
            raise _refuse(b"--lookups 0 would never look anything up; give 1 or more, or -H -R -l0")
    elif letter == b"1":
        choices.print_port = True
    elif letter == b"X":
        choices.missing_rules_allow = True
    elif letter == b"x":
        choices.rules = value
    elif letter == b"rules-text":
        choices.rules_text = value
    elif letter == b"B":
        settings.banner = value
    elif letter == b"per-net":
        _set_per_net(settings, value)
    elif letter == b"signals":
        if value != b"s6":
            raise _refuse(b"--signals wants s6, not " + (value or b"nothing"))
        settings.is_s6 = True
    elif letter in (b"ready-fd", b"listen-fd", b"listen-fds"):
        _apply_descriptor(choices, letter, value, inherited)
    elif letter == b"limit-message":
        settings.limit_message = value
    elif letter == b"listen":
        choices.listen.append(_place(value))
    elif letter == b"l":
        settings.local_host = value
    else:
        _apply_identity(choices, letter, value, inherited)


_FLAGS: dict[bytes, tuple[str, bool | int]] = {
    b"q": ("verbosity", 0),
    b"Q": ("verbosity", 1),
    b"v": ("verbosity", 2),
    b"h": ("lookup_remote_host", True),
    b"H": ("lookup_remote_host", False),
    b"p": ("paranoid", True),
    b"P": ("paranoid", False),
    b"r": ("ask_info", True),
    b"R": ("ask_info", False),
    b"o": ("clear_ip_options", False),
    b"holders": ("tell_holders", True),
    b"O": ("clear_ip_options", True),
    b"d": ("no_delay", False),
    b"D": ("no_delay", True),
}
_NUMBERS = {
    b"c": "limit",
    b"b": "backlog",
    b"t": "info_timeout",
    b"timeout-names": "names_timeout",
    b"lookups": "lookup_limit",
    b"per-ip": "per_ip",
    b"drain": "drain_time",
}
_LARGEST = 2**31 - 1
_LARGEST_ID = 2**32 - 2  # one more means none, to the kernel


def _number(option: bytes, value: bytes, largest: int = _LARGEST) -> int:
    return _options.number(NAME, option, value, largest)


def _apply_descriptor(choices: Choices, word: bytes, value: bytes, inherited: list[bytes]) -> None:
    if word == b"listen-fds":
        choices.listen_descriptors += _passed_descriptors(inherited)
    elif word == b"listen-fd":
        choices.listen_descriptors.append(_number(word, value))
    else:
        choices.ready_descriptor = _number(word, value)
        if choices.ready_descriptor in (0, 2):
            raise _refuse(b"--ready-fd %s is taken; use 1, or 3 and more" % value)


def _passed_descriptors(inherited: list[bytes]) -> "range":
    """Return the sockets that a service manager passed, as sd_listen_fds(3) says."""
    count = value_of(inherited, b"LISTEN_FDS") or b""
    if value_of(inherited, b"LISTEN_PID") != b"%d" % os.getpid() or not count.isdigit() or not int(count):
        raise _refuse(b"--listen-fds needs $LISTEN_FDS and $LISTEN_PID of this process; none was passed")
    return range(3, 3 + int(count))


def _set_per_net(settings: Settings, value: bytes) -> None:
    """Read ``N`` or ``N/BITS4/BITS6``: the limit, and how many bits of an address are its network."""
    number, *bits = value.split(b"/")
    settings.per_net = _number(b"per-net", number)
    if bits:
        if len(bits) != 2:
            raise _refuse(b"--per-net wants N or N/BITS4/BITS6, such as 10/24/64, not " + value)
        settings.net4_bits, settings.net6_bits = (_number(b"per-net", text) for text in bits)
        if settings.net4_bits > 32 or settings.net6_bits > 128:
            raise _refuse(b"--per-net: an IPv4 address has 32 bits, an IPv6 address 128, not " + value)


def _place(value: bytes) -> tuple[bytes, bytes]:
    """Split ``ADDRESS:PORT`` at its last colon; an IPv6 address stands in brackets."""
    host, colon, port = value.rpartition(b":")
    if not colon or (b":" in host and not (host[:1] == b"[" and host[-1:] == b"]")):
        raise _refuse(
            b"--listen wants ADDRESS:PORT, an IPv6 address in brackets, not " + (value or b"nothing")
        )
    return host, port


def _apply_identity(choices: Choices, letter: bytes, value: bytes, inherited: list[bytes]) -> None:
    if letter == b"U":
        _apply_environment(choices, inherited)
    elif letter == b"g":
        choices.group = _find_group(letter, value)
    elif value.isdigit():
        choices.user = Identity(_number(letter, value, _LARGEST_ID))
    else:
        choices.user = _find_user(value)


def _apply_environment(choices: Choices, inherited: list[bytes]) -> None:
    """Do what ``-U`` asks.  As root both variables must be there: root by accident is no choice."""
    for name in (b"UID", b"GID"):
        value = value_of(inherited, name)
        if value is None:
            if os.geteuid() == 0:
                raise _refuse(b"-U needs $%s in the environment; 0 means no change" % name)
        elif name == b"UID":
            choices.user = Identity(_number(b"U", value, _LARGEST_ID))
        else:
            choices.group = _number(b"U", value, _LARGEST_ID)


def _find_user(value: bytes) -> Identity:
    """Return the identity for ``NAME`` or ``NAME:GROUP``: that user, with the user's own groups."""
    import pwd

    name, _, group = value.partition(b":")
    try:
        entry = pwd.getpwnam(os.fsdecode(name))
    except KeyError:
        raise fatal(NAME, b"unknown user " + name) from None
    gid = entry.pw_gid
    if group:
        gid = _find_group(b"u", group)
    return Identity(entry.pw_uid, gid, os.getgrouplist(entry.pw_name, gid))


def _find_group(option: bytes, value: bytes) -> int:
    if value.isdigit():
        return _number(option, value, _LARGEST_ID)
    import grp

    try:
        return grp.getgrnam(os.fsdecode(value)).gr_gid
    except KeyError:
        raise fatal(NAME, b"unknown group " + value) from None


def _refuse(text: bytes) -> Stop:
    return fatal(NAME, text, code=100)
