#!/bin/sh
# npm test: all set-up, then type check, lint and every test. `sh tools/test.sh unit` runs only what needs nothing.
set -e
cd "$(dirname "$0")/.."
sh tools/setup.sh
exec sh tools/node.sh tools/test.ts "$@"
