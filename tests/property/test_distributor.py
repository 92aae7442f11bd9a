"""Both distributors do the same with any stream, however it is cut."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.logtrees import script, stream
from ucspi.logs.distributor import LineState, PureDistributor
from ucspi.logs.script import Script
from ucspi.logs.switchingdistributor import SwitchingDistributor
from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.logs.distributor import Distributor

seeds = st.integers(0, 2**32)

# Streams have no digits, so what is one stands in a time: it may be torn by the end of a file.
DIGITLESS = bytes.maketrans(b"0123456789abcdef", b"0" * 16)


class Files:
    """A log in memory: a list of files, the last one growing."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.files = [b""]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.files[-1] += bytes(data)
        self.size += len(data)

    def rotate(self) -> None:
        self.files.append(b"")
        self.size = 0


class Shown:
    """All that a script feeds, in memory."""

    def __init__(self, made: Script, sizes: Sequence[int]) -> None:
        self.logs = [Files(size) for _, size in zip(made.logs, sizes, strict=False)]
        self.last = [[b""] for _ in made.last_line_paths]
        self.last_line_writers = [texts.append for texts in self.last]
        self.echoes: list[bytes] = []
        self.echo = self.echoes.append

    def all(self) -> list[list[bytes]]:
        """Return what was shown, each digit of a time replaced by the same one."""
        shown = [*(log.files for log in self.logs), *(texts[-1:] for texts in self.last), self.echoes]
        return [[text.translate(DIGITLESS) for text in texts] for texts in shown]


def in_c(made: Script, shown: Shown) -> "Distributor":
    if native.lib is None:
        pytest.skip("not compiled")
    from ucspi.logs.nativedistributor import NativeDistributor

    return NativeDistributor(made, shown, LineState())


def switching(made: Script, shown: Shown) -> "Distributor":
    return SwitchingDistributor(made, shown)


def blocks(chance: random.Random) -> list[bytes]:
    """Return a stream in blocks: a few large ones, or many small ones."""
    most, count = chance.choice([(7, 8), (30, 20), (1000, 40), (5000, 60), (65536, 60)])
    data, found = stream(chance, chance.choice([0, 3, count])), []
    while data:
        length = chance.randint(1, most) if chance.random() < 0.7 else most
        found.append(data[:length])
        data = data[length:]
    return found


@examples(150)
@given(seed=seeds)
def test_both_distributors_put_the_same_into_the_same_files(seed: int) -> None:
    chance = random.Random(seed)
    made = Script([*[b"t"] * chance.randint(0, 1), *[b"T"] * chance.randint(0, 1), *script(chance)])
    sizes = chance.choices([0, 0, 2000, 4095, 4096, 97000, 200000], k=len(made.logs))
    cut = blocks(chance)
    found = []
    for make in (PureDistributor, in_c, switching):
        shown = Shown(made, sizes)
        distributor = make(made, shown)
        for block in cut:
            distributor.feed(block)
        found.append((shown.all(), distributor.is_inside))
    assert found[0] == found[1] == found[2]
