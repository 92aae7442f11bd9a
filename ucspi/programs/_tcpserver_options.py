"""Reads tcpserver's command line."""

import posix as os

from ucspi.programs import _options
from ucspi.programs._tcpserver_values import (
    LARGEST_ID,
    find_group,
    find_user,
    host_and_port,
    number,
    parse_rate_option,
    passed_descriptors,
    require_sockets_of_ours,
    take_socket_option,
    usage_error,
)
from ucspi.tcp.server.settings import Settings
from ucspi.unix.environ import value_of
from ucspi.unix.privilege import Identity

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
    b"rate": True,
    b"limit-message": True,
    b"pending": True,
    b"proxy-from": True,
    b"timeout-proxy": True,
    b"proxy-max": True,
    b"proxy-local": True,
    b"tls": False,
    b"tls-cert": True,
    b"tls-dir": True,
    b"tls-client-ca": True,
    b"tls-client": True,
    b"tls-min": True,
    b"tls-alpn": True,
    b"tls-socketpair": False,
    b"tls-user": True,
    b"tls-processes": True,
    b"timeout-tls": True,
    b"holders": False,
    b"drain": True,
    b"exit-when-idle": True,
    b"max-time": True,
    b"idle-time": True,
    b"rules-text": True,
    b"log": True,
    b"status-file": True,
    b"status-signal": True,
    b"signals": True,
    b"ready-fd": True,
    b"listen-fd": True,
    b"listen-fds": False,
    b"keepalive": True,
    b"defer-accept": True,
    b"reuse-port": False,
    b"bind-to-device": True,
    b"free-bind": False,
}
LETTERS = b"dDvqQhHrR1UXx:t:u:g:l:b:B:c:pPoO"


