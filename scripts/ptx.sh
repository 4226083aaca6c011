#!/usr/bin/env bash
# ptx.sh [check]: compiles kernels/*.cu to kernels/ptx/*.ptx with the pinned nvcc, as
# far as they are older than their sources, and lowers the version of the PTX to 7.0,
# which drivers of CUDA 11.8 and later take. check: compiles all and compares byte for byte
# with what is there, and assembles it with the ptxas of CUDA 12.0.
set -euo pipefail
cd "$(dirname "$0")/.."
check=${1:-}
nvcc=$(scripts/nvcc.sh | tail -n1)
ptxas=$PWD/.cuda/nvcc/nvidia/cuda_nvcc/bin/ptxas
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p kernels/ptx
one() {
	local stem=$1 out=kernels/ptx/$1.ptx
	if [ -z "$check" ] && [ "$out" -nt "kernels/$stem.cu" ] && [ -z "$(find kernels -maxdepth 1 -name '*.cuh' -newer "$out")" ]; then return; fi
	# Comments of the compiler and the name of the folder would differ from machine to machine.
	(cd kernels && "$nvcc" -ptx -std=c++17 -arch=compute_80 -fmad=false -o "$tmp/$stem.raw" "$stem.cu")
	sed -e '/^\/\//d' -e 's/^\.version .*/.version 7.0/' "$tmp/$stem.raw" >"$tmp/$stem.ptx"
	"$ptxas" -arch=sm_80 -o "$tmp/$stem.cubin" "$tmp/$stem.ptx"
	if [ -n "$check" ]; then
		cmp "$tmp/$stem.ptx" "$out" || { echo "$out is not what kernels/$stem.cu compiles to: run make ptx" >&2; return 1; }
	elif ! cmp -s "$tmp/$stem.ptx" "$out"; then
		mv "$tmp/$stem.ptx" "$out"
	else
		touch "$out"
	fi
}
bad=0
for cu in kernels/*.cu; do
	stem=$(basename "$cu" .cu)
	one "$stem" || bad=1
done
for ptx in kernels/ptx/*.ptx; do
	[ -f "kernels/$(basename "$ptx" .ptx).cu" ] || { echo "$ptx has no source: remove it" >&2; bad=1; }
done
exit $bad
