"""Our text parser and image reader, and the original tools, on the same bytes."""

import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.support.cdbfiles import build, text
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from ucspi.cdb import Builder, CdbTextError, CdbTooLargeError, dump, load
from ucspi.cdb._core import CORE

pytestmark = pytest.mark.oracle

TEXTS = 220
IMAGES = 60
KEYS = [b"", b"a", b"b", b"one", b"->", b"\n", b"a\0b", b"afcyda}", b"k1197", b"x" * 300]
HURTS = [b"", b"+", b",", b":", b"-", b">", b"\n", b"\r", b"0", b"1", b"9", b"a", b"\0", b" "]

# What freecdb says where cdb 0.75 says `bad format`, and how ours says it.
REASONS = {
    b"unexpected end if input": "the text ends",
    b"entry must start with +": "a record must begin",
    b"bad keylen format": "the key's length",
    b"bad datalen format": "the data's length",
    b"key must be followed by ->": "the key must be followed",
    b"newline expected": "the data must be followed",
}


def pairs(random: Random) -> list[tuple[bytes, bytes]]:
    return [
        (random.choice(KEYS), random.randbytes(random.choice([0, 1, 9, 2000])))
        for _ in range(random.randint(0, 12))
    ]


def hurt(random: Random, whole: bytes) -> bytes:
    at = random.randrange(len(whole))
    return whole[:at] + random.choice(HURTS) + whole[at + random.randint(0, 1) :]


def texts() -> list[bytes]:
    random = Random(75)
    made = [text(pairs(random)) + random.choice([b"", b"", b"junk"]) for _ in range(TEXTS)]
    made = [hurt(random, whole) if random.random() < 0.6 else whole for whole in made]
    lengths = [b"", b"0", b"00", b"1", b"2", b"4294967209", b"4294967210", b"9" * 20, b"-1", b"a"]
    made += [b"+%b,%b:a->b\n\n" % (k, d) for k in lengths for d in lengths]
    return made + [b"", b"\n", b"\n\n", b"+"]


def original(cdbmake: str, where: Path, whole: bytes) -> tuple[int, bytes, bytes | None]:
    """Return exit code, complaint, and the file or None."""
    (where / "x.cdb").unlink(missing_ok=True)
    command = [cdbmake, "x.cdb", "x.tmp"]
    done = subprocess.run(command, input=whole, cwd=where, capture_output=True, timeout=PATIENCE)
    made = (where / "x.cdb").read_bytes() if (where / "x.cdb").exists() else None
    return done.returncode, done.stderr, made


def ours(whole: bytes, *, empty_lengths: bool = True) -> tuple[bytes | None, CdbTextError | None]:
    blocks: list[bytes] = []
    builder = Builder(blocks.append)
    try:
        load(whole, builder, empty_lengths=empty_lengths)
    except CdbTextError as error:
        return None, error
    header = builder.finish()
    return header + b"".join(blocks), None


def test_generated_texts_make_the_same_file_or_are_refused_at_the_same_entry(
    oracle: Oracle, tmp_path: Path
) -> None:
    cdbmake = oracle("cdbmake")
    refused = 0
    for whole in texts():
        code, complaint, expected = original(cdbmake, tmp_path, whole)
        image, error = ours(whole)
        assert image == expected, whole
        refused += code != 0
        if error is None:
            assert code == 0, whole
        elif isinstance(error, CdbTooLargeError):
            assert complaint == b"cdbmake: fatal: unable to create x.tmp: out of memory\n", whole
        else:
            said = complaint.removeprefix(b"cdbmake: fatal: unable to read input: ").rstrip(b"\n")
            entry, _, reason = said.removeprefix(b"entry ").partition(b": ")
            assert error.entry == int(entry), whole
            assert error.reason.startswith(REASONS[reason]), whole
    assert TEXTS // 5 < refused < TEXTS, "the generator lost its balance"


def test_generated_texts_make_the_same_file_as_tinycdb_or_are_refused_in_the_same_way(
    oracle: Oracle, tmp_path: Path
) -> None:
    cdb = oracle("cdb")
    for whole in texts():
        (tmp_path / "x.cdb").unlink(missing_ok=True)
        done = subprocess.run(
            [cdb, "-c", "x.cdb"], input=whole, cwd=tmp_path, stderr=subprocess.PIPE, timeout=PATIENCE
        )
        image, error = ours(whole, empty_lengths=False)
        if isinstance(error, CdbTooLargeError) or b"4294967209" in whole:
            assert done.returncode == 2  # which lengths are too large is a difference
        elif error is not None:
            expected = b"cdb: unable to read: short file" if error.is_cut else b"cdb: (stdin): bad format"
            assert (done.returncode, done.stderr) == (2, expected + b"\n"), whole
        else:
            assert (done.returncode, (tmp_path / "x.cdb").read_bytes()) == (0, image), whole


@pytest.mark.parametrize("command", [["cdbdump"], ["cdb", "-d"]])
def test_dump_of_generated_images_is_the_same(oracle: Oracle, command: list[str]) -> None:
    random = Random(76)
    for _ in range(IMAGES):
        image = build(pairs(random), CORE)
        blocks: list[bytes] = []
        dump(image, blocks.append)
        done = subprocess.run(
            [oracle(command[0]), *command[1:]], input=image, capture_output=True, timeout=PATIENCE, check=True
        )
        assert b"".join(blocks) == done.stdout
