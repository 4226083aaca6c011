#!/usr/bin/env bash
# gpu-bundle.sh: makes bin/gpu-bundle.tar.gz (under 60 MB), which a machine with a GPU
# unpacks and runs: gpu-bundle/run.sh OUT. It holds the program and the tests built
# with -tags cuda, made-up cells, the peer in Python, and run.sh (scripts/gpu-run.sh).
# The binaries need glibc and nothing else; which one is checked here and told.
#   GLIBC_MAX=2.35     the newest glibc that they may need (Ubuntu 22.04's)
#   TWIN_CELLS=3000    made-up cells in the bundle
set -euo pipefail
cd "$(dirname "$0")/.."
go=${GO:-go}
glibc_max=${GLIBC_MAX:-2.35}
version=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
# What is there besides cuda: packages whose tests reach a device through the engine.
packages="./cuda . ./test"
mkdir -p bin
tmp=$(mktemp -d bin/bundle.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
to=$tmp/gpu-bundle
mkdir -p "$to/bin" "$to/data" "$to/tests"

scripts/cuda-env.sh "$go" build -tags cuda -trimpath -ldflags "-s -w -X main.version=$version" -o "$to/bin/gpusc-cuda" ./cmd/gpusc
for p in $packages; do
	name=$(basename "$p")
	[ "$p" != . ] || name=root
	mkdir -p "$to/tests/$name"
	scripts/cuda-env.sh "$go" test -c -tags cuda -trimpath -ldflags '-s -w' -o "$to/tests/$name/$name.test" "$p"
	[ ! -d "$p/testdata" ] || cp -r "$p/testdata" "$to/tests/$name/"
done
echo 'module bundle' >"$to/tests/go.mod" # tests look for the shared data beside it, and skip

glibc=$(scripts/glibc.sh "$glibc_max" "$to"/bin/* "$to"/tests/*/*.test)

"$to/bin/gpusc-cuda" synth --device cpu -o "$to/data/twins.h5ad" --cells "${TWIN_CELLS:-3000}" --log-level error
cp bench/gpu_peer.py "$to/"
cp scripts/gpu-run.sh "$to/run.sh"
{
	echo "commit $(git rev-parse HEAD)$(git diff --quiet HEAD || echo ' and changes')"
	echo "version $version"
	echo "glibc $glibc or later"
	echo "$("$go" version)"
	echo "cuda.h $(basename "$(sed -n "s/^headers='\([^ ]*\).*/\1/p" scripts/nvcc.sh)")"
	(cd "$to" && find . -type f ! -name MANIFEST | sort | xargs sha256sum)
} >"$to/MANIFEST"
tar -C "$tmp" --sort=name --owner=0 --group=0 --mtime="@$(git log -1 --format=%ct)" -cf - gpu-bundle | gzip -9 >"$tmp/bundle.tar.gz"
size=$(wc -c <"$tmp/bundle.tar.gz")
[ "$size" -lt 60000000 ] || { echo "gpu-bundle.sh: $size bytes are more than 60 MB: give fewer TWIN_CELLS" >&2; exit 1; }
mv "$tmp/bundle.tar.gz" bin/gpu-bundle.tar.gz
echo "bin/gpu-bundle.tar.gz: $((size / 1000000)) MB, needs glibc $glibc or later"
