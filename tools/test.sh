#!/bin/sh
# npm test: all set-up, then type check, lint and every test. `sh tools/test.sh unit` runs only what needs nothing.
set -e
cd "$(dirname "$0")/.."
sh tools/setup.sh
# The search for dead code parses by a native package that an npm on Node.js 18 leaves out, since that package asks for
# a newer Node.js; it runs on the pinned one here.
case $(uname -m) in
  aarch64 | arm64) parser=@oxc-parser/binding-linux-arm64-gnu ;;
  *) parser=@oxc-parser/binding-linux-x64-gnu ;;
esac
sh tools/node.sh tools/locked-package.ts "$parser"
exec sh tools/node.sh tools/test.ts "$@"
