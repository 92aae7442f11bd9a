"""Our judgement of clients and the original's, on the same files."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.support.commands import ours
from tests.support.examples import share
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.rules_files import client, image_of, rules_file
from ucspi.cdb import Reader
from ucspi.errors import RuleSyntaxError
from ucspi.rules import RuleSet, Verdict, is_address

pytestmark = pytest.mark.oracle

FILES = share(150)
CLIENTS = 10
WHOLE_RUNS = share(30)
OURS = ours("tcprulescheck")

Client = tuple[bytes, bytes | None, bytes | None]


def environment_of(who: Client) -> dict[bytes, bytes]:
    names = (b"TCPREMOTEIP", b"TCPREMOTEHOST", b"TCPREMOTEINFO")
    return {name: value for name, value in zip(names, who, strict=True) if value is not None}


def run(command: list[str], path: Path, who: Client, **extra: str) -> tuple[int, bytes, bytes]:
    environment = environment_of(who) | {os.fsencode(k): os.fsencode(v) for k, v in extra.items()}
    done = subprocess.run([*command, path], env=environment, capture_output=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def told(report: bytes) -> Verdict:
    """Read the original's report as a verdict; it stops at a denial, so that one is bare.

    It shows a piece without an equals sign as a variable too, which tcpserver
    does not set.
    """
    head, *lines, last = report.removesuffix(b"\n").split(b"\n")
    rule = None if head == b"default:" else head.removeprefix(b"rule ").removesuffix(b":")
    if last == b"deny connection":
        return Verdict(False, (), rule)
    assignments = [line.removeprefix(b"set environment variable ").partition(b"=") for line in lines]
    return Verdict(True, tuple((name, value) for name, equals, value in assignments if equals), rule)


def bare(verdict: Verdict) -> Verdict:
    return verdict if verdict.allowed else Verdict(False, (), verdict.rule)


def legal_files(random: Random, count: int) -> list[bytes]:
    images: list[bytes] = []
    while len(images) < count:
        try:
            images.append(image_of(rules_file(random)))
        except RuleSyntaxError:
            continue
    return images


@pytest.mark.drawn
def test_generated_clients_get_the_same_verdict_by_the_same_rule(oracle: Oracle, tmp_path: Path) -> None:
    original = [oracle("tcprulescheck")]
    random = Random(88)
    path = tmp_path / "rules.cdb"
    decided = judged = 0
    for image in legal_files(random, FILES):
        path.write_bytes(image)
        rules = RuleSet(Reader(image))
        for _ in range(CLIENTS):
            who = client(random)
            code, report, complaint = run(original, path, who)
            assert (code, complaint) == (0, b""), (image, who)
            found = rules.find(*who)
            assert (None if found is None else found[0]) == told(report).rule, (image, who)
            if is_address(who[0]):
                judged += 1
                assert bare(rules.judge(*who)) == told(report), (image, who)
            decided += told(report).rule is not None
    assert decided > FILES * CLIENTS // 3, "the generator lost its balance"
    assert judged > FILES * CLIENTS // 3, "the generator lost its balance"


@pytest.mark.drawn
def test_whole_command_prints_the_same(oracle: Oracle, tmp_path: Path) -> None:
    original = [oracle("tcprulescheck")]
    random = Random(5)
    path = tmp_path / "rules.cdb"
    python_path = os.pathsep.join(filter(None, sys.path))
    for image in legal_files(random, WHOLE_RUNS):
        path.write_bytes(image)
        who = client(random)
        code, report, complaint = run(original, path, who)
        if not is_address(who[0]):
            complaint += b"tcprulescheck: warning: TCPREMOTEIP is no address of a client: %s\n" % who[0]
        assert run(OURS, path, who, PYTHONPATH=python_path) == (code, report, complaint), (image, who)
