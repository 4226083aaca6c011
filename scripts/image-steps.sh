#!/usr/bin/env bash
# image-steps.sh: runs the RUN steps of the Dockerfile's build stage outside a container,
# in a fresh copy of what is committed, as a test of them where there is no Docker. Then
# the program that the image would hold must start without a driver, say why it uses the
# processor, and work.
#
# What this cannot test: that the base images exist, apt-get, and the container runtime.
# Steps with apt-get are left out; what they install must be here (python3 with pip).
set -euo pipefail
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
fail() { echo "image-steps.sh: $*" >&2; exit 1; }

# One line for each instruction: comments go, continued lines are joined.
sed -e '/^[[:space:]]*#/d' Dockerfile | sed -e ':a' -e '/\\$/{N;s/[[:space:]]*\\\n[[:space:]]*/ /;ba' -e '}' | sed '/^$/d' >"$tmp/lines"
awk '/^FROM/ {stage++} stage == 1' "$tmp/lines" >"$tmp/build"
awk '/^FROM/ {stage++} stage == 2' "$tmp/lines" >"$tmp/run"
[ "$(grep -c '^FROM' "$tmp/lines")" = 2 ] || fail "the Dockerfile has not two stages any more"

# The copy holds what COPY would take: committed files that .dockerignore lets through.
mkdir "$tmp/src"
git archive HEAD | tar -x -C "$tmp/src"
grep -v '^#' .dockerignore | while read -r p; do
	case $p in '**/'*) find "$tmp/src" -name "${p#\*\*/}" ! -path '*/testdata/*' -delete ;; ?*) rm -rf "${tmp:?}/src/$p" ;; esac
done

# A step sees what ENV and ARG have set before it, and little else.
# PIP of Debian refuses to touch the system (PEP 668): the system's own is tried where there is one.
env=("PATH=$PATH" "HOME=$HOME" "VERSION=image-steps" "LANG=C.UTF-8" "GOMODCACHE=$(go env GOMODCACHE)" "GOCACHE=$(go env GOCACHE)" "GOPROXY=$(go env GOPROXY)")
[ ! -x /usr/bin/python3 ] || ! /usr/bin/python3 -m pip --version >/dev/null 2>&1 || env+=("PYTHON=/usr/bin/python3")
steps=0
while read -r word rest; do
	case $word in
	ENV) env+=("$rest") ;;
	RUN)
		case $rest in *apt-get*) echo "left out: RUN $rest"; continue ;; esac
		echo "RUN $rest"
		(cd "$tmp/src" && env -i "${env[@]}" /bin/sh -c "$rest") </dev/null || fail "failed: RUN $rest"
		steps=$((steps + 1))
		;;
	esac
done <"$tmp/build"
[ $steps -ge 4 ] || fail "only $steps steps were found"

# What the run stage copies must have been made.
grep '^COPY' "$tmp/run" | grep -o '/src/[^ ]*' | while read -r f; do
	[ -e "$tmp/src/${f#/src/}" ] || fail "the run stage copies $f, which no step has made"
done
! grep -q '^RUN' "$tmp/run" || fail "the run stage has RUN steps, which are not tested here"
grep -qE '^USER [1-9]' "$tmp/run" || fail "the image would run as root"
grep -q '^ENTRYPOINT \["gpusc"\]' "$tmp/run" || fail "the entry point is not gpusc"

# The program, without a driver and without anything of this machine's settings.
bin=$tmp/src/bin/gpusc-cuda
mkdir "$tmp/data"
gpusc() { (cd "$tmp/data" && env -i PATH=/usr/bin:/bin HOME="$tmp/data" "$bin" "$@"); }
gpusc version | grep -q 'image-steps' || fail "the version is not in the program"
if [ ! -e /dev/nvidiactl ]; then
	gpusc devices | grep 'no NVIDIA driver' || fail "the program does not say that there is no driver"
	gpusc synth -o counts.h5ad --cells 500 --genes 800 --log-level error
	gpusc run counts.h5ad -o out.h5ad --n-top-genes 200 --n-comps 10 2>"$tmp/words" || fail "$(cat "$tmp/words")"
	grep 'no GPU is used: no NVIDIA driver' "$tmp/words" || fail "the run does not say why it uses the processor"
	[ -s "$tmp/data/out.h5ad" ] || fail "there is no output"
	gpusc run counts.h5ad -o gpu.h5ad --device cuda 2>"$tmp/words" && fail "--device cuda does without a GPU"
fi
echo "image-steps.sh: $steps steps of the Dockerfile ran, and what they made works"
