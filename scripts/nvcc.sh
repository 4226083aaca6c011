#!/usr/bin/env bash
# nvcc.sh [headers]: makes .cuda/ from pinned Python wheels, no CUDA installed and no root.
#   headers   only cuda.h of CUDA 12.0 (1 MB): what the cuda build needs
#   (nothing) also nvcc 13.0.88, and ptxas 12.0.140 to check PTX with (100 MB)
# NVCC_TOOLS=1 adds compute-sanitizer, cuobjdump and nvdisasm.
# The last line of standard output is the folder of cuda.h, or the path of nvcc.
# What is there already is not made again.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || { echo "scripts/nvcc.sh: the pinned wheels are for Linux on x86-64" >&2; exit 1; }
py=${PYTHON:-python3}
"$py" -m pip --version >/dev/null 2>&1 || { echo "scripts/nvcc.sh: needs python3 with pip" >&2; exit 1; }

headers='nvidia-cuda-runtime-cu12==12.0.146 --hash=sha256:18c038592af387684812fa712642aa9a26c12da80acb488b6709f7cced147f71'
# Every package is pinned: nvidia-cuda-nvcc does not pin its own needs, and cicc of
# another release breaks ptxas. A newer nvcc writes PTX that driver 580 refuses.
tools='nvidia-cuda-nvcc==13.0.88 --hash=sha256:56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03
nvidia-nvvm==13.0.88 --hash=sha256:c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0
nvidia-cuda-crt==13.0.88 --hash=sha256:2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cccl==13.0.85 --hash=sha256:e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649
nvidia-cuda-nvcc-cu12==12.0.140 --hash=sha256:958d54df87d0c0b7207e7fed403d6eeda0890a01cc44cfeaccf87c7f90e9b165'
# cuobjdump and nvdisasm have no 13.0 wheels; 13.2 is the oldest, and reads older cubins.
extra='nvidia-cuda-sanitizer-api==13.0.85 --hash=sha256:b1efff95f63b6fe40dc83801d598550542364393957775912a1abf396904331c
nvidia-cuda-cuobjdump==13.2.86 --hash=sha256:d332c2ffe78e703ca0a3894be927f83124244e2acf0d792b8c12b4362d44d837
nvidia-cuda-nvdisasm==13.2.86 --hash=sha256:53606e719ecae07a2335f95902d5a1393a0cc1c317499ee7ffcf628a44385f2c'

# wheels FOLDER PINS: installs them into one folder. All in one call: they share the
# folder nvidia/, and a second "pip install --target" skips or deletes it.
wheels() {
	local dir=$1 pins=$2 tmp
	if [ -f "$dir/.pins" ] && [ "$(cat "$dir/.pins")" = "$pins" ]; then return; fi
	tmp=$dir.tmp.$$
	# shellcheck disable=SC2064
	trap "rm -rf '$tmp'" EXIT
	mkdir -p "$tmp/wheels"
	printf '%s\n' "$pins" >"$tmp/pins.txt"
	export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
	"$py" -m pip download -q --no-deps --only-binary :all: --require-hashes -r "$tmp/pins.txt" -d "$tmp/wheels" >&2
	"$py" -m pip install -q --no-deps --no-index --find-links "$tmp/wheels" --no-compile --require-hashes -r "$tmp/pins.txt" --target "$tmp/root" >&2
	for bin in cu13/bin cu13/nvvm/bin cuda_nvcc/bin; do
		[ ! -d "$tmp/root/nvidia/$bin" ] || chmod +x "$tmp/root/nvidia/$bin"/*
	done
	[ ! -d "$tmp/root/nvidia/cu13/lib" ] || ln -s lib "$tmp/root/nvidia/cu13/lib64" # where nvcc looks for the runtime
	printf '%s' "$pins" >"$tmp/root/.pins"
	rm -rf "$dir"
	mv "$tmp/root" "$dir"
	rm -rf "$tmp"
}

mkdir -p .cuda
if [ "$what" = headers ]; then
	wheels .cuda/headers "$headers"
	echo "$PWD/.cuda/headers/nvidia/cuda_runtime/include"
	exit
fi
[ "${NVCC_TOOLS:-0}" != 1 ] || tools="$tools
$extra"
wheels .cuda/nvcc "$tools"
.cuda/nvcc/nvidia/cu13/bin/nvcc --version >/dev/null || { echo "scripts/nvcc.sh: nvcc was installed but does not run" >&2; exit 1; }
echo "$PWD/.cuda/nvcc/nvidia/cu13/bin/nvcc"
