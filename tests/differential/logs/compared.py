"""multilog and the original, run on the same stream, each in a directory of its own."""

from pathlib import Path

from tests.support.commands import Outcome, ours, run_file
from tests.support.logtrees import LABEL, Tree, mistakes, tree
from tests.support.oracles import Oracle


def results(oracle: Oracle, actions: list[bytes], where: Path, data: bytes) -> list[tuple[Outcome, Tree]]:
    """Run both on the same stream, each in a directory of its own; what is there already stays."""
    source = where / "source"
    source.write_bytes(data)
    found = []
    for name, command in (("ours", ours("multilog")), ("original", [oracle("multilog")])):
        (where / name).mkdir(exist_ok=True)
        line: list[str | bytes] = [*command, *actions]
        code, output, said = run_file(line, where / name, source)
        said = LABEL.sub(b"@", said)
        if name == "original":
            said = mistakes(actions) + said
        found.append(((code, output, said), tree(where / name)))
    return found


def same(oracle: Oracle, actions: list[bytes], where: Path, data: bytes) -> tuple[Outcome, Tree]:
    mine, original = results(oracle, actions, where, data)
    assert mine == original
    return mine


def prepare(where: Path, files: dict[str, tuple[int, bytes]]) -> None:
    """Put files into the log ``log`` of both."""
    for name in ("ours", "original"):
        log = where / name / "log"
        log.mkdir(parents=True)
        for file, (mode, content) in files.items():
            (log / file).write_bytes(content)
            (log / file).chmod(mode)
