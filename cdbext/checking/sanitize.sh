#!/bin/sh
# Runs the cdb, rules, label, mover and PROXY header tests on a build with AddressSanitizer and UBSan, in a scratch
# directory.  Usage: PYTHON=python3 cdbext/checking/sanitize.sh [pytest arguments]
set -eu
cd "$(dirname "$0")/../.."
: "${PYTHON:=python3}" "${CC:=cc}"
PYTHON=$(command -v "$PYTHON")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cp -R setup.py pyproject.toml README.md LICENSE cdbext bin docs ucspi tests "$scratch"
cd "$scratch"
find ucspi -name '*.so' -exec rm -f {} +
flags='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g'
CFLAGS=$flags LDFLAGS='-fsanitize=address,undefined' UCSPI_BUILD=native \
  "$PYTHON" setup.py -q build_ext --inplace
# An ordinary program, for the sanitizers need libc.
"$CC" -std=c11 -O1 -D_GNU_SOURCE -DUSYS_NO_BARE -Icdbext $flags cdbext/mover/*.c cdbext/lines/crlf.c -o ucspi/_mover

# Python's own allocator would hide overruns; what it leaks at exit is not ours.
export LD_PRELOAD="$("$CC" -print-file-name=libasan.so) $("$CC" -print-file-name=libubsan.so)"
export PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 UCSPI_CORES=required
"$PYTHON" -m pytest -q -p no:cacheprovider ${*:-tests/unit/test_cdb_*.py tests/property/test_cdb_*.py \
  tests/unit/test_rules_bulk.py tests/unit/test_rules_network.py tests/property/test_rules*.py \
  tests/property/test_label.py tests/property/test_localtime.py tests/property/test_localstamp.py tests/property/test_distributor.py \
  tests/unit/test_logs_pattern.py tests/property/test_mover.py tests/property/test_client_step.py \
  tests/unit/test_tcp_proxyheader.py tests/unit/test_server_proxieddoor.py tests/property/test_proxyheader.py}
