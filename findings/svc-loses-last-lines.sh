#!/bin/sh
# `svc -dx SERVICE SERVICE/log` loses what the service says when it is told to end.
#
# Guess:     the two directories are told in order, so the logger hears of it when
#            the service has ended, and takes its last lines.
# Behaviour: svc writes to both control fifos and waits for neither.  The logger gets
#            its TERM, ends between two lines, and supervise does not start it again:
#            what the service writes while it ends stays in a pipe that nobody reads.
#            The lines are there if the logger is told after svok says that the
#            service's supervise is gone.
# Seen with: daemontools 1:0.76-8.1, Debian 12, amd64, on 2026-11-28.
set -eu
here=$(mktemp -d)
started=
trap 'for pid in $started; do kill "$pid" 2>/dev/null || :; done; rm -rf "$here"' EXIT
cd "$here"
apt-get download daemontools=1:0.76-8.1 >/dev/null 2>&1
dpkg -x ./*.deb .
PATH=$here/usr/bin:$PATH

# Make a service that needs half a second to end, run it, end it in one way.
try() {
  mkdir -p "$1/service/log/main"
  cat >"$1/service/run" <<'RUN'
#!/bin/sh
trap 'sleep .5; echo last line; exit' TERM
echo first line
while :; do sleep .1; done
RUN
  printf '#!/bin/sh\nexec multilog ./main\n' >"$1/service/log/run"
  chmod +x "$1/service/run" "$1/service/log/run"
  mkfifo "$1/pipe"
  supervise "$1/service" >"$1/pipe" & started="$started $!"
  supervise "$1/service/log" <"$1/pipe" & started="$started $!"
  until grep -qs 'first line' "$1/service/log/main/current"; do sleep .1; done
  "$2" "$1/service"
  while svok "$1/service" || svok "$1/service/log"; do sleep .1; done
  grep -c 'last line' "$1/service/log/main/current" || :
}

together() { svc -dx "$1" "$1/log"; }
in_turn() {
  svc -dx "$1"
  while svok "$1"; do sleep .1; done
  svc -dx "$1/log"
}

mkdir one two
try one together >lost # not in a subshell: what is started must be known here
try two in_turn >kept
lost=$(cat lost) kept=$(cat kept)
echo "svc -dx SERVICE SERVICE/log:          $lost last lines in the log"
echo "the logger told after the service:    $kept last lines in the log"
[ "$lost $kept" = "0 1" ] || { echo "this has changed" >&2; exit 1; }
