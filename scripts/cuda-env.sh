#!/usr/bin/env bash
# cuda-env.sh COMMAND...: runs a command with what a build with -tags cuda needs:
# cuda.h, and a libcuda.a that opens the driver when the program runs (cuda/shim).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v "${CC:-gcc}" >/dev/null || { echo "scripts/cuda-env.sh: needs a C compiler (gcc)" >&2; exit 1; }
include=$(scripts/nvcc.sh headers | tail -n1)
lib=$PWD/.cuda/shim
src=$(sh cuda/shim/gen.sh cuda/shim/symbols.txt)
if [ ! -f "$lib/libcuda.a" ] || [ "$src" != "$(cat "$lib/shim.c" 2>/dev/null)" ]; then
	mkdir -p "$lib"
	tmp=$(mktemp -d "$lib/tmp.XXXXXX")
	printf '%s\n' "$src" >"$tmp/shim.c"
	"${CC:-gcc}" -O2 -fPIC -c -o "$tmp/shim.o" "$tmp/shim.c"
	ar rcs "$tmp/libcuda.a" "$tmp/shim.o"
	mv "$tmp/libcuda.a" "$lib/libcuda.a"
	mv "$tmp/shim.c" "$lib/shim.c"
	rm -rf "$tmp"
fi
# The name of the shim's version is in the flags, as Go's cache does not look into libcuda.a.
version=$(printf '%s' "$src" | cksum | cut -d' ' -f1)
export CGO_ENABLED=1
export CGO_CFLAGS="-O2 -Wno-deprecated-declarations -I$include -DGPUSC_SHIM=$version"
export CGO_LDFLAGS="-L$lib -ldl -lpthread"
exec "$@"
