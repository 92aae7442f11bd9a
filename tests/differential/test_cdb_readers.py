"""Other programs that read and write cdb files: Perl's CDB_File, and Postfix with its own library.

Each finds in our files what we put there, and we find in theirs what they did.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.support.cdbfiles import build
from tests.support.oracles import Oracle, missing
from tests.support.patience import PATIENCE
from ucspi.cdb import make
from ucspi.cdb._core import Core
from ucspi.cdb._reader import reader_type

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

Pairs = list[tuple[bytes, bytes]]

# Hexadecimal on both sides, so that no byte means anything on the way.
PERL_READ = r"""
use strict; use CDB_File;
sub hex_of { unpack "H*", $_[0] }
tie my %walked, "CDB_File", $ARGV[0] or die "cannot open: $!";
while (my ($key, $data) = each %walked) { print hex_of($key), " ", hex_of($data), "\n" }
print "asked\n";
my $db = tie my %db, "CDB_File", $ARGV[0] or die "cannot open: $!";
while (my $asked = <STDIN>) {
  chomp $asked;
  my $key = pack "H*", $asked;
  my $first = exists $db{$key} ? hex_of($db{$key}) : "none";
  print join(" ", $first, map { hex_of($_) } @{$db->multi_get($key)}), "\n";
}
"""
PERL_WRITE = r"""
use strict; use CDB_File;
my $db = CDB_File->new("p.cdb", "p.tmp") or die "cannot create: $!";
while (<STDIN>) {
  chomp;
  my ($key, $data) = map { pack "H*", $_ } split / /, $_, -1;
  $db->insert($key, $data);
}
$db->finish;
"""
POSTFIX = """
compatibility_level = 3.6
meta_directory = /etc/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
queue_directory = {0}
myhostname = localhost.invalid
"""
LONG_AGO = (10**9, 10**9)


def generated(seed: int, count: int) -> Pairs:
    """Return records of all kinds; some keys several times, one with hash 0."""
    random = Random(seed)
    keys = [b"", b"afcyda}", b"k1197", b"a\0b", b"\n", "\u00e4".encode(), b"x" * 3000]
    keys += [b"%d" % number for number in range(count // 2)]
    return [(random.choice(keys), random.randbytes(random.choice([0, 1, 9, 2000]))) for _ in range(count)]


CASES = [[], [(b"", b"x")], generated(1, 40), generated(2, 800)]


@pytest.fixture
def perl(oracle: Oracle, tmp_path: Path) -> Callable[[str, list[str], str], str]:
    """Give a function that runs a script with arguments and standard input, if Perl has CDB_File."""
    path = oracle("perl")

    def run(script: str, arguments: list[str], stdin: str) -> str:
        done = subprocess.run(
            [path, "-e", script, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=True,
            timeout=PATIENCE,
        )
        assert done.stderr == ""
        return done.stdout

    try:
        run("use CDB_File", [], "")
    except subprocess.CalledProcessError:
        missing("Perl's CDB_File is not installed")
    return run


@pytest.mark.parametrize("pairs", CASES, ids=len)
def test_perl_finds_what_we_put(
    core: Core, perl: Callable[[str, list[str], str], str], tmp_path: Path, pairs: Pairs
) -> None:
    (tmp_path / "f.cdb").write_bytes(build(pairs, core))
    asked = [key for key, _ in pairs] + [b"absent", b"0absent"]
    answer = perl(PERL_READ, ["f.cdb"], "".join(f"{key.hex()}\n" for key in asked))
    walked, answers = answer.split("asked\n")
    if pairs and pairs[0][0]:  # an empty key at the beginning means the end to it
        assert walked == "".join(f"{key.hex()} {data.hex()}\n" for key, data in pairs)
    for key, line in zip(asked, answers.splitlines(), strict=True):
        found = [data.hex() for other, data in pairs if other == key]
        assert line == " ".join([*found[:1], *found]) if found else line == "none"


@pytest.mark.parametrize("pairs", CASES, ids=len)
def test_we_find_what_perl_put(
    core: Core, perl: Callable[[str, list[str], str], str], tmp_path: Path, pairs: Pairs
) -> None:
    perl(PERL_WRITE, [], "".join(f"{key.hex()} {data.hex()}\n" for key, data in pairs))
    image = (tmp_path / "p.cdb").read_bytes()
    assert image == build(pairs, core)
    reader = reader_type(core)(image)
    assert reader.check() is None
    assert list(reader.records()) == pairs
    for key, _ in pairs[:100]:
        assert list(reader.get_all(key)) == [data for other, data in pairs if other == key]


def test_cdb64_is_an_empty_database_to_who_knows_the_plain_format_only(
    perl: Callable[[str, list[str], str], str],
    postmap: Callable[[list[str], bytes], tuple[int, bytes]],
    oracle: Oracle,
    tmp_path: Path,
) -> None:
    """As docs/cdb.md says: no error, and no key."""
    for name in ("cdb", "cdb64"):
        make(tmp_path / f"{name}.cdb", [(b"one", b"Hello"), (b"two", b"World")], format=name)
    look = 'use CDB_File; tie my %db, "CDB_File", "{}.cdb" or die; print $db{{one}} // "none"'
    found = {name: perl(look.format(name), [], "") for name in ("cdb", "cdb64")}
    assert found == {"cdb": "Hello", "cdb64": "none"}
    assert postmap(["-q", "one", "cdb:cdb"], b"") == (0, b"Hello\n")
    assert postmap(["-q", "one", "cdb:cdb64"], b"") == (1, b"")
    for program, arguments in (("cdbget", ["one"]), ("cdb", ["-q", "/dev/stdin", "one"])):
        for name, answer in (("cdb", (0, b"Hello")), ("cdb64", (100, b""))):
            with open(tmp_path / f"{name}.cdb", "rb") as file:
                done = subprocess.run(
                    [oracle(program), *arguments], stdin=file, capture_output=True, timeout=PATIENCE
                )
            assert (done.returncode, done.stdout, done.stderr) == (*answer, b""), (program, name)


@pytest.fixture
def postmap(oracle: Oracle, tmp_path: Path) -> Callable[[list[str], bytes], tuple[int, bytes]]:
    """Give a function that runs postmap, if it can do cdb; no part of Postfix has to run."""
    path = oracle("postmap")
    if not os.path.exists("/usr/lib/postfix/postfix-cdb.so"):
        missing("postfix-cdb is not installed")
    (tmp_path / "conf").mkdir()
    settings = tmp_path / "conf" / "main.cf"
    settings.write_text(POSTFIX.format(tmp_path))
    os.utime(settings, LONG_AGO)  # Postfix waits until a file is some seconds old

    def run(arguments: list[str], stdin: bytes) -> tuple[int, bytes]:
        command = [path, "-f", "-c", str(tmp_path / "conf"), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, cwd=tmp_path, timeout=PATIENCE)
        assert done.stderr == b""
        return done.returncode, done.stdout

    return run


def addresses(count: int) -> dict[bytes, bytes]:
    """Return a table as people give it to Postfix: words on both sides."""
    table = {b"user%d@example.%d.org" % (number, number % 7): b"box %d" % number for number in range(count)}
    return table | {b"afcyda}": b"hash 0", b"k1197": b"its neighbour", "j\u00e4ger@x".encode(): b"utf-8"}


@pytest.mark.parametrize("count", [0, 5, 2000])
def test_postfix_finds_what_we_put(
    core: Core, postmap: Callable[[list[str], bytes], tuple[int, bytes]], tmp_path: Path, count: int
) -> None:
    table = addresses(count)
    (tmp_path / "f.cdb").write_bytes(build(table.items(), core))
    asked = [*table, b"absent", b"user0@example.1.org"]
    code, answer = postmap(["-q", "-", "cdb:f"], b"".join(key + b"\n" for key in asked))
    assert code == 0
    assert answer == b"".join(b"%b\t%b\n" % item for item in table.items())
    assert postmap(["-q", "k1197", "cdb:f"], b"") == (0, b"its neighbour\n")
    assert postmap(["-q", "absent", "cdb:f"], b"") == (1, b"")


@pytest.mark.parametrize("count", [0, 5, 2000])
def test_we_find_what_postfix_put(
    core: Core, postmap: Callable[[list[str], bytes], tuple[int, bytes]], tmp_path: Path, count: int
) -> None:
    table = addresses(count)
    (tmp_path / "f").write_bytes(b"".join(b"%b  %b\n" % item for item in table.items()))
    os.utime(tmp_path / "f", LONG_AGO)
    assert postmap(["cdb:f"], b"") == (0, b"")
    image = (tmp_path / "f.cdb").read_bytes()
    assert image == build(table.items(), core)
    reader = reader_type(core)(image)
    assert reader.check() is None
    assert dict(reader) == table
    assert reader.get_many([*table, b"absent"]) == [*table.values(), None]
