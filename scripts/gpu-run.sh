#!/usr/bin/env bash
# run.sh [OUT]: tests and measures gpusc on the GPU of this machine, in under ten
# minutes, and gathers all in the folder OUT (default out/): result.json, and logs.
# It wants no Go, no network and no CUDA, only the NVIDIA driver; where Python with
# CuPy or compute-sanitizer is missing, those steps say so.
#
#   GPUSC_BUNDLE_SECONDS=570  time for all; steps that do not fit are cut short
#   GPUSC_BUNDLE_SMALL=1      tiny sizes, for the emulator
#   GPUSC_BUNDLE_STEPS="..."  only these steps (names as in result.json)
#   GPUSC_BUNDLE_WORK=DIR     where large files go (default a folder in TMPDIR)
#   PYTHON=python3            for the peer
#
# A step that fails does not stop the others. Exit status 0: all that could run has
# passed; 1: a step failed or ran past its time; 2: usage.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export GPUSC_TEST_DEVICE=required # tests without a device fail, rather than being left out
[ $# -le 1 ] || { echo "usage: run.sh [OUT]" >&2; exit 2; }
mkdir -p "${1:-out}" || exit 2
out=$(cd "${1:-out}" && pwd)
small=${GPUSC_BUNDLE_SMALL:-0}
python=${PYTHON:-python3}
begun=$(date +%s)
ends=$((begun + ${GPUSC_BUNDLE_SECONDS:-570}))
work=$(mktemp -d "${GPUSC_BUNDLE_WORK:-${TMPDIR:-/tmp}}/gpusc-bundle.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
gpusc=$here/bin/gpusc-cuda
figures=$work/figures
mkdir -p "$figures"
: >"$work/steps"
failed=0

if [ "$small" = 1 ]; then
  twin_cells=300 twin_genes=600 sizes=300 large="" rows="64" rows_large="" genes=400 peer_cells=300
  every='TestConformance/op/rowstats' sanitized=$every others='TestSteps|TestNothingLeaks' keep=0
  quick="--n-top-genes 100 --n-comps 10 --min-genes 5"
else
  twin_cells=3000 twin_genes=28000 sizes=100000 large=1000000 rows=4096 rows_large=65536 genes=28000 peer_cells=100000
  every='.' sanitized='TestConformance' others=. keep=170
  quick=""
fi

# quoted makes a JSON string of its words.
quoted() { printf '"%s"' "$(printf '%s' "$*" | tr -d '\000-\011\013-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' | tr '\n' ' ')"; }

# note NAME STATUS EXIT SECONDS WORDS: one line of the list of steps.
note() {
  printf '{"name": %s, "status": %s, "exit": %s, "seconds": %s, "words": %s}\n' \
    "$(quoted "$1")" "$(quoted "$2")" "$3" "$4" "$(quoted "$5")" >>"$work/steps"
  printf '%-22s %-10s %4ss  %s\n' "$1" "$2" "$4" "$5"
}

# step NAME LOG LIMIT COMMAND...: runs it for at most LIMIT seconds, and not past the
# end of all. Exit status 77 of a command: what it needs is not there; its last line says what.
step() {
  local name=$1 log=$out/$2 limit=$3 left start code seconds words
  shift 3
  case " ${GPUSC_BUNDLE_STEPS:-$name} " in *" $name "*) ;; *) return ;; esac
  left=$((until - $(date +%s)))
  if [ "$left" -lt 5 ]; then note "$name" "no time" 0 0 "the time for all was used up"; failed=1; return; fi
  [ "$limit" -le "$left" ] || limit=$left
  start=$(date +%s)
  rm -f "$work/suite.log"
  printf '\n== %s: %s\n' "$name" "$*" >>"$log"
  (cd "$work" && timeout -k 5 "$limit" bash -c '"$@"' step "$@") >"$work/step.log" 2>&1 </dev/null
  code=$?
  seconds=$(($(date +%s) - start))
  tail -c 6000000 "$work/step.log" >>"$log"
  words=$(grep -v '^[[:space:]]*$' "$work/step.log" | tail -n 1 | cut -c 1-300)
  case $code in
  0) note "$name" ok 0 "$seconds" "$words" ;;
  77) note "$name" "not there" 0 "$seconds" "$words" ;;
  124 | 137)
    if [ -s "$work/suite.log" ]; then # how far it came
      tail -n 200 "$work/suite.log" >>"$log"
      words=$(grep -a '^=== RUN' "$work/suite.log" | tail -n 1)
    fi
    note "$name" "timed out" "$code" "$seconds" "after $limit s; $words"
    failed=1
    ;;
  *) note "$name" failed "$code" "$seconds" "$words"; failed=1 ;;
  esac
}

have() { command -v "$1" >/dev/null 2>&1; }

