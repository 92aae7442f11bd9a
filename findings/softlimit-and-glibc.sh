#!/bin/sh
# The oldest qmail run scripts start no server on Debian 12: 2 MB hold no glibc.
#
# Guess:     `softlimit -m 2000000 tcpserver ...`, as qmail's guides have had it for
#            twenty years, still works with the packaged originals.
# Behaviour: the dynamic linker cannot map libc below the limit, and tcpserver ends
#            before its first line; supervise tries again every second for ever.
#            The smallest multiple of a million that is enough is printed.
# Seen with: ucspi-tcp 1:0.88-7, daemontools 1:0.76-8.1, libc6 2.36-9+deb12u14,
#            Debian 12, amd64, on 2026-11-28.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
apt-get download ucspi-tcp=1:0.88-7 daemontools=1:0.76-8.1 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" .; done
PATH=$here/usr/bin:$PATH

# Whether tcpserver starts: asked to listen nowhere, it ends with its own usage and 100.
starts() {
  code=0
  softlimit -m "$1" tcpserver 2>said || code=$?
  [ "$code" = 100 ]
}

if starts 2000000; then small=starts; else small="does not start"; fi
echo "softlimit -m 2000000 tcpserver: $small"
[ "$small" = starts ] || sed 's/^/    /' said
size=3000000
until starts "$size"; do size=$((size + 1000000)); done
echo "the first that is enough: $size"
[ "$small" = "does not start" ] || { echo "this has changed" >&2; exit 1; }
