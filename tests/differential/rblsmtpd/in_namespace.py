"""What rblsmtpd makes of block lists, in a network namespace with name servers at port 53.

    unshare -n python -m tests.differential.rblsmtpd.in_namespace ORIGINAL DNSMASQ COUNT

The original asks no other port.  COUNT: how many options are drawn at random.
Writes what each case showed, the original's and ours, as a pickle to standard
output.
"""

import fcntl
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

from tests.support.commands import ENVIRONMENT, ours
from tests.support.nameserver import (
    CNAME,
    TXT,
    NameServer,
    address,
    encode,
    first_a_lie,
    nowhere,
    says,
    strings,
    text,
    truncated,
)
from tests.support.patience import PATIENCE
from ucspi.dnsbl import blocklist
from ucspi.programs._smtp_refusal import printable

Shown = tuple[int, bytes, bytes]

CLIENT = "192.0.2.7"
NAME = b"7.2.0.192."
TOO_LONG = b"x" * 64 + b".test"  # fails without a question, so at once
REAL = "127.0.0.53"  # where dnsmasq listens

MANNERS = {
    NAME + b"listed": text(b"Blocked, see http://list.test/"),
    NAME + b"passed": address(),
    NAME + b"both": says((1, b"\x7f\0\0\2"), (TXT, strings(b"both"))),
    NAME + b"several": says((TXT, strings(b"a", b"b")), (TXT, strings(b"c")), (TXT, strings(b"c"))),
    NAME + b"empty": text(b""),
    NAME + b"nothing": text(),
    NAME + b"alias": says((CNAME, encode(b"x.test")), (TXT, strings(b"alias"))),
    NAME + b"loop": says((CNAME, encode(NAME + b"loop"))),
    NAME + b"cut": truncated(text(b"z" * 250, b"y" * 255)),
    NAME + b"huge": truncated(says(*[(TXT, strings(b"h" * 255))] * 200)),
    NAME + b"bytes": text(bytes(range(255))),
    NAME + b"nowhere": says((TXT, strings(b"text")), code=3),
    NAME + b"lie": first_a_lie(text(b"lie"), nowhere),
    NAME + b"a.b": text(b"two labels"),
    b"listed": text(b"the list itself"),
    b"1.listed": text(b"one number"),
    b"c.b.a.listed": text(b"letters"),
}
SECOND = {NAME + b"listed": text(b"second server")}

Case = tuple[list[str], dict[str, str]]  # options, variables beyond the usual
Options = list[tuple[bytes, bytes]]
Decision = tuple[Options, bytes, bytes]  # what the original said about options, what ours decides


def _lists() -> list[Options]:
    """Return options about every list, alone and in company."""
    names = [name.removeprefix(NAME) for name in MANNERS if name.startswith(NAME)]
    odd = [
        b"",
        b".",
        b"listed.",
        b".listed",
        b"list..ed",
        b"LISTED",
        b"\\154isted",
        b"a\\.b",
        b"l\\",
        TOO_LONG,
    ]
    bases = [*names, *odd, b"none", b"x." * 130]
    return [
        *([(b"r", base)] for base in bases),
        *([(b"c", b""), (b"r", base)] for base in odd),
        # Without a base the name is four numbers, which the original takes for an address.
        *([(b"a", base), (b"r", b"listed")] for base in bases if base.strip(b".")),
    ]


def _surroundings() -> dict[str, Case]:
    clients = ["", "1", "a.b.c", "1.2.3.4.5", "1..2", "192.0.2.7.", ".1", "192.0.2.7 ", "x y"]
    cases: dict[str, Case] = {f"client {ip}": (["-r", "listed"], {"TCPREMOTEIP": ip}) for ip in clients}
    servers = ["127.0.0.2", "127.0.0.2.127.0.0.1", ".127.0.0.2", "127.0.0.2 127.0.0.1", "127.0.0.2x"]
    cases |= {f"servers {value}": (["-r", "listed"], {"DNSCACHEIP": value}) for value in servers}
    real = {"DNSCACHEIP": REAL}
    cases |= {
        "a real server, listed": (["-b", "-r", "real.test"], real),
        "a real server, not listed": (["-r", "real.test"], real | {"TCPREMOTEIP": "192.0.2.8"}),
        "a real server, a long text": (["-r", "long.test"], real),
        "a real server, passed": (["-a", "pass.test", "-r", "real.test"], real),
        "a real server, an alias": (["-r", "alias.test"], real),
    }
    cases["-t0"] = (["-t0", "-r", "listed"], {})
    cases["-t behind"] = (["-r", "listed", "-t", "0"], {})
    cases["a variable that is there"] = (["-r", "listed"], {"RBLSMTPD": ""})
    return cases


