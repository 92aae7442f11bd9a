#!/bin/sh
# Peers of HAProxy tell each other how many connections came, not how many are open.
#
# Guess:     a stick-table with `peers` has the same counters on all balancers, so a limit
#            on conn_cur counts the connections of a client over all of them.
# Behaviour: the entry and its conn_cnt arrive at the other balancer; its conn_cur is 0 there
#            while two connections of that client are open here.  So a limit over several
#            balancers has to count rates, or what came; open connections each counts alone.
# Seen with: haproxy 2.6.12-1+deb12u4, Debian 12, amd64, on 2026-11-28.
set -eu
here=$(mktemp -d)
started=
trap 'for pid in $started; do kill -9 "$pid" 2>/dev/null || :; done; rm -rf "$here"' EXIT
cd "$here"
apt-get download haproxy=2.6.12-1+deb12u4 >/dev/null 2>&1
dpkg -x ./haproxy_*.deb .

cat >peers.py <<'PYTHON'
import socket, subprocess, sys, time

held = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
peer_a, peer_b, front_a, front_b, _ = ports = [one.getsockname()[1] for one in held]
for one in held[:4]:
    one.close()
CONFIG = """
global
    stats socket {here}/{name}.sock
    localpeer {name}
defaults
    mode tcp
    timeout client 60s
    timeout server 60s
    timeout connect 5s
peers fleet
    peer a 127.0.0.1:{ports[0]}
    peer b 127.0.0.1:{ports[1]}
backend seen
    stick-table type ip size 1k expire 10m store conn_cnt,conn_cur peers fleet
frontend all
    bind 127.0.0.1:{front}
    tcp-request connection track-sc0 src table seen
    default_backend machine
backend machine
    server one 127.0.0.1:{ports[4]}
"""


def counters(name):
    """Return the counters of the only client, as one balancer has them."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(f"{name}.sock")
        asked.sendall(b"show table seen\n")
        answer = b"".join(iter(lambda: asked.recv(4096), b"")).decode()
    return dict(word.split("=") for word in answer.split() if word.startswith("conn_"))


def until(what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if what():
                return
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.1)


running = []
try:
    for name, front in (("a", front_a), ("b", front_b)):
        with open(f"{name}.cfg", "w") as file:
            file.write(CONFIG.format(here=sys.argv[1], name=name, ports=ports, front=front))
        running.append(subprocess.Popen(["usr/sbin/haproxy", "-q", "-f", f"{name}.cfg"]))
        until(lambda: counters(name) == {})
    clients = [socket.create_connection(("127.0.0.1", front_a)) for _ in range(2)]
    until(lambda: counters("b").get("conn_cnt") == "2")
    for name in "ab":
        print(name, *[f"{counter}={value}" for counter, value in sorted(counters(name).items())])
finally:
    for process in running:
        process.kill()
PYTHON

seen=$(python3 peers.py "$here" 2>/dev/null)
echo "two connections through a are open:"
echo "$seen"
[ "$seen" = "a conn_cnt=2 conn_cur=2
b conn_cnt=2 conn_cur=0" ] || { echo "this has changed" >&2; exit 1; }
