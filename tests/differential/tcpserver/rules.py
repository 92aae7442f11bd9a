"""Rules at connection time: sound, missing, replaced, damaged."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.differential.tcpserver import differences
from tests.differential.tcpserver.case import PLAIN, Case
from tests.differential.tcpserver.server import Launch, Server

RULES = b"""\
127.0.0.2:deny
127.0.0.3:deny,WHY="told"
127.0.0.4:allow,A="1",B="",C="a,b:c=d",PROTO="mine",TCPREMOTEIP="9.9.9.9",PATH="/nowhere"
127.0.0.5:allow,TWICE="1",TWICE="2",TCPLOCALHOST="",TCPREMOTEHOST="x",TCPREMOTEINFO="y"
127.0.0.6-7:allow,RANGE="6"
127.0.0.9:allow,=/nameless/,A B=/blank/,Q="\xff\x01"
127.0.0.:allow,NET="1"
127.:deny
:allow
"""


def _rules() -> list[Case]:
    """Rules at connection time."""
    everybody = tuple(f"127.0.0.{n}" for n in range(1, 10)) + ("127.9.9.9",)
    with_rules = Launch((*PLAIN, b"-x", b"rules.cdb"))
    cases = [
        Case("rules", with_rules, everybody, RULES),
        Case("rules, errors only", Launch((b"-1HRl0", b"-xrules.cdb")), everybody, RULES),
        Case("rules and a banner", Launch((*PLAIN, b"-xrules.cdb", b"-Bhi\r\n")), everybody[:3], RULES),
        Case(
            "rules that find the handler's PATH",
            replace(
                with_rules, handler=(b"sh", b"-c", b"echo $PATH"), environment=((b"PATH", b"/usr/bin:/bin"),)
            ),
            everybody[3:4],
            RULES,
        ),
        Case(
            "rules over an inherited variable",
            replace(with_rules, environment=((b"A", b"old"), (b"NET", b"old"), (b"Z", b"1"))),
            everybody[:4],
            RULES,
        ),
        Case("a variable that is too long", with_rules, rules=b':allow,V="%s"\n' % (b"v" * 140000)),
        Case("a variable with a NUL", with_rules, rules=b':allow,V="a\0b",W="c"\n'),
        Case("no rule matches", with_rules, ("127.0.0.1",), b"10.:deny\n"),
        Case("an empty rules database", with_rules, ("127.0.0.1",), b""),
        Case("deny everybody", with_rules, ("127.0.0.1",) * 3, b":deny\n"),
        Case(
            "the last rules file counts",
            Launch((*PLAIN, b"-xnone.cdb", b"-xrules.cdb")),
            ("127.0.0.2",),
            RULES,
        ),
        Case(
            "rules on a network name",
            with_rules,
            ("127.0.0.1",),
            b'=:deny\n=x.y:deny\nme@127.0.0.1:deny\n:allow,D="1"\n',
        ),
        Case("rules missing", Launch((*PLAIN, b"-x", b"none.cdb")), ("127.0.0.1",) * 2),
        Case("rules missing, errors only", Launch((b"-1HRl0", b"-xnone.cdb"))),
        Case("rules missing, quiet", Launch((b"-q1HRl0", b"-xnone.cdb"))),
        Case("rules missing and tolerated", Launch((*PLAIN, b"-Xx", b"none.cdb"))),
        Case("rules missing, a banner", Launch((*PLAIN, b"-xnone.cdb", b"-Bhi"))),
        Case("rules under a file", Launch((*PLAIN, b"-X", b"-x", b"probe/rules.cdb"))),
        Case(
            "rules in a loop",
            Launch((*PLAIN, b"-X", b"-x", b"loop")),
            prepare=lambda d: (d / "loop").symlink_to("loop"),
        ),
        Case("rules of an empty name", Launch((*PLAIN, b"-x", b""))),
        Case("rules that change", with_rules, script=_rules_change, rules=b":deny\n"),
    ]
    return cases + _damaged_rules()


def _rules_change(server: Server) -> dict[str, object]:
    """Replace, remove and bring back the rules between connections."""
    directory = Path(os.readlink(f"/proc/{server.pid}/cwd"))
    rules, kept = directory / "rules.cdb", directory / "kept.cdb"
    server.connect().finish()
    server.settle()
    os.rename(rules, kept)
    server.connect().finish()
    server.settle()
    os.rename(kept, rules)
    server.connect().finish()
    server.settle()
    return {}


def _damaged_rules() -> list[Case]:
    """Files that are no database; the original's answers vary, ours does not."""

    def cut(size: int) -> Callable[[Path], None]:
        return lambda directory: os.truncate(directory / "rules.cdb", size)

    def poke(offset: int, data: bytes) -> Callable[[Path], None]:
        def damage(directory: Path) -> None:
            with open(directory / "rules.cdb", "r+b") as file:
                file.seek(offset if offset >= 0 else os.path.getsize(directory / "rules.cdb") + offset)
                file.write(data)

        return damage

    damages: list[tuple[str, Callable[[Path], None]]] = [
        ("empty", cut(0)),
        ("one byte", cut(1)),
        ("a cut header", cut(2047)),
        ("a header alone", cut(2048)),
        ("a cut record", cut(2060)),
        ("a cut table", poke(-8, b"")),
        ("a header of ones", poke(0, b"\xff" * 2048)),
        ("a header of zeros", poke(0, bytes(2048))),
        ("a record that is too long", poke(2048, b"\xff\xff\xff\x7f")),
        ("data that is too long", poke(2052, b"\xff\xff\xff\x7f")),
    ]
    launch = Launch((*PLAIN, b"-x", b"rules.cdb"))
    cases = []
    for name, damage in damages:
        if name == "a cut table":
            damage = _cut_last_slot
        cases.append(
            Case(
                f"rules damaged: {name}",
                launch,
                ("127.0.0.1",) * 2,
                b'127.0.0.1:allow,A="1"\n:deny\n',
                prepare=damage,
                expect=differences.dropped(b"rules.cdb", b"protocol error"),
            )
        )
    return cases


def _cut_last_slot(directory: Path) -> None:
    os.truncate(directory / "rules.cdb", os.path.getsize(directory / "rules.cdb") - 8)


CASES = _rules()