machine() {
  uname -a
  grep -m1 'model name' /proc/cpuinfo
  echo "cores $(nproc), $(grep MemTotal /proc/meminfo)"
  ldd --version 2>/dev/null | head -n 1
  "$python" --version 2>&1
  cat "$here/MANIFEST"
  "$gpusc" doctor
  "$gpusc" devices --json >"$figures/devices.json" || return 1
  "$gpusc" devices
  grep -q '"cuda:0"' "$figures/devices.json" || { echo "no CUDA device answers"; return 1; }
}

nvidia() {
  have nvidia-smi || { echo "nvidia-smi is not there"; return 77; }
  nvidia-smi -q || return 1
  nvidia-smi
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit,ecc.mode.current --format=csv,noheader | tee "$figures/gpu.txt"
}

# suite NAME PATTERN [WORD...]: the test program of a package, under a tool or alone.
suite() {
  local name=$1 pattern=$2 code skip='^$'
  shift 2
  [ "$name" != root ] || skip='TestPromises|TestArrows|TestPlainBuild' # they read the sources
  cd "$here/tests/$name" || return 1
  "$@" "./$name.test" -test.run "$pattern" -test.skip "$skip" -test.v -test.timeout 30m >"$work/suite.log" 2>&1
  code=$?
  # Subtests that pass are thousands of lines.
  grep -vE '^ +(--- PASS|--- SKIP)|^=== ' "$work/suite.log"
  echo "$(grep -cE '^ *--- PASS' "$work/suite.log") passed, $(grep -cE '^ *--- SKIP' "$work/suite.log") skipped, $(grep -cE '^ *--- FAIL' "$work/suite.log") failed; exit status $code"
  return $code
}

# sanitizer TOOL [FLAG...]: the conformance suite under a tool of compute-sanitizer.
sanitizer() {
  local tool=$1 code
  shift
  have compute-sanitizer || { echo "compute-sanitizer is not there"; return 77; }
  # The driver must know of each buffer, for their ends and what was never written.
  case $tool in memcheck | initcheck) export GPUSC_TEST_POOL=apart ;; esac
  suite cuda "$sanitized" compute-sanitizer --tool "$tool" --error-exitcode 99 --print-limit 50 "$@"
  code=$?
  grep -E '^=+ (ERROR SUMMARY|RACECHECK SUMMARY|LEAK SUMMARY)' "$work/suite.log" | tail -n 3
  return $code
}

# twins: the processor and the GPU must write the same bytes, whatever is asked.
twins() {
  local in=$here/data/twins.h5ad bad=0 n=0 d name flags
  if [ "$small" = 1 ]; then
    in=$work/twins.h5ad
    "$gpusc" synth --device cpu -o "$in" --cells $twin_cells --genes $twin_genes --log-level error || return 1
  fi
  local devices="cuda:0"
  ! grep -q '"cuda:1"' "$figures/devices.json" 2>/dev/null || devices="cuda:0 cuda:0,1"
  while IFS='|' read -r name flags; do
    # shellcheck disable=SC2086
    "$gpusc" run "$in" -o "$work/cpu.h5ad" --until pca --device cpu --force --log-level error --progress never $quick $flags || { bad=1; continue; }
    for d in $devices; do
      for rows in 0 $((twin_cells / 4 + 7)); do
        n=$((n + 1))
        # shellcheck disable=SC2086
        if ! "$gpusc" run "$in" -o "$work/gpu.h5ad" --until pca --device "$d" --chunk-rows $rows --force --log-level error --progress never $quick $flags; then
          echo "$name, $d, --chunk-rows $rows: failed"
          bad=1
        elif cmp "$work/cpu.h5ad" "$work/gpu.h5ad"; then
          echo "$name, $d, --chunk-rows $rows: the same bytes"
        else
          echo "$name, $d, --chunk-rows $rows: OTHER BYTES"
          bad=1
        fi
      done
    done
  done <<'LIST'
lognorm, seurat|--x lognorm
counts, seurat_v3, batches|--x counts --hvg-flavor seurat_v3 --batch-key batch
scaled, clipped|--x scaled --scale --max-value 10
pearson residuals|--x none --hvg-flavor pearson_residuals
median, cell_ranger|--x lognorm --target-sum median --max-fraction 0.05 --hvg-flavor cell_ranger
LIST
  if [ $bad = 0 ]; then echo "$n outputs of the GPU are the same bytes as the processor's"; else echo "outputs differ or are missing"; fi
  return $bad
}

# peaks are the makers' figures, in GFLOP/s: float32 and float64 without tensor cores.
peaks() {
  case $(cat "$figures/gpu.txt" 2>/dev/null) in
  *H200* | *H100*SXM* | *"H100 80GB HBM3"*) echo "--peak-f32 67000 --peak-f64 34000" ;;
  *H100*PCIe*) echo "--peak-f32 51000 --peak-f64 26000" ;;
  *A100*) echo "--peak-f32 19500 --peak-f64 9700" ;;
  esac
}

