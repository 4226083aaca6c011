#!/usr/bin/env bash
# Makes .venv with the pinned peers (scanpy, anndata, h5py, ...) that the tests
# compare with, and prints the path of its Python. A second run does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
req=test/requirements.txt
py=""
for c in python3.13 python3.12 python3.14 "$HOME"/.pyenv/versions/3.1[234]*/bin/python3 python3; do
  if command -v "$c" >/dev/null 2>&1 && "$c" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
    py=$c
    break
  fi
done
if [ -z "$py" ]; then
  py=$(command -v python3 || true)
  req=test/requirements-py311.txt
  [ -n "$py" ] || { echo "venv.sh: no python3 found; install Python 3.11 or later" >&2; exit 1; }
  "$py" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "venv.sh: $("$py" --version) is too old; install Python 3.11 or later" >&2; exit 1; }
fi
sum=$( (cat "$req"; "$py" --version) | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/.made-from 2>/dev/null || true)" != "$sum" ]; then
  echo "venv.sh: installing $(grep -c == "$req") packages from $req with $("$py" --version)" >&2
  rm -rf .venv
  "$py" -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r "$req" >&2
  echo "$sum" > .venv/.made-from
fi
echo "$PWD/.venv/bin/python"
