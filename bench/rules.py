"""One look-up of a client without a rule, among 1,000,000 rules, with and without networks.

There is no peer in-process: the second column is the look-up without networks,
and the ratio what the networks cost.
"""

import random
import time

from ratios import Measure, columns, compare, header, longer, options
from tcprules import rules

from ucspi.cdb import Builder, Reader
from ucspi.rules import RuleSet, compile_rules

LENGTHS = (8, 9, 10, 12, 16, 20, 22, 24, 25, 28, 32)


def rule_set(text: bytes) -> RuleSet:
    """Compile a text and read it as a server does."""
    blocks: list[bytes] = []
    builder = Builder(blocks.append)
    compile_rules([text], builder.add, add_block=builder.add_block)
    records = builder.finish() + b"".join(blocks)
    return RuleSet(Reader(records))


def microseconds(judges: RuleSet, clients: list[bytes]) -> Measure:
    """Measure the mean of one judgement."""

    def measure() -> float:
        start = time.perf_counter()
        for ip in clients:
            judges.judge(ip)
        return (time.perf_counter() - start) / len(clients) * 1e6

    return measure


def main() -> None:
    arguments = options(__doc__ or "")
    count = 10_000 if arguments.quick else 1_000_000
    text = rules(count).replace(b"\n:deny\n", b"\n")
    networks = b"".join(b"%d.0.0.0/%d:deny\n" % (200 + n, size) for n, size in enumerate(LENGTHS))
    strangers = [bytes(b"%d.%d.%d.%d" % (150 + n % 40, *random.randbytes(3))) for n in range(count // 10)]
    header(["the same without networks"])
    columns("µs", longer)
    plain, both = rule_set(text), rule_set(text + networks)
    compare(
        f"{count:,} rules and networks of {len(LENGTHS)} lengths",
        microseconds(both, strangers),
        microseconds(plain, strangers),
        arguments.rounds,
        longer,
    )


if __name__ == "__main__":
    main()
