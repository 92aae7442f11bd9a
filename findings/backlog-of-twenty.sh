#!/bin/sh
# tcpserver, as it comes, has room for 21 clients that wait, however many it may serve.
#
# Guess:     up to its limit (-c, 40) clients get in at once; more wait until it has time.
# Behaviour: a burst is bounded by the backlog (-b), which is 20: Linux holds one more than
#            it says.  While the server is busy, here stopped, the 22nd client has no
#            connection, and its system tries again after a second, then after two more.
#            With -b 128 all of a burst of 64 are connected at once.
# Seen with: ucspi-tcp 1:0.88-7, Debian 12, amd64, Linux 6.18, on 2026-11-28.
set -eu
here=$(mktemp -d)
started=
trap 'for pid in $started; do kill -9 "$pid" 2>/dev/null || :; done; rm -rf "$here"' EXIT
cd "$here"
apt-get download ucspi-tcp=1:0.88-7 >/dev/null 2>&1
dpkg -x ./*.deb .

cat >burst.py <<'PYTHON'
import os, select, signal, socket, sys
pid, port = map(int, sys.argv[1:])
os.kill(pid, signal.SIGSTOP)
while open(f"/proc/{pid}/stat").read().rpartition(") ")[2][0] != "T":
    pass
clients = [socket.socket() for _ in range(64)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", port))
print(len(select.select([], clients, [], 0.5)[1]))  # connected, before anybody tries again
PYTHON

# Print how many of 64 clients are connected while the server does nothing.
burst() {
  "$here/usr/bin/tcpserver" -1 -c100 -RHl0 "$@" 127.0.0.1 0 true >port & server=$!
  started="$started $server"
  until [ -s port ]; do sleep .1; done
  python3 burst.py "$server" "$(cat port)"
  kill -9 "$server"
  rm port
}

burst >few # not in a subshell: what is started must be known here
burst -b128 >many
few=$(cat few) many=$(cat many)
echo "64 clients at once, default backlog: $few are connected"
echo "64 clients at once, -b128:           $many are connected"
[ "$few $many" = "21 64" ] || { echo "this has changed" >&2; exit 1; }
