#!/usr/bin/env bash
# scale.sh: time and peak memory of gpusc run --until pca --memory 512MiB as cells grow.
# Exit status 1 if a run's peak resident memory is above 640 MiB or grows by more
# than 10% (the cells' own results aside). Finished runs are kept in bench/.work
# until bin/gpusc changes; made files are kept until they are removed by hand.
#   SIZES="50000 200000 1000000"   how many cells
#   LOGNORM_UP_TO=200000           sizes up to this also write X
#   RESULTS=bench/results          where the JSON goes
set -euo pipefail
cd "$(dirname "$0")/.."
sizes=${SIZES:-50000 200000 1000000}
upto=${LOGNORM_UP_TO:-200000}
results=${RESULTS:-bench/results}
work=bench/.work/scale
for n in $sizes; do
  case $n in '' | *[!0-9]*) echo "scale.sh: SIZES are numbers, not '$n'" >&2; exit 2 ;; esac
done
[ -x bin/gpusc ] || { echo "scale.sh: there is no bin/gpusc; make build" >&2; exit 1; }
py=$(command -v python3) || { echo "scale.sh: no python3 found" >&2; exit 1; }
mkdir -p "$work" "$results"

# About 4.2 KB of gzip a made-up cell, and as much again for scratch and outputs.
need=0
for n in $sizes; do [ -f "$work/$n.h5ad" ] || need=$((need + n * 4200)); done
for n in $sizes; do need=$((need + n * 500)); done
free=$(($(df -Pk "$work" | awk 'NR==2 {print $4}') * 1024))
echo "scale.sh: about $((need >> 20)) MiB of disk are needed, $((free >> 20)) MiB are free" >&2
[ "$need" -lt "$free" ] || { echo "scale.sh: not enough disk; choose SIZES" >&2; exit 4; }

sum=$(sha256sum bin/gpusc | cut -d' ' -f1)
run=$work/run-${sum:0:12}
mkdir -p "$run"
for old in "$work"/run-*; do [ "$old" = "$run" ] || rm -rf "$old"; done
for n in $sizes; do
  in=$work/$n.h5ad
  if [ ! -f "$in" ]; then
    echo "making $in" >&2
    bin/gpusc synth -o "$in.part" --cells "$n" --genes 28000 --force
    mv "$in.part" "$in"
  fi
  for x in none lognorm; do
    [ "$x" = none ] || [ "$n" -le "$upto" ] || continue
    [ ! -f "$run/$n-$x.json" ] || continue
    echo "gpusc run, $n cells, --x $x" >&2
    "$py" bench/measure.py "$run/$n-$x.json" --name "$n-$x" -- \
      bin/gpusc run "$in" -o "$work/out.h5ad" --until pca --memory 512MiB --x "$x" --force --progress never \
      --tmp "$work" --log-level error --report "$run/$n-$x-report.json"
    rm -f "$work/out.h5ad"
  done
done
exec "$py" bench/scale.py "$run" $((640 << 20)) "$results/scale-$(date -u +%Y%m%dT%H%M%SZ).json"
