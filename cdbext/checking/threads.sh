#!/bin/sh
# Runs the C core in two threads on one image and one text, under ThreadSanitizer.
# Usage: PYTHON=python3 cdbext/checking/threads.sh
set -eu
# Older ThreadSanitizers cannot start where addresses are very random.
fixed=
if setarch -R true 2>/dev/null; then fixed='setarch -R'; fi
: "${PYTHON:=python3}" "${CC:=cc}"
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

flags='-std=c11 -g -O1 -D_GNU_SOURCE -fsanitize=thread -pthread -I.'
"$CC" $flags checking/threads.c checking/rulesimage.c cdb/*.c rules/*.c lines/*.c -o "$scratch/threads"
awk 'BEGIN {
  for (i = 0; i < 800; i++) printf "10.0.%d.%d:%s\n", i % 16, i % 256, i % 3 ? "deny" : "allow,A=\"" i "\""
  print "10.0.0.0/20:deny\n10.0.8.0/22:allow\n2001:db8::/32:deny\n10.0.3.7-9:deny\n10.:allow\n=.example.org:deny\n:deny"
}' | sort -u -t: -k1,1 >"$scratch/rules"
for form in cdb cdb64 cdblib64; do
  (cd .. && UCSPI_CDB=pure "$PYTHON" - "$scratch/$form" "$form") <<'IMAGE'
import sys
from ucspi.cdb import make
make(sys.argv[1], ((b"key %d" % (n % 1500), b"x" * (n % 40)) for n in range(2000)), format=sys.argv[2])
IMAGE
  $fixed "$scratch/threads" "$scratch/$form" "$scratch/rules"
done
