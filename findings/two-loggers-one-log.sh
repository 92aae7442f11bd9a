#!/bin/sh
# multilog and s6-log do not see each other's lock, so both write into one log directory.
#
# Guess:     both lock the file `lock` of a log directory, so whoever comes second refuses
#            to start, as multilog refuses beside svlogd, and each beside itself.
# Behaviour: multilog locks with flock, s6-log with fcntl, which on a local file system are two
#            locks. s6-log starts in a directory where multilog runs, takes its `current` for one
#            that a crash has left, and renames it to a finished file. multilog goes on writing into
#            that file, which is out of date for every reader, and is deleted one day as the oldest.
#            So move a service from one logger to the other only after the first one has ended.
# Seen with: s6 2.11.3.2-1 and daemontools 1:0.76-8.1, Debian 12, amd64, on 2026-11-28.
set -eu
here=$(mktemp -d)
started=
trap 'for pid in $started; do kill -9 "$pid" 2>/dev/null || :; done; rm -rf "$here"' EXIT
cd "$here"
apt-get download s6=2.11.3.2-1 libs6-2.11=2.11.3.2-1 daemontools=1:0.76-8.1 libskarnet2.13=2.13.1.1-1 libexecline2.9=2.9.3.0-1 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(echo "$here"/lib/*-linux-gnu):$(echo "$here"/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH

# until COMMAND: wait until it succeeds, for ten seconds at most
until_() {
  tries=0
  while ! "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "in vain: $*"; exit 1; }
    sleep 0.1
  done
}
is_in() { grep -qx "$1" "$2"; }

mkdir log
mkfifo first second
usr/bin/multilog ./log <first &
multilog=$!
started=$multilog
exec 8>first
echo "one of multilog" >&8
until_ is_in "one of multilog" log/current

usr/bin/s6-log ./log <second &
s6log=$!
started="$started $s6log"
exec 9>second
echo "one of s6-log" >&9
until_ is_in "one of s6-log" log/current
echo "two of multilog" >&8
finished=$(echo log/@*)
until_ is_in "two of multilog" "$finished"

kill -0 "$multilog"
kill -0 "$s6log"
echo "multilog runs, s6-log runs"
echo "current:         $(cat log/current)"
echo "a finished file: $(tr '\n' ',' <"$finished")"
[ "$(cat log/current)" = "one of s6-log" ]
[ "$(cat "$finished")" = "one of multilog
two of multilog" ]

# Each sees its own kind.
code=0
echo x | timeout 5 usr/bin/multilog ./log 2>refused || code=$?
echo "a second multilog exits $code: $(cat refused)"
[ "$code" = 111 ]
code=0
echo x | timeout 5 usr/bin/s6-log ./log 2>refused || code=$?
echo "a second s6-log exits $code: $(cat refused)"
[ "$code" = 111 ]
