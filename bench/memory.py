"""Memory: of the server itself, without and with 10,000 handlers, and of 200 connections behind recordio.

The handlers are processes of their own, the same for both.  They are not counted in the
first table.  In the second everything is that the server has started, as proportional set
size: a page that several processes share counts once.
"""

import os
import tempfile
from pathlib import Path

from ratios import header, options, program
from servers import ORIGINAL, children, compile_c, held, proportional, resident, running

RECORDED = 200  # connections


def main() -> None:
    arguments = options(__doc__ or "")
    many = 50 if arguments.quick else 10_000
    header([f"{ORIGINAL} (ucspi-tcp 0.88)"])
    print(f"| server | MB without handlers | MB with {many:,} handlers | bytes per handler |")
    print("| --- | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory() as name:
        hold = compile_c("hold.c", Path(name))
        line = ["-1HRl0", "-c11100", "127.0.0.1", "0", str(hold)]
        for who, command in (("ours", program("tcpserver")), (ORIGINAL, [ORIGINAL])):
            with running(command, line) as (pid, port):
                rest = resident(pid)
                with held(port, many):
                    if children(pid) != many:
                        raise SystemExit(f"{who}: {children(pid)} handlers instead of {many}")
                    busy = resident(pid)
            print(f"| {who} | {rest:.1f} | {busy:.1f} | {(busy - rest) * 2**20 / many:,.0f} |", flush=True)
        print(f"\n| server | KB with {RECORDED} connections behind `recordio`, server not counted | each |")
        print("| --- | ---: | ---: |", flush=True)
        line = ["-1HRl0", "-c1000", "127.0.0.1", "0", "recordio", str(hold)]
        for who, command in (("ours", program("tcpserver")), (ORIGINAL, [ORIGINAL])):
            path = {**os.environ, "PATH": f"{Path(command[0]).resolve().parent}:/usr/bin:/bin"}
            with running(command, line, path, quiet=True) as (pid, port), held(port, RECORDED):
                total = proportional(pid)
            print(f"| {who} | {total:,} | {total / RECORDED:.0f} |", flush=True)


if __name__ == "__main__":
    os.chdir("/")
    main()
