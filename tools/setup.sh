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

echo "ocicat: installing dependencies (once, some 400 MB) …" >&2
log=$(mktemp)
if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$log" 2>&1; then
  cat "$log" >&2
  rm -f "$log"
  echo "ocicat: the dependencies could not be installed; npm's reasons are above" >&2
  exit 1
fi
rm -f "$log"
cp package-lock.json "$stamp"
# The first load strips the types and fills the compile cache: once here, in place of at every first start.
for program in node store start lab verify get; do bin/ocicat "$program" --help >/dev/null 2>&1 || true; done
