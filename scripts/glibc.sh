#!/usr/bin/env bash
# glibc.sh MAX FILE...: fails where a program needs a shared library that is not glibc's,
# or a glibc newer than MAX. Prints the version that is needed by all.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: glibc.sh MAX FILE..." >&2; exit 2; }
max=$1
shift
need=0
for f; do
	libs=$(objdump -p "$f" | awk '$1 == "NEEDED" {print $2}' |
		grep -vxE 'libc\.so\.6|libpthread\.so\.0|libdl\.so\.2|libresolv\.so\.2|ld-linux-x86-64\.so\.2' || true)
	[ -z "$libs" ] || { echo "glibc.sh: $f needs more than glibc: $libs" >&2; exit 1; }
	v=$(objdump -T "$f" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -V | tail -n 1)
	need=$(printf '%s\n%s\n' "$need" "${v:-0}" | sort -V | tail -n 1)
done
[ "$(printf '%s\n%s\n' "$need" "$max" | sort -V | tail -n 1)" = "$max" ] ||
	{ echo "glibc.sh: glibc $need is needed, newer than $max: build on an older system" >&2; exit 1; }
echo "$need"
