#!/usr/bin/env bash
# bench.sh [CELLS]: gpusc beside scanpy and scanpy on Dask, file to file, results
# only, on CELLS made-up cells (default 100000) x 28,000 genes.
#
# All are measured in one run on one machine, each as a process of its own, with
# the file in the page cache. What was interrupted goes on where it stopped; a
# finished comparison is measured anew. Files stay in bench/.work.
#   PEERS="scanpy dask"  who is measured beside gpusc (scanpy-cov is known too)
#   REUSE=1              keep the peers' figures of the last finished run
#   RESULTS=bench/results  where the JSON goes
set -euo pipefail
cd "$(dirname "$0")/.."
cells=${1:-100000}
case $cells in '' | *[!0-9]*) echo "bench.sh: CELLS is a number, not '$cells'" >&2; exit 2 ;; esac
peers=${PEERS-scanpy dask}
results=${RESULTS:-bench/results}
work=bench/.work/$cells
run=$work/run
mkdir -p "$run" "$results"
py=$(scripts/venv.sh)
[ -x bin/gpusc ] || { echo "bench.sh: there is no bin/gpusc; make build" >&2; exit 1; }

# The file, as a scanpy user has it: written by anndata, gzip.
file=$work/counts.h5ad
if [ ! -f "$file" ]; then
  echo "making $file" >&2
  bin/gpusc synth -o "$work/synth.h5ad" --cells "$cells" --genes 28000 --force
  "$py" -c '
import sys, anndata
anndata.read_h5ad(sys.argv[1]).write_h5ad(sys.argv[2], compression="gzip")' "$work/synth.h5ad" "$file.part"
  mv "$file.part" "$file"
  rm -f "$work/synth.h5ad"
fi

# Numba compiles at its first run and keeps what it made: that is not measured.
warm=bench/.work/warm.h5ad
if [ -n "$peers" ] && [ ! -f bench/.work/warmed ]; then
  bin/gpusc synth -o "$warm" --cells 3000 --genes 28000 --force --log-level error 2>/dev/null
  for p in scanpy dask; do
    echo "warming $p up" >&2
    "$py" bench/peers.py "$p" "$warm" bench/.work/warm-out.h5ad --json bench/.work/warm.json
  done
  touch bench/.work/warmed
fi

if [ "${REUSE:-0}" = 1 ] && [ -d "$work/last" ]; then
  for p in $peers inflate; do cp -n "$work/last/$p"*.json "$work/last/$p.h5ad" "$run/" 2>/dev/null || true; done
fi

# gpusc is measured again when its binary has changed.
sum=$(sha256sum bin/gpusc | cut -d' ' -f1)
[ "$(cat "$run/binary" 2>/dev/null || true)" = "$sum" ] || rm -f "$run"/gpusc* "$run"/agree-*
echo "$sum" >"$run/binary"

# What is kept from before was measured under other load: the table says so.
: >"$run/kept"
for p in gpusc inflate $peers; do
  if [ -f "$run/$p.json" ]; then echo "$p" >>"$run/kept"; fi
done

if [ ! -f "$run/gpusc.json" ]; then
  echo "gpusc, 3 runs" >&2
  "$py" bench/measure.py "$run/gpusc.json" --name gpusc --runs 3 --warm "$file" -- \
    bin/gpusc run "$file" -o "$run/gpusc.h5ad" --until pca --x none --force --progress never --log-level error --report "$run/report-{i}.json"
fi
median=$("$py" -c 'import json,sys; print(json.load(open(sys.argv[1]))["run"])' "$run/gpusc.json")
cp "$run/report-$median.json" "$run/gpusc-stages.json"
for p in inflate $peers; do
  if [ ! -f "$run/$p.json" ]; then
    echo "$p" >&2
    "$py" bench/measure.py "$run/$p.json" --name "$p" --warm "$file" -- \
      "$py" bench/peers.py "$p" "$file" "$run/$p.h5ad" --json "$run/$p-stages.json"
  fi
done

status=0
for p in $peers; do
  "$py" bench/compare.py "$run/gpusc.h5ad" "$run/$p.h5ad" --json "$run/agree-$p.json" >"$run/agree.log" 2>&1 ||
    { status=1; echo "bench.sh: the results of gpusc and $p differ:" >&2; cat "$run/agree.log" >&2; }
done
"$py" bench/table.py "$run" "$cells" "$results/$(date -u +%Y%m%dT%H%M%SZ)-$cells.json"
rm -rf "$work/last"
mv "$run" "$work/last"
exit $status
