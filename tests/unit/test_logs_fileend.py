"""Where files end, by what the manual of the original says about it."""

from ucspi.logs.fileend import MARGIN, RotatingWriter

LIMIT = 99_999


class Files:
    def __init__(self) -> None:
        self.size = 0
        self.files = [b""]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.files[-1] += bytes(data)

    def rotate(self) -> None:
        self.files.append(b"")


def files(lines: list[bytes], limit: int = LIMIT) -> list[bytes]:
    log = Files()
    writer = RotatingWriter(log, limit)
    for line in lines:
        writer.put(line)
        writer.put_each(b"\n")
    writer.release()
    writer.write()
    return log.files


def test_file_ends_with_the_first_line_that_comes_within_the_margin() -> None:
    assert [len(file) for file in files([b"x" * 97_997])] == [97_998]
    assert [len(file) for file in files([b"x" * 97_998])] == [97_999, 0]


def test_ordinary_lines_are_never_cut() -> None:
    lines = [b"x" * (number % 300) for number in range(5000)]
    found = files(lines)
    assert all(file.endswith(b"\n") for file in found[:-1])
    assert all(LIMIT - MARGIN <= len(file) < LIMIT - MARGIN + 512 for file in found[:-1])
    assert b"".join(found) == b"\n".join([*lines, b""])


def test_line_that_is_longer_than_a_file_is_cut_at_its_limit() -> None:
    assert [len(file) for file in files([b"x" * 20_000], 4096)] == [4096, 4096, 4096, 4096, 3617, 0]
