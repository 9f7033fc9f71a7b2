#!/bin/sh
# Runs the pinned Node.js of this checkout.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
case $(uname -m) in
  aarch64 | arm64) arch=arm64 ;;
  *) arch=x64 ;;
esac
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$root/node_modules/.cache/compile}
export NODE_COMPILE_CACHE
exec "$root/node_modules/node-linux-$arch/bin/node" --disable-warning=ExperimentalWarning "$@"
