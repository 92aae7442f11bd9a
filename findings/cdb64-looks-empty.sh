#!/bin/sh
# A database in djb's 64-bit format is an empty one, without an error, to readers of cdb.
#
# Guess:     a reader that does not know the format says that the file is damaged:
#            the header is twice as long, and no table is where it would look.
# Behaviour: read as pairs of 32 bits, every pointer of a small cdb64 says "no slots".
#            So each key is absent, and nothing is wrong: tinycdb ends with 100 as for
#            any absent key, Perl's CDB_File gives undef (only listing all keys fails
#            there).  Whoever converts a map for a mail server to cdb64 gets no
#            complaint, only no answers.
# Seen with: tinycdb 0.78+b1, libcdb-file-perl 1.05-2+b1, Debian 12, amd64, on 2026-11-28.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
apt-get download tinycdb=0.78+b1 libcdb1=0.78+b1 libcdb-file-perl=1.05-2+b1 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" .; done
library=$(find "$here" -name 'libcdb.so*' | head -n 1)
LD_LIBRARY_PATH=${library%/*}
export LD_LIBRARY_PATH

# One record, one -> Hello, as cdb-20251021 describes its format: 256 pointers of two
# 64-bit numbers, the record, and the tables, of which one has two slots.
python3 - <<'PYTHON'
import struct

key, data = b"one", b"Hello"
h = 5381
for byte in key:
    h = h * 33 % 2**64 ^ byte
record = struct.pack("<QQ", len(key), len(data)) + key + data
tables, header = 4096 + len(record), b""
for number in range(256):
    mine = number == h % 256
    header += struct.pack("<QQ", tables, 2 * mine)
    tables += 32 * mine
slots = [bytes(16), bytes(16)]
slots[h // 256 % 2] = struct.pack("<QQ", h, 4096)
with open("wide.cdb", "wb") as file:
    file.write(header + record + b"".join(slots))
PYTHON

code=0
usr/bin/cdb -q wide.cdb one >answer 2>&1 || code=$?
echo "cdb -q wide.cdb one: exit $code, $(wc -c <answer) bytes said"
module=$(find "$here" -name CDB_File.pm | head -n 1)
perl=$(perl -I "${module%/*}" -MCDB_File -e '
  tie my %map, "CDB_File", "wide.cdb" or die "refused: $!";
  print defined $map{one} ? $map{one} : "undef"; print eval { () = keys %map; 1 } ? "" : ", but no list of keys";')
echo "Perl: $perl"
[ "$code $(wc -c <answer) $perl" = "100 0 undef, but no list of keys" ] || { echo "this has changed" >&2; exit 1; }
