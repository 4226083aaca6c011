#!/usr/bin/env bash
# test.sh: all tests. Those that compare with scanpy use .venv, which is made here; those
# of the CUDA build run on the emulator, where there are a C++ compiler and pip.
set -euo pipefail
cd "$(dirname "$0")/.."
GPUSC_PYTHON=$(scripts/venv.sh)
export GPUSC_PYTHON
go=${GO:-go}
cuda=
if ! command -v g++ >/dev/null || ! command -v gcc >/dev/null; then
	echo "no gcc and g++: the tests of the CUDA build are left out" >&2
else
	make --no-print-directory build-cuda emulator
	export GPUSC_CUDA=$PWD/bin/gpusc-cuda GPUSC_EMULATOR=$PWD/bin/emulator
	cuda=1
fi
"$go" test -timeout 20m ./...
[ -z "$cuda" ] || scripts/test-cuda.sh