class Choices:
    """The options of a command line, where the last one of a kind counts, and its operands."""

    __slots__ = (
        "group",
        "listen",
        "listen_descriptors",
        "listen_paths",
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
        self.settings = Settings()
        self.user = Identity()  # of -u, or -U
        self.group: int | None = None  # of -g, or -U; overrides the user's own
        self.print_port = False
        self.listen_descriptors: list[int] = []  # listening sockets instead of host and port
        self.ready_descriptor: int | None = None
        self.listen: list[tuple[bytes, bytes]] = []  # further hosts and ports
        self.listen_paths: list[tuple[bytes, int | None]] = []  # UNIX-domain sockets, with modes
        self.rules: bytes | None = None
        self.rules_text: bytes | None = None
        self.missing_rules_allow = False
        self.operands: list[bytes] = []

    def identity(self) -> Identity:
        """Return the ids to change to; an id of 0 means no change, as in the original."""
        uid, gid, groups = self.user.uid, self.user.gid, self.user.groups
        if self.group is not None:
            gid, groups = self.group or None, [self.group] if self.group else None
        return Identity(uid or None, gid, groups)


def read_command_line(argv: list[bytes], inherited: list[bytes]) -> Choices:
    """Read a command line.

    Args:
        argv: all of it, the program's name first.
        inherited: the environment, which ``-U`` reads.

    Raises:
        Stop: an option is unknown, or its value is not valid; exit code 100, or
            111 for an unknown user or group.
    """
    options, operands = _options.parse(argv, LETTERS, USAGE, WORDS)
    choices = Choices()
    choices.operands = operands
    for letter, value in options:
        _apply(choices, letter, value, inherited)
    if choices.rules is not None and choices.rules_text is not None:
        raise usage_error(b"-x and --rules-text exclude each other")
    if choices.settings.status_on_signal and choices.settings.status_file is None:
        raise usage_error(b"--status-signal needs --status-file")
    require_sockets_of_ours(choices.settings, bool(choices.listen) or not choices.listen_descriptors)
    is_passed = choices.listen_descriptors and not (choices.listen or choices.listen_paths)
    if choices.settings.exit_time is not None and not is_passed:
        text = b"--exit-when-idle is for sockets that are passed: those of its own would end with the server"
        raise usage_error(text)
    if choices.settings.tls is not None:
        from ucspi.programs._tcpserver_tls import require_whole

        require_whole(choices.settings.tls)
    if choices.settings.proxy_from is None:
        for word in (b"timeout-proxy", b"proxy-max", b"proxy-local"):
            if any(letter == word for letter, _ in options):
                raise usage_error(b"--%s needs --proxy-from" % word)
    given = [*choices.listen_descriptors, choices.ready_descriptor]
    if len(set(given)) < len(given):
        raise usage_error(b"--listen-fd, --listen-fds and --ready-fd name one descriptor twice")
    return choices


def _apply(choices: Choices, letter: bytes, value: bytes, inherited: list[bytes]) -> None:
    settings = choices.settings
    if letter in _FLAGS:
        name, flag = _FLAGS[letter]
        setattr(settings, name, flag)
    elif letter in _NUMBERS:
        setattr(settings, _NUMBERS[letter], number(letter, value))
        if not settings.limit:
            raise usage_error(b"-c 0 would never accept a connection; give 1 or more")
        if not settings.lookup_limit:
            raise usage_error(b"--lookups 0 would never look anything up; give 1 or more, or -H -R -l0")
        if not settings.pending:
            raise usage_error(b"--pending 0 would turn away who does not send at once; give 1 or more")
        if settings.per_ip == 0:
            raise usage_error(b"--per-ip 0 would turn everybody away; give 1 or more")
        if settings.max_time == 0 or settings.idle_time == 0:
            raise usage_error(b"--%s 0 would end every handler at once; give 1 or more" % letter)
        if settings.exit_time == 0:
            raise usage_error(b"--exit-when-idle 0 would end the server at once; give 1 or more")
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
    elif letter == b"rate":
        settings.rate = parse_rate_option(value)
    elif letter == b"signals":
        if value != b"s6":
            raise usage_error(b"--signals wants s6, not " + (value or b"nothing"))
        settings.is_s6 = True
    elif letter in (b"log", b"status-file", b"status-signal"):
        _apply_report(settings, letter, value)
    elif letter in (b"ready-fd", b"listen-fd", b"listen-fds"):
        _apply_descriptor(choices, letter, value, inherited)
    elif letter in _SOCKET_WORDS:
        take_socket_option(settings, letter, value)
    elif letter in (b"proxy-from", b"timeout-proxy", b"proxy-max", b"proxy-local"):
        from ucspi.programs._tcpserver_proxy import apply

        apply(settings, letter, value)
    elif letter.startswith(b"tls") or letter == b"timeout-tls":
        from ucspi.programs._tcpserver_tls import apply as apply_tls

        apply_tls(settings, letter, value)
    elif letter == b"limit-message":
        settings.limit_message = value
    elif letter == b"listen":
        _apply_listen(choices, value)
    elif letter == b"l":
        settings.local_host = value
    else:
        _apply_identity(choices, letter, value, inherited)


_FLAGS = _options.LOOKUP_FLAGS | {
    b"p": ("paranoid", True),
    b"P": ("paranoid", False),
    b"o": ("clear_ip_options", False),
    b"holders": ("report_holders", True),
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
    b"pending": "pending",
    b"drain": "drain_time",
    b"exit-when-idle": "exit_time",
    b"max-time": "max_time",
    b"idle-time": "idle_time",
}
_SOCKET_WORDS = (b"keepalive", b"defer-accept", b"reuse-port", b"bind-to-device", b"free-bind")


def _apply_report(settings: Settings, word: bytes, value: bytes) -> None:
    if word == b"log":
        if value not in (b"classic", b"json", b"both"):
            raise usage_error(b"--log wants classic, json or both, not " + (value or b"nothing"))
        settings.log = value
    elif word == b"status-signal":
        if value != b"USR1":
            raise usage_error(b"--status-signal wants USR1, not " + (value or b"nothing"))
        settings.status_on_signal = True
    elif not value:
        raise usage_error(b"--status-file wants a file, not nothing")
    else:
        settings.status_file = value


def _apply_descriptor(choices: Choices, word: bytes, value: bytes, inherited: list[bytes]) -> None:
    if word == b"listen-fds":
        choices.listen_descriptors += passed_descriptors(inherited)
    elif word == b"listen-fd":
        choices.listen_descriptors.append(number(word, value))
    else:
        choices.ready_descriptor = number(word, value)
        if choices.ready_descriptor in (0, 2):
            raise usage_error(b"--ready-fd %s is taken; use 1, or 3 and more" % value)


def _set_per_net(settings: Settings, value: bytes) -> None:
    """Read ``N`` or ``N/BITS4/BITS6``: the limit, and how many bits of an address name its network."""
    most, *bits = value.split(b"/")
    settings.per_net = number(b"per-net", most)
    if not settings.per_net:
        raise usage_error(b"--per-net 0 would turn everybody away; give 1 or more")
    if bits:
        if len(bits) != 2:
            raise usage_error(b"--per-net wants N or N/BITS4/BITS6, such as 10/24/64, not " + value)
        settings.net4_bits, settings.net6_bits = (number(b"per-net", text) for text in bits)
        if settings.net4_bits > 32 or settings.net6_bits > 128:
            raise usage_error(b"--per-net: an IPv4 address has 32 bits, an IPv6 address 128, not " + value)


def _apply_listen(choices: Choices, value: bytes) -> None:
    if value.startswith(b"unix:") and b"/" in value:
        from ucspi.tcp.server.unixdoor import BadPlaceError, parse_place

        try:
            choices.listen_paths.append(parse_place(value.removeprefix(b"unix:")))
        except BadPlaceError as bad:
            raise usage_error(b"--listen unix: wants %s, not %s" % (bad.args[0], value[5:300])) from None
    else:
        choices.listen.append(host_and_port(value))


def _apply_identity(choices: Choices, letter: bytes, value: bytes, inherited: list[bytes]) -> None:
    if letter == b"U":
        _apply_environment(choices, inherited)
    elif letter == b"g":
        choices.group = find_group(letter, value)
    elif value.isdigit():
        choices.user = Identity(number(letter, value, LARGEST_ID))
    else:
        choices.user = find_user(value)


def _apply_environment(choices: Choices, inherited: list[bytes]) -> None:
    """Take the ids of ``-U``.  Root must set both variables, so that it stays root only on purpose."""
    for name in (b"UID", b"GID"):
        value = value_of(inherited, name)
        if value is None:
            if os.geteuid() == 0:
                raise usage_error(b"-U needs $%s in the environment; 0 means no change" % name)
        elif name == b"UID":
            choices.user = Identity(number(b"U", value, LARGEST_ID))
        else:
            choices.group = number(b"U", value, LARGEST_ID)