# kernels ROWS NAME DEVICE
kernels() {
  local code
  # shellcheck disable=SC2046
  "$gpusc" bench kernels --device "$3" --rows "$1" --genes $genes --json "$figures/$2.json" --log-level error $([ "$3" = cpu ] || peaks)
  code=$?
  [ $code != 0 ] || echo "$(grep -c '"moves"' "$figures/$2.json") operations measured"
  return $code
}

# pipeline CELLS NAME
pipeline() {
  local code
  "$gpusc" bench pipeline --device cpu,cuda:0 --cells "$1" --genes $genes --tmp "$work" --progress never --json "$figures/$2.json" >"$work/table"
  code=$?
  cat "$work/table"
  # The line of each device once more, as the last one.
  grep -E ' (cpu|cuda:[0-9])' "$work/table" | tr -s ' ' | paste -sd ';'
  return $code
}

peer() {
  local in=$work/peer.h5ad
  have "$python" || { echo "$python is not there"; return 77; }
  "$python" -c 'import h5py, numpy' || { echo "h5py or numpy is not there"; return 77; }
  "$gpusc" synth --device cpu -o "$in" --cells $peer_cells --genes $genes --log-level error || return 1
  # shellcheck disable=SC2086
  "$gpusc" run "$in" -o "$work/peer-out.h5ad" --until pca --device cpu --x none --force --log-level error || return 1
  "$python" "$here/gpu_peer.py" "$in" --json "$figures/peer.json" --compare "$work/peer-out.h5ad"
}

value() { if [ -s "$figures/$1.json" ]; then cat "$figures/$1.json"; else echo null; fi; }

# gather writes result.json and keeps every file below 16 MiB.
gather() {
  local f
  {
    printf '{\n"date": %s,\n"bundle": %s,\n' "$(quoted "$(date -u +%Y-%m-%dT%H:%M:%SZ)")" "$(quoted "$(cat "$here/MANIFEST")")"
    printf '"commit": %s,\n"gpu": %s,\n' "$(quoted "$(sed -n 's/^commit //p' "$here/MANIFEST")")" "$(quoted "$(cat "$figures/gpu.txt" 2>/dev/null)")"
    printf '"small": %s,\n"seconds": %s,\n"failed": %s,\n"steps": [\n' "$([ "$small" = 1 ] && echo true || echo false)" "$(($(date +%s) - begun))" \
      "$([ $failed = 0 ] && echo false || echo true)"
    sed '$!s/$/,/' "$work/steps"
    printf '],\n"devices": %s' "$(value devices)"
    for f in kernels kernels_large kernels_cpu pipeline pipeline_large peer; do printf ',\n"%s": %s' "$f" "$(value "$f")"; done
    printf '\n}\n'
  } >"$out/result.json"
  for f in "$out"/*.log; do
    [ "$(wc -c <"$f")" -lt 15000000 ] || { tail -c 15000000 "$f" >"$work/cut" && mv "$work/cut" "$f"; }
  done
}

# Steps run in a shell of their own, so that timeout can end them.
export -f have machine nvidia suite sanitizer twins peaks kernels pipeline peer
export here work out small python gpusc figures twin_cells twin_genes genes peer_cells every sanitized quick
until=$((ends - keep)) # time is kept for the tools that come last
step nvidia-smi machine.log 30 nvidia
step machine machine.log 30 machine
step conformance suite.log 120 suite cuda "$every"
# Once more as users have it: nothing fills memory, which waits for the device each time.
step conformance-plain suite.log 60 suite cuda "$sanitized" env GPUSC_TEST_POOL=plain
step twins twins.log 120 twins
step kernels bench.log 60 kernels $rows kernels cuda:0
[ -z "$rows_large" ] || step kernels-large bench.log 60 kernels $rows_large kernels_large cuda:0
step pipeline bench.log 90 pipeline $sizes pipeline
[ -z "$large" ] || step pipeline-large bench.log 150 pipeline $large pipeline_large
step peer peer.log 90 peer
step kernels-cpu bench.log 60 kernels $rows kernels_cpu cpu
for t in "$here"/tests/*/; do
  t=$(basename "$t")
  [ "$t" = cuda ] || step "tests-$t" suite.log 90 suite "$t" "$others"
done
# Each takes what is left: a quarter, a third, half and all of it.
until=$ends
n=4
for t in memcheck racecheck initcheck synccheck; do
  flags=""
  [ $t != memcheck ] || flags="--leak-check full"
  # shellcheck disable=SC2086
  step $t sanitizer.log $(((ends - $(date +%s)) / n)) sanitizer $t $flags
  n=$((n - 1))
done
gather
echo "wrote $out/result.json; $([ $failed = 0 ] && echo "all that could run has passed" || echo "not all has passed")"
exit $failed
