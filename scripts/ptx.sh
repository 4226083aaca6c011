#!/usr/bin/env bash
# ptx.sh [check]: compiles the kernels/*.cu that have changed with the pinned nvcc.
#   kernels/ptx/NAME.ptx          for compute capability 8.0, lowered to version 7.0 of PTX,
#                                 which drivers of CUDA 11.8 and later take
#   kernels/ptx/sm_XX/NAME.cubin  machine code for 8.x, 9.x and 10.x, so that the driver
#                                 need not compile: the first two by the ptxas of CUDA 12.0
# check: compiles all, and compares byte for byte with what is there.
set -euo pipefail
cd "$(dirname "$0")/.."
check=${1:-}
nvcc=$(scripts/nvcc.sh | tail -n1)
new=$(dirname "$nvcc")/ptxas
old=$PWD/.cuda/nvcc/nvidia/cuda_nvcc/bin/ptxas
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# made FROM TO: TO becomes FROM, or is compared with it.
made() {
	if [ -n "$check" ]; then
		cmp "$1" "$2" || { echo "$2 is not what its source compiles to: run make ptx" >&2; return 1; }
	else
		mkdir -p "$(dirname "$2")"
		mv "$1" "$2"
	fi
}

one() {
	local stem=$1 out=kernels/ptx/$1.ptx
	if [ -z "$check" ] && [ "$out" -nt "kernels/$stem.cu" ] && [ -z "$(find kernels -maxdepth 1 -name '*.cuh' -newer "$out")" ] &&
		[ -f "kernels/ptx/sm_100/$stem.cubin" ]; then return; fi
	# The compiler's comments would differ from release to release.
	(cd kernels && "$nvcc" -ptx -std=c++17 -arch=compute_80 -fmad=false -o "$tmp/$stem.raw" "$stem.cu")
	sed -e '/^\/\//d' -e 's/^\.version .*/.version 7.0/' "$tmp/$stem.raw" >"$tmp/$stem.ptx"
	for sm in 80 90 100; do
		ptxas=$old
		[ $sm != 100 ] || ptxas=$new
		(cd "$tmp" && "$ptxas" -arch=sm_$sm -o "$stem.cubin" "$stem.ptx")
		made "$tmp/$stem.cubin" "kernels/ptx/sm_$sm/$stem.cubin" || return 1
	done
	made "$tmp/$stem.ptx" "$out"
}
bad=0
for cu in kernels/*.cu; do
	one "$(basename "$cu" .cu)" || bad=1
done
for f in kernels/ptx/*.ptx kernels/ptx/sm_*/*.cubin; do
	stem=$(basename "$f")
	[ -f "kernels/${stem%.*}.cu" ] || { echo "$f has no source: remove it" >&2; bad=1; }
done
exit $bad
