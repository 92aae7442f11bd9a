"""What tcprules and tcprulescheck do beyond the originals, as whole programs."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.commands import ours
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
ODD = b'127:allow\n10.0.0.0/8:allow,A="b"\n:deny\n'
SAID = (
    b"rules:1:4: warning: a prefix ends in a dot; no client has this address, so the rule never applies; "
    b"write 127. for all that begin so\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with rules that deserve a warning, and an old database."""
    (tmp_path / "rules").write_bytes(ODD)
    (tmp_path / "old.cdb").write_bytes(b"old")
    return tmp_path


def run(
    place: Path, *command: str, text: bytes | None = None, **environment: str
) -> tuple[int, bytes, bytes]:
    (place / "rules").write_bytes(ODD if text is None else text)
    with open(place / "rules", "rb") as rules:
        done = subprocess.run(
            [*ours(command[0]), *command[1:]],
            stdin=rules,
            cwd=place,
            env=ENVIRONMENT | environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    return done.returncode, done.stdout, done.stderr


def test_warnings_change_neither_exit_code_nor_file(place: Path) -> None:
    assert run(place, "tcprules", "old.cdb", "t.tmp") == (0, b"", SAID)
    assert run(place, "tcprulescheck", "old.cdb", TCPREMOTEIP="11.0.0.1")[1] == b"rule :\ndeny connection\n"


def test_strict_refuses_what_is_warned_of(place: Path) -> None:
    code, _, said = run(place, "tcprules", "--strict", "old.cdb", "t.tmp")
    assert (code, said) == (100, b"tcprules: fatal: these rules are not accepted with --strict\n" + SAID)
    assert (place / "old.cdb").read_bytes() == b"old"
    assert run(place, "tcprules", "--strict", "old.cdb", "t.tmp", text=b":deny\n") == (0, b"", b"")
    code, _, said = run(place, "tcprules", "--strict", "old.cdb", "t.tmp", text=b"1:deny\n:foo\n")
    assert (code, said.splitlines()[0]) == (100, b"tcprules: fatal: unable to parse this line: :foo")


def test_option_behind_the_file_names_is_not_ignored(place: Path) -> None:
    for option in ("--strict", "--stats", "--check"):
        code, _, said = run(place, "tcprules", "old.cdb", "t.tmp", option)
        assert (code, said.splitlines()[0]) == (
            100,
            b"tcprules: fatal: options stand in front of the file names",
        )
    assert (place / "old.cdb").read_bytes() == b"old"
    assert run(place, "tcprules", "old.cdb", "t.tmp", "bogus", "-x") == (0, b"", SAID)


@pytest.mark.parametrize(
    "arguments",
    [("--chek", "rules"), ("--strict", "--stat", "old.cdb", "t.tmp"), ("--chek",), ("old.cdb", "--tmp")]
    + [("old.cdb", "t.tmp", "--strct"), ("--", "rules")],
)
def test_misspelt_option_costs_no_file(place: Path, arguments: tuple[str, ...]) -> None:
    """As the names of files they would make the original write over the rules."""
    code, made, said = run(place, "tcprules", *arguments)
    option = next(word for word in arguments if word.startswith("--") and word != "--strict").encode()
    line = b"tcprules: fatal: unknown option %s; a file of that name is ./%s\n" % (option, option)
    assert (code, made, said) == (100, b"", line)
    assert sorted(os.listdir(place)) == ["old.cdb", "rules"]
    assert (place / "rules").read_bytes() == ODD
    assert (place / "old.cdb").read_bytes() == b"old"


def test_option_without_its_file_is_told_from_a_missing_file(place: Path) -> None:
    for arguments in (
        ("--source", "old.cdb"),
        ("--source",),
        ("--explain", "--source"),
        ("--sorce", "rules", "old.cdb"),
    ):
        code, made, said = run(place, "tcprulescheck", *arguments)
        option = arguments[1 if arguments[0] == "--explain" else 0].encode()
        assert (code, made) == (111, b"")
        assert said.splitlines() == [
            b"tcprulescheck: fatal: unable to read %s: file does not exist" % option,
            b"tcprulescheck: %s is no option, or has no file and no rules.cdb behind it" % option,
        ]


def test_check_says_all_and_writes_nothing(place: Path) -> None:
    assert run(place, "tcprules", "--check", "rules") == (0, b"", SAID)
    assert run(place, "tcprules", "--check") == (0, b"", SAID)
    assert run(place, "tcprules", "--check", "--strict", "rules") == (100, b"", SAID)
    bad = b"1.:x\n2.:y\n"
    code, _, said = run(place, "tcprules", "--check", "rules", "rules", text=bad)
    assert (code, said.count(b"\n"), said.startswith(b"rules:1:4: ")) == (100, 4, True)
    assert run(place, "tcprules", "--check", "missing") == (
        111,
        b"",
        b"tcprules: fatal: unable to read missing: file does not exist\n",
    )
    assert sorted(path.name for path in place.iterdir()) == ["old.cdb", "rules"]


def test_stats_count(place: Path) -> None:
    text = b"# head\n1-3.:deny\n1.:allow\n:deny\n"
    code, counted, _ = run(place, "tcprules", "--stats", "old.cdb", "t.tmp", text=text)
    assert (code, counted) == (0, b"lines 4\nrules 3\nrecords 5\nwarnings 1\n")


def test_long_file_is_compiled_with_remarks_on_its_lines_alone(place: Path) -> None:
    text = b":deny\n" + b"10.0.0.1:deny\n" * 9000 + b"x:deny\n" * 30 + b"10.:allow\n"
    code, counted, said = run(place, "tcprules", "--stats", "old.cdb", "t.tmp", text=text)
    assert (code, counted) == (0, b"lines 9032\nrules 9032\nrecords 9032\nwarnings 30\n")
    lines = said.splitlines()
    assert lines[0].startswith(b"rules:9002:1: warning: no client has this address")
    assert (len(lines), lines[-1]) == (21, b"rules: 10 more warnings; see tcprules --check")


def test_explain_shows_each_address_and_the_line(place: Path) -> None:
    run(place, "tcprules", "old.cdb", "t.tmp")
    command = ("tcprulescheck", "--explain", "--source", "rules", "old.cdb")
    code, shown, _ = run(place, *command, TCPREMOTEIP="10.1.2.3", TCPREMOTEHOST="a.org")
    assert code == 0
    assert shown == (
        b"tried 10.1.2.3: no rule\n"
        b"tried =a.org: no rule\n"
        b"tried 10.1.2.: no rule\n"
        b"tried 10.1.: no rule\n"
        b"tried 10.: no rule\n"
        b"tried 10.0.0.0/8: allow, A=b, which decides\n"
        b"rules:2:1: this line\n"
        b"\n"
        b"rule 10.0.0.0/8:\n"
        b"set environment variable A=b\n"
        b"allow connection\n"
    )
    code, shown, _ = run(place, *command, TCPREMOTEIP="::1", text=b"9.:allow\n:allow\n")
    assert b"tried (the empty address): deny, which decides\nrules:2:1: it says something else now" in shown
    code, shown, _ = run(place, *command, TCPREMOTEIP="::1", text=b"9.:allow\n")
    assert b"rules: no line has this rule: it is not what was compiled\n" in shown


def test_certificate_is_judged_beside_the_address(place: Path) -> None:
    digits = "0a" * 32
    text = b'10.:allow\ntls+=client.example:allow,ROLE="backup"\ntls+%s:deny\ntls+:deny\n' % digits.encode()
    run(place, "tcprules", "old.cdb", "t.tmp", text=text)

    def judged(*options: str) -> tuple[int, bytes, bytes]:
        return run(place, "tcprulescheck", *options, "old.cdb", TCPREMOTEIP="10.0.0.1", text=text)

    address = b"rule 10.:\nallow connection\n"
    assert judged() == (0, address, b"")
    assert judged("--tls") == (0, address + b"certificate: rule tls+:\ndeny connection\n", b"")
    named = (
        b"certificate: rule tls+=client.example:\nset environment variable ROLE=backup\nallow connection\n"
    )
    assert judged("--tls-name", "other", "--tls-name", "Client.Example") == (0, address + named, b"")
    seen = judged(
        "--explain", "--source", "rules", "--tls-name", "client.example", "--tls-hash", digits.upper()
    )
    assert seen[1].partition(address)[2] == (
        b"certificate: tried tls+%(digits)s: deny, which decides\nrules:3:1: this line\n\n"
        b"certificate: rule tls+%(digits)s:\ndeny connection\n" % {b"digits": digits.encode()}
    )
    placed = judged("--source", "rules", "--tls")[1]
    assert placed == b"rules:1:1: this line\n" + address + (
        b"rules:4:1: this line\ncertificate: rule tls+:\ndeny connection\n"
    )


def test_fingerprint_with_colons_is_refused_with_one_line(place: Path) -> None:
    run(place, "tcprules", "old.cdb", "t.tmp")
    code, made, said = run(place, "tcprulescheck", "--tls-hash", "0A:0A", "old.cdb")
    assert (code, made) == (100, b"")
    needed = b"the 64 hexadecimal digits of a SHA-256, without colons"
    assert said == b"tcprulescheck: usage: --tls-hash needs %s: 0A:0A\n" % needed


def test_source_alone_names_the_line(place: Path) -> None:
    run(place, "tcprules", "old.cdb", "t.tmp", text=b"9.:allow\n")
    command = ("tcprulescheck", "--source", "rules", "old.cdb")
    shown = run(place, *command, TCPREMOTEIP="9.9.9.9", text=b"9.:allow\n")[1]
    assert shown == b"rules:1:1: this line\nrule 9.:\nallow connection\n"
    shown = run(place, *command, TCPREMOTEIP="8.9.9.9", text=b"9.:allow\n")[1]
    assert shown == b"default:\nallow connection\n"
    missing = run(place, "tcprulescheck", "--source", "gone", "old.cdb", TCPREMOTEIP="9.9.9.9")
    assert missing == (111, b"", b"tcprulescheck: fatal: unable to read gone: file does not exist\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a tiny file system")
def test_full_disk_leaves_the_old_file_and_names_the_new(place: Path) -> None:
    (place / "disk").mkdir()
    (place / "rules").write_bytes(b"".join(b"10.%d.%d.:deny\n" % (n >> 8, n & 255) for n in range(9000)))
    done = compile_on_disk(place, "mount -t tmpfs -o size=192k none disk && cp rules disk/old.cdb")
    assert done.returncode == 111
    assert done.stderr == b"tcprules: fatal: unable to write to t.tmp: out of disk space\n"
    assert done.stdout == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a directory read-only")
def test_directory_that_cannot_be_written_leaves_the_old_file_and_names_the_new(place: Path) -> None:
    (place / "disk").mkdir()
    (place / "rules").write_bytes(b":deny\n")
    (place / "disk" / "old.cdb").write_bytes(b":deny\n")
    done = compile_on_disk(place, "mount --bind disk disk && mount -o remount,ro,bind disk")
    assert done.returncode == 111
    assert done.stderr == b"tcprules: fatal: unable to create t.tmp: read-only file system\n"
    assert os.listdir(place / "disk") == ["old.cdb"]


def compile_on_disk(place: Path, mount: str) -> subprocess.CompletedProcess[bytes]:
    """Mount ``disk`` where nobody else sees it; compile ``rules`` there, over ``old.cdb``, a copy."""
    tcprules = shlex.join(ours("tcprules"))
    compiling = f"{tcprules} old.cdb t.tmp < ../rules; code=$?; cmp old.cdb ../rules; exit $code"
    script = f"{mount} && cd disk && {compiling}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    if b"ermission denied" in done.stderr or b"not permitted" in done.stderr:
        pytest.skip("no right to mount here")
    return done


def test_client_that_is_no_address_is_looked_up_with_a_warning(place: Path) -> None:
    run(place, "tcprules", "old.cdb", "t.tmp", text=b"127.:allow\n:deny\n")
    code, made, said = run(place, "tcprulescheck", "old.cdb", TCPREMOTEIP="127.evil")
    assert (code, made) == (0, b"rule 127.:\nallow connection\n")
    assert said == b"tcprulescheck: warning: TCPREMOTEIP is no address of a client: 127.evil\n"
    for ip in ("127.0.0.1", "::1", "fe80::1%eth0", "unix.1000"):
        assert run(place, "tcprulescheck", "old.cdb", TCPREMOTEIP=ip)[2] == b"", ip
    assert run(place, "tcprulescheck", "old.cdb")[2] == b""


def test_hosts2rules_prints_rules_that_tcprules_takes(place: Path) -> None:
    (place / "allow").write_bytes(b"in.telnetd: 192.168.1. .example.org\n")
    (place / "deny").write_bytes(b"ALL: ALL\n")
    (place / "inetd").write_bytes(b"telnet stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.telnetd\n")
    files = ("--allow", "allow", "--deny", "deny")
    code, made, said = run(place, "hosts2rules", *files, "--inetd", "inetd", "telnet")
    assert (code, said) == (0, b"")
    lines = made.splitlines()
    assert lines[0] == b"# Made by hosts2rules from allow and deny, for in.telnetd."
    assert lines[-3:] == [b"192.168.1.:allow", b"=.example.org:allow", b":deny"]
    assert run(place, "tcprules", "--strict", "old.cdb", "t.tmp", text=made) == (0, b"", b"")


@pytest.mark.parametrize("option", ["--allow", "--deny"])
def test_file_named_to_hosts2rules_must_be_there(place: Path, option: str) -> None:
    """A slip in the name of hosts.deny would allow everybody."""
    said = b"hosts2rules: fatal: unable to read gone: file does not exist\n"
    assert run(place, "hosts2rules", option, "gone", "in.telnetd") == (111, b"", said)


def test_hosts2rules_refuses_loudly(place: Path) -> None:
    (place / "allow").write_bytes(b"in.telnetd: LOCAL\n")
    (place / "none").touch()
    code, made, said = run(place, "hosts2rules", "--allow", "allow", "--deny", "none", "in.telnetd")
    assert (code, made) == (100, b"")
    assert said == (
        b"hosts2rules: fatal: this cannot be said in rules\n"
        b"allow:1:13: a rule cannot ask for a name without dots\n"
    )
    assert run(place, "hosts2rules", "--deny", "rules")[0] == 100
    assert run(place, "hosts2rules", "--allow", ".", "x")[0] == 111
    code, _, said = run(place, "hosts2rules", "--inetd", "rules", "telnet")
    assert (code, said) == (100, b"hosts2rules: fatal: rules has no service telnet that tcpd guards\n")
    (place / "inetd").write_bytes(b"x stream tcp nowait root tcpd a\nx stream tcp6 nowait root tcpd b\n")
    code, _, said = run(place, "hosts2rules", "--inetd", "inetd", "x")
    assert said == b"hosts2rules: fatal: inetd has several programs for the service x: name one of them\n"
    code, _, said = run(place, "hosts2rules", "/usr/sbin/in.telnetd")
    line = b"hosts2rules: fatal: tcpd knows a daemon by the last part of its path: /usr/sbin/in.telnetd\n"
    assert (code, said) == (100, line)


def test_limits_that_are_none_are_told_of_a_file_of_another_tcprules(place: Path) -> None:
    with ucspi.cdb.create(place / "other.cdb") as writer:
        writer.add(b"10.", b"+MAXCONN=5\0+A=b\0+MAXLOAD=3.5\0+MAXCONIP=2\0")
        writer.add(b"11.", b"+MAXCONIP=2\0+MAXLOAD=350\0")
    code, made, said = run(place, "tcprulescheck", "other.cdb", TCPREMOTEIP="10.0.0.1")
    assert (code, made.count(b"set environment variable ")) == (0, 4)
    assert said.decode().splitlines() == [
        (
            "tcprulescheck: warning: MAXCONN: this variable limits nothing here; "
            "-c limits all clients together, MAXCONNIP those of one address"
        ),
        (
            "tcprulescheck: warning: MAXLOAD: this limit is no number, so each client of the rule "
            "is dropped; write digits, at most 18"
        ),
    ]
    assert run(place, "tcprulescheck", "other.cdb", TCPREMOTEIP="11.0.0.1")[2] == b""
