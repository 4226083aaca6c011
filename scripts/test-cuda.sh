#!/usr/bin/env bash
# test-cuda.sh [ARGUMENT...]: the tests of the packages that differ in the CUDA build, on
# the emulator, with as many devices as GPUSC_EMU_DEVICES says. GPU=1: on real devices.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${GPU:-}" != 1 ]; then
	make --no-print-directory emulator
	export LD_LIBRARY_PATH=$PWD/bin/emulator
fi
# Without a device these tests would be left out, and nothing be tested.
export GPUSC_TEST_DEVICE=required
# Only the tests see the emulator; the Go tool itself must not.
run=(env "LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}")
unset LD_LIBRARY_PATH
exec scripts/cuda-env.sh "${GO:-go}" test -tags cuda -timeout 20m -exec "${run[*]}" "${@:-./cuda}"
