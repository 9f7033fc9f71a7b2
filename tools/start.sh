#!/bin/sh
# npm start: what is missing is installed, then the lab comes up. Works with any Node.js from 18 on: the pinned one runs it.
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
case $(uname -s) in
  Linux) ;;
  *)
    echo "ocicat: the lab is made of Linux namespaces; take a Linux machine or a virtual machine" >&2
    exit 1
    ;;
esac
sh "$root/tools/setup.sh"
exec "$root/bin/ocicat" start "$@"