CASES = _surroundings()


def _random_options(random: Random) -> Options:
    """Return options, some of which ask lists that answer, do not, or fail."""
    flags = [(letter, b"") for letter in (b"b", b"B", b"c", b"C")]
    lists = [(kind, base) for kind in (b"r", b"a") for base in (b"listed", b"passed", b"none", TOO_LONG)]
    return [random.choice(flags if random.random() < 0.5 else lists) for _ in range(random.randrange(1, 7))]


def _show(command: list[str], case: Case) -> Shown:
    options, variables = case
    usual = {"TCPREMOTEIP": CLIENT, "DNSCACHEIP": "127.0.0.1"}
    done = subprocess.run(
        [*command, *options, "echo", "run"],
        env=ENVIRONMENT | usual | variables,
        input=b"helo\nrcpt\nquit\n",
        capture_output=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout, re.sub(rb" pid \d+: ", b" pid N: ", done.stderr)


def _decisions(original: str, count: int) -> list[Decision]:
    """Ask the original, and ours inside this process, about many options."""
    random = Random(553)
    found = []
    for options in [*_lists(), *(_random_options(random) for _ in range(count))]:
        arguments = [
            part for letter, value in options for part in (b"-" + letter, value) if part or letter in b"ar"
        ]
        _, output, log = _show([original], ([os.fsdecode(argument) for argument in arguments], {}))
        told = b"" if output == b"run\n" else log.partition(b" pid N: ")[2].removesuffix(b"\n")
        refusal = blocklist.judge_by_lists(options, CLIENT.encode(), [b"127.0.0.1"], 10, lambda base: None)
        said = b"%d %s" % (refusal.code, printable(refusal.text)) if refusal else b""
        found.append((options, told, said))
    return found


def _start_dnsmasq(program: str) -> subprocess.Popen[bytes]:
    """Start a real name server and wait until it answers."""
    name = NAME.decode()
    options = [
        f"--txt-record={name}real.test,Blocked - see list.test",
        f"--txt-record={name}long.test,{'l' * 255},{'m' * 255},{'n' * 255}",
        f"--host-record={name}pass.test,127.0.0.2",
        "--txt-record=target.test,by an alias",
        f"--cname={name}alias.test,target.test",
        "--local=/test/",
        f"--listen-address={REAL}",
    ]
    fixed = [
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--pid-file=",
        "--user=root",
    ]
    server = subprocess.Popen([program, "--keep-in-foreground", "--log-facility=/dev/null", *fixed, *options])
    query = b"\1\2\1\0\0\1\0\0\0\0\0\0" + encode(b"target.test") + struct.pack(">HH", TXT, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect((REAL, 53))
        for _ in range(100):
            try:
                client.send(query)
                client.recv(512)
                return server
            except OSError:
                time.sleep(0.05)
    server.kill()
    server.wait()
    raise OSError("dnsmasq does not answer")


def main() -> None:
    """Run all cases; the answer is one pickle."""
    original, dnsmasq, count = sys.argv[1:]
    with socket.socket() as any_socket:
        flags = struct.pack("16sH14x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, flags)  # SIOCSIFFLAGS
    real = _start_dnsmasq(dnsmasq)
    try:
        with NameServer(MANNERS, "127.0.0.1", 53), NameServer(SECOND, "127.0.0.2", 53):
            with ThreadPoolExecutor(3) as pool:
                told = list(pool.map(lambda case: _show([original], case), CASES.values()))
                shown = list(pool.map(lambda case: _show(ours("rblsmtpd"), case), CASES.values()))
            cases = dict(zip(CASES, zip(told, shown, strict=True), strict=True))
            sys.stdout.buffer.write(pickle.dumps((cases, _decisions(original, int(count)))))
    finally:
        real.kill()
        real.wait()


if __name__ == "__main__":
    main()
