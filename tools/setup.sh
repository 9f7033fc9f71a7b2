#!/bin/sh
# Makes node_modules what package-lock.json says, if it is not that already. May be run by several at once: one works,
# the others wait. Needs any Node.js from 18 on with npm; nothing of it is used afterwards.
set -e
cd "$(dirname "$0")/.."
stamp=node_modules/.installed-lock

is_current() { cmp -s package-lock.json "$stamp"; }

is_current && exit 0
command -v npm >/dev/null 2>&1 || {
  echo "ocicat: npm is missing; install Node.js 18 or newer with npm (Debian: apt-get install nodejs npm)" >&2
  exit 1
}
# The lock is the checkout's folder, held by the descriptor: nothing is left of it, and it goes when this process goes,
# however that happens. Without flock, or on a file system that locks no folder, all work at once.
exec 9<.
if command -v flock >/dev/null 2>&1; then flock 9 || true; fi
is_current && exit 0

# What npm says of it (EACCES) names neither whose the folder is nor what to do.
for folder in . node_modules; do
  [ ! -e "$folder" ] || [ -w "$folder" ] || {
    owner=$(stat -c %U "$folder")
    echo "ocicat: $(readlink -f "$folder") belongs to $owner, and $(id -un) may not write there: run the command as $owner, once (sudo -u $owner …), or in a clone of your own" >&2
    exit 1
  }
done

echo "ocicat: installing dependencies (once, some 400 MB) …" >&2
# Says every so often that it goes on: on a terminal in one line, elsewhere in lines. It ends with this script, however that
# ends: what runs beside a script hears no Ctrl-C.
tell_time() {
  if [ -t 2 ]; then every=1 form='\r  %s s '; else every=10 form='  %s s, still installing\n'; fi
  seconds=0
  while sleep "$every" >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    seconds=$((seconds + every))
    # shellcheck disable=SC2059 # one of the two above
    printf "$form" "$seconds" >&2
  done
}
tell_time 9>&- &
clock=$!
silence() {
  kill "$clock" 2>/dev/null || true
  if [ -t 2 ]; then printf '\r\033[K' >&2; fi
}

log=$(mktemp)
# Three more tries, within some 20 s: that there is no network is told soon. A slow one has a minute for the next octets.
if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-timeout=60000 \
  --fetch-retries=3 --fetch-retry-factor=2 --fetch-retry-mintimeout=2500 >"$log" 2>&1; then
  silence
  cat "$log" >&2
  rm -f "$log"
  echo "ocicat: the dependencies could not be installed; npm's reasons are above" >&2
  exit 1
fi
rm -f "$log"
cp package-lock.json "$stamp"
# The first load strips the types and fills the compile cache: once here, in place of at every first start.
for program in node store start lab verify get; do bin/ocicat "$program" --help >/dev/null 2>&1 || true; done
silence
