#!/bin/sh
# Compiles each C file on its own with warnings as errors.
# cffi's generated code is exempt: it warns.  Usage: PYTHON=python3 cdbext/checking/warnings.sh
set -eu
: "${PYTHON:=python3}" "${CC:=cc}"
include=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')
cd "$(dirname "$0")/.."
warn='-std=c11 -O2 -Wall -Wextra -Wconversion -Wshadow -Werror -fsyntax-only -I.'

for file in */*.c; do
  case $file in
    python/*)
      "$CC" $warn -isystem "$include" "$file" # Python's headers are not pedantic
      # From 3.13 on they also show what a build without the GIL compiles.
      grep -qs PyCriticalSection_Begin "$include/cpython/critical_section.h" || continue
      "$CC" $warn -DPy_GIL_DISABLED=1 -isystem "$include" "$file"
      ;;
    system/* | nolibc/* | mover/*)
      "$CC" $warn -pedantic -D_GNU_SOURCE "$file"
      "$CC" $warn -pedantic -D_GNU_SOURCE -DUSYS_NO_BARE "$file" # as other processors build it
      ;;
    launcher/*)
      for way in -DLAUNCH_AS_IT_IS -DUSYS_NO_BARE '-DLAUNCH_PACKAGE="/where"'; do
        "$CC" $warn -pedantic -ffreestanding -D_GNU_SOURCE -DLAUNCH_PYTHON='"python3.11"' \
          -DLAUNCH_LIBRARY='"python3.11"' "$way" "$file"
      done
      ;;
    lines/* | checking/*) "$CC" $warn -pedantic -D_GNU_SOURCE "$file" ;;
    *) "$CC" $warn -pedantic "$file" ;;
  esac
done
