#!/bin/sh
# Fuzzes the C core with libFuzzer, under AddressSanitizer and UBSan.
# Usage: PYTHON=python3 cdbext/checking/fuzz.sh [seconds, default 60] [directory to keep the corpus in]
# Needs clang with its runtime (Debian: clang libclang-rt-dev); installs nothing.
set -eu
cd "$(dirname "$0")/.."
: "${PYTHON:=python3}" "${CLANG:=clang}"
seconds=${1:-60}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
corpus=${2:-$scratch/corpus}
mkdir -p "$corpus" "$scratch/seeds"

command -v "$CLANG" >/dev/null || {
  echo "fuzz.sh: no $CLANG: install clang and libclang-rt-dev, or set CLANG" >&2
  exit 1
}
flags='-std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I.'
"$CLANG" $flags checking/fuzz.c cdb/*.c rules/*.c -o "$scratch/fuzz" || {
  echo "fuzz.sh: $CLANG cannot link a fuzzer: install libclang-rt-dev of its version" >&2
  exit 1
}

# Small sound images of every format to begin with.
(cd .. && UCSPI_CDB=pure "$PYTHON" - "$scratch/seeds") <<'SEEDS'
import sys
from ucspi.cdb import Builder
sets = [[], [(b"one", b"1")], [(b"one", b"%d" % n) for n in range(20)],
        [(b"key %d" % (n % 30), b"x" * (n % 7)) for n in range(40)], [(b"", b""), (b"afcyda}", b"0"), (b"k1197", b"")]]
for number, pairs in enumerate(sets):
    for form in ("cdb", "cdb64", "cdblib64"):
        blocks = []
        builder = Builder(blocks.append, format=form)
        builder.update(pairs)
        header = builder.finish()
        with open(f"{sys.argv[1]}/{number}.{form}", "wb") as file:
            file.write(header + b"".join(blocks))
    with open(f"{sys.argv[1]}/{number}.text", "wb") as file:
        file.write(b"".join(b"+%d,%d:%b->%b\n" % (len(key), len(data), key, data) for key, data in pairs) + b"\n")
SEEDS
printf '# x\n1.2.3.4:deny\n5.6-9.:allow,A="b"\n=a.org:deny\n10.0.0.0/8:deny\n1.2.3.0-255:deny\n' > "$scratch/seeds/rules"
cd "$scratch"
"$scratch/fuzz" -max_total_time="$seconds" -max_len=8192 -timeout=10 -print_final_stats=1 "$corpus" "$scratch/seeds"
