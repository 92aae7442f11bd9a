#!/bin/sh
# Runs the C core in two threads on one image, under ThreadSanitizer.
# Usage: PYTHON=python3 cdbext/checking/threads.sh
set -eu
# Older ThreadSanitizers cannot start where addresses are very random.
fixed=
if setarch -R true 2>/dev/null; then fixed='setarch -R'; fi
cd "$(dirname "$0")/.."
: "${PYTHON:=python3}" "${CC:=cc}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$CC" -std=c11 -g -O1 -fsanitize=thread -pthread -I. checking/threads.c cdb/*.c -o "$scratch/threads"
for form in cdb cdb64 cdblib64; do
  (cd .. && UCSPI_CDB=pure "$PYTHON" - "$scratch/$form" "$form") <<'IMAGE'
import sys
from ucspi.cdb import make
make(sys.argv[1], ((b"key %d" % (n % 1500), b"x" * (n % 40)) for n in range(2000)), format=sys.argv[2])
IMAGE
  $fixed "$scratch/threads" "$scratch/$form"
done
