#!/bin/sh
# A comment without a newline at the end of hosts.deny turns every client away.
#
# Guess:     a comment is a comment, and a last line without a newline counts
#            like any other, as in nearly every other file of /etc.
# Behaviour: tcpd complains of a missing newline and takes the file for one that
#            refuses everybody.  At the end of hosts.allow the same comment only
#            ends the reading.  An editor that writes no last newline is enough to
#            close every service of a machine.
# Seen with: tcpd and libwrap0 7.6.q-32, Debian 12, amd64, on 2026-11-28.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
apt-get download tcpd=7.6.q-32 libwrap0=7.6.q-32 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(dirname "$(find "$here" -name 'libwrap.so.0' | head -n 1)")
export LD_LIBRARY_PATH

verdict() { usr/sbin/tcpdmatch -d in.telnetd 192.0.2.1 2>/dev/null | sed -n 's/^access: *//p'; }

: >hosts.allow
printf '# nothing is refused here\n' >hosts.deny
whole=$(verdict)
printf '# nothing is refused here' >hosts.deny
cut=$(verdict)
: >hosts.deny
printf '# nothing is said here' >hosts.allow
allow=$(verdict)
echo "hosts.deny: a comment and its newline:   $whole"
echo "hosts.deny: the same without a newline:  $cut"
echo "hosts.allow: the same without a newline: $allow"
[ "$whole $cut $allow" = "granted denied granted" ] || { echo "this has changed" >&2; exit 1; }
