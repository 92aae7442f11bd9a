"""Cases about names and ident, in a network namespace with its own DNS and ident servers.

    unshare -n -m python -m tests.differential.tcpserver.in_namespace ORIGINAL OURS PROBE TCPRULES PLACE

Runs every case on both and writes the pickled observations to standard output.
The clients' addresses choose what the servers in it answer about them.
"""

import os
import pickle
import sys
from pathlib import Path

from tests.differential.tcpserver.case import Case
from tests.differential.tcpserver.pairs import Pairs
from tests.differential.tcpserver.server import Launch, Observation
from tests.support.named_clients import HANGING, IDENT, NAMES, REFUSED, UNKNOWN, start_servers

RULES = b"""\
joe@127.0.2.1:deny
joe@127.0.2.:allow,M="never"
@127.0.2.4:allow,M="empty info"
=one.two.test:allow,M="whole name"
=.test:allow,M="domain"
=Upper.Case.TEST:deny
=:allow,M="any name"
127.0.2.:allow,M="net"
:deny
"""


def _cases() -> list[Case]:
    named = (*NAMES, UNKNOWN)
    asked = (*IDENT, REFUSED)
    ruled = ("127.0.2.1", "127.0.2.2", "127.0.2.4", "127.0.3.1", "127.0.3.2", "127.0.3.10", UNKNOWN)
    inherited = ((b"TCPREMOTEHOST", b"old"), (b"TCPREMOTEINFO", b"old"), (b"TCPLOCALHOST", b"old"))
    rules = (b"-x", b"rules.cdb")
    return [
        Case("names", Launch((b"-1v", b"-Rl0")), named),
        Case("names, paranoid", Launch((b"-1vp", b"-Rl0")), named),
        Case("the local name", Launch((b"-1v", b"-RH")), ("127.0.0.1", "127.0.3.1")),
        Case(
            "names that replace inherited ones",
            Launch((b"-1v",), environment=inherited),
            (UNKNOWN, "127.0.3.1"),
        ),
        Case(
            "no names, ident refused, inherited ones", Launch((b"-1vH",), environment=inherited), (REFUSED,)
        ),
        Case("a host by name", Launch((b"-1v", b"-HRl0"), host=b"local.test")),
        Case("ident", Launch((b"-1v", b"-Hl0")), asked),
        Case("ident that hangs", Launch((b"-1v", b"-Hl0", b"-t1")), (HANGING,)),
        Case("ident, but no time", Launch((b"-1v", b"-Hl0", b"-t0")), (HANGING,)),
        Case("rules on names and ident", Launch((b"-1v", b"-l0", *rules)), ruled, RULES),
        Case(
            "rules on names, paranoid", Launch((b"-1vp", b"-Rl0", *rules)), ("127.0.3.4", "127.0.3.1"), RULES
        ),
        Case("no option at all", Launch((b"-1",)), ("127.0.2.1", "127.0.3.1")),
        Case("a service by name", Launch((b"-v", b"-HRl0", b"-1"), port=b"telnet")),
    ]


CASES = {case.name: case for case in _cases()}
HOSTS_ONLY = Case("a name in the hosts file alone", Launch((b"-1v", b"-Rl0")), ("127.0.3.201",))


def main() -> None:
    """Run all cases; the answer is one pickle."""
    original, ours, probe, tcprules, place = sys.argv[1:]
    start_servers(Path(place))
    pairs = Pairs(Path(place), Path(probe), os.fsencode(original), os.fsencode(ours), tcprules)
    running = {case.name: pairs.prefetch(case) for case in [*CASES.values(), HOSTS_ONLY]}
    answers: dict[str, tuple[Observation, Observation] | str] = {}
    for name, future in running.items():
        try:
            pair = future.result()
            answers[name] = (pair.original, pair.ours)
        except Exception as error:
            answers[name] = repr(error)
    pairs.close()
    sys.stdout.buffer.write(pickle.dumps(answers))


if __name__ == "__main__":
    main()
