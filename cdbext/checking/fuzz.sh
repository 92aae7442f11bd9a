#!/bin/sh
# Fuzzes the C core with libFuzzer, under AddressSanitizer and UBSan: each fuzz_*.c in turn.
# Usage: PYTHON=python3 cdbext/checking/fuzz.sh [seconds for each, default 60] [directory to keep the corpora in]
# Needs clang with its runtime (Debian: clang libclang-rt-dev); installs nothing.
set -eu
: "${PYTHON:=python3}" "${CLANG:=clang}"
seconds=${1:-60}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
corpora=${2:-$scratch/corpora}
mkdir -p "$corpora"
corpora=$(cd "$corpora" && pwd)
PYTHON=$(command -v "$PYTHON") && PYTHON=$(cd "$(dirname "$PYTHON")" && pwd)/$(basename "$PYTHON")
cd "$(dirname "$0")/.."

command -v "$CLANG" >/dev/null || {
  echo "fuzz.sh: no $CLANG: install clang and libclang-rt-dev, or set CLANG" >&2
  exit 1
}

mkdir "$scratch/image" "$scratch/rules" "$scratch/lines" "$scratch/logs" "$scratch/proxy" "$scratch/dns" "$scratch/client"
# Small sound images of every format to begin with.
(cd .. && UCSPI_CDB=pure "$PYTHON" - "$scratch/image") <<'SEEDS'
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
printf '\200# x\n1.2.3.4:deny\n5.6-9.:allow,A="b"\n=a.org:deny\n10.0.0.0/8:deny\n1.2.3.0-5:deny\n:allow\n' >"$scratch/rules/1"
printf '\0502001:db8::/32:deny\n2001:db8::1:allow\n10.0.0.0/8:allow\n10.0.:deny\n10.0.0.1:deny\n10.0.0.1/32:allow\n' >"$scratch/rules/2"
printf '\005\000@400000003b9aca0a0000000a one\r\n@400000003b9aca0a0000000 two\n\n@no\r\r\n' >"$scratch/lines/1"
printf '\054\017\377aab\nbaa\n\na' >"$scratch/logs/1"
awk 'BEGIN { printf "\004\007\001"; for (i = 0; i < 300; i++) printf "%d a line that is written to logs\n", i }' >"$scratch/logs/2"
awk 'BEGIN { printf "\034\100\020"; for (i = 0; i < 4000; i++) printf "ab" }' >"$scratch/logs/3"
# Headers that real senders sent; the first byte lets them be of any length.
awk -F '\t' '!/^#/ { print $3 }' ../tests/corpus/proxy-headers.tsv | (cd "$scratch/proxy" && "$PYTHON" -c '
import sys
for number, line in enumerate(sys.stdin):
    with open(str(number), "wb") as file:
        file.write(b"\0" + bytes.fromhex(line))')

printf '\007\0021.2.3.4\003\004\0224\201\203\0\001\0\0\0\001\0\0\0014\0013\0012\0011' >"$scratch/dns/1"
printf '\013\0012001:db8::1\003' >"$scratch/dns/2"
printf 'PROTO=TCP\0TCPREMOTEIP=192.0.2.1\0TCPREMOTEPORT=40000\0TCPLOCALIP=192.0.2.2\0TCPLOCALPORT=80' >"$scratch/client/1"
printf 'PROTO=TCP6\0TCP6REMOTEIP=2001:db8::1\0TCP6REMOTEPORT=1\0TCP6LOCALIP=::ffff:0:0:1\0TCP6LOCALPORT=65535' >"$scratch/client/2"

flags='-std=c11 -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I.'
for target in image rules lines logs proxy dns client; do
  case $target in
    image) code='cdb/*.c rules/*.c' most=8192 ;;
    rules) code='checking/rulesimage.c cdb/*.c rules/*.c' most=600 ;;
    lines) code='lines/*.c' most=512 ;;
    logs) code='lines/*.c' most=16384 ;;
    proxy) code='proxy/*.c' most=512 ;;
    dns) code='system/dnsmessage.c system/addresstext.c' most=1024 ;;
    client) code='system/proxyheader.c system/addresstext.c proxy/*.c' most=512 ;;
  esac
  "$CLANG" $flags checking/fuzz_$target.c $code -o "$scratch/fuzz_$target" || {
    echo "fuzz.sh: $CLANG cannot link a fuzzer: install libclang-rt-dev of its version" >&2
    exit 1
  }
  mkdir -p "$corpora/$target"
  printf '\n=== fuzz_%s.c\n' "$target"
  (cd "$scratch" && "./fuzz_$target" -max_total_time="$seconds" -max_len="$most" -timeout=10 -print_final_stats=1 \
    "$corpora/$target" "$scratch/$target")
done
