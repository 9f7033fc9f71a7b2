#!/bin/sh
# Biome's binary by its platform packages: the package that wraps them wants every platform's to exist. What it caches
# stays in the checkout.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
case $(uname -m) in
  aarch64 | arm64) arch=arm64 ;;
  *) arch=x64 ;;
esac
XDG_CACHE_HOME=$root/node_modules/.cache exec "$root/node_modules/@biomejs/cli-linux-$arch/biome" "$@"
