"""The pure core against pure-cdb: without any compiled code, and with pure-cdb's hash compiled."""

import os
import random
import sys
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["UCSPI_CDB"] = "pure"  # before anything of ours is imported

from build import make_with, seconds
from lookup import check, key, make, per_get, source_keys
from ratios import columns, compare, faster_by_cost, header, options

import ucspi.cdb

COMPILED = "cdblib._djb_hash"


def peers() -> dict[str, Any]:
    """Load pure-cdb twice: without and with its one compiled module."""
    found = {}
    name = f"pure-cdb {version('pure-cdb')}"
    for hidden in (True, False):
        for loaded in [module for module in sys.modules if module.partition(".")[0] == "cdblib"]:
            del sys.modules[loaded]
        if hidden:
            sys.modules[COMPILED] = None  # type: ignore[assignment]  # importing it then fails
        found[name if hidden else f"{name}, hash compiled"] = import_module("cdblib")
    return found


def main() -> None:
    arguments = options(__doc__ or "")
    count = 5_000 if arguments.quick else 100_000
    pairs = [(key(number), b"+REMOTE=%d\0" % number) for number in range(count)]
    keys = source_keys(random.Random(1), count, count // 5)
    modules = peers()
    header(list(modules))
    columns("µs per get, or ms", faster_by_cost)
    with tempfile.TemporaryDirectory() as name:
        path, made = make(Path(name), count), Path(name) / "made"
        for peer, cdblib in modules.items():
            gets(path, keys, f"{count:,} records: {peer}", cdblib, arguments.rounds)
        for peer, cdblib in modules.items():
            ours = seconds(lambda: ucspi.cdb.make(made, pairs, fsync=False))
            theirs = seconds(lambda cdblib=cdblib: make_with(cdblib, path, pairs))  # type: ignore[misc]
            subject = f"make {count:,} records without fsync: {peer}"
            compare(subject, ours, theirs, arguments.rounds, faster_by_cost)
            if made.read_bytes() != path.read_bytes():
                raise SystemExit("the two made different files")


def gets(path: Path, keys: list[bytes], subject: str, cdblib: Any, rounds: int) -> None:
    """Compare look-ups of keys that are there, and of others."""
    theirs = cdblib.Reader.from_file_path(str(path))
    with ucspi.cdb.open(path) as ours:
        check(ours.get, theirs.get, keys)
        for kind, wanted in (("random get", keys), ("miss", [b"x" + one for one in keys])):
            mine, other = per_get(ours.get, wanted, 1), per_get(theirs.get, wanted, 1)
            compare(
                f"{kind}, {subject}",
                lambda mine=mine: mine() / 1000,  # type: ignore[misc]
                lambda other=other: other() / 1000,  # type: ignore[misc]
                rounds,
                faster_by_cost,
            )


if __name__ == "__main__":
    main()
