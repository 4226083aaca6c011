//go:build deps

package gpusc

import (
	_ "github.com/BurntSushi/toml"
	_ "github.com/dustin/go-humanize"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/klauspost/compress/zstd"
	_ "github.com/klauspost/cpuid/v2"
	_ "github.com/pierrec/lz4/v4"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/scigolib/hdf5"
	_ "github.com/spf13/cobra"
	_ "github.com/vbauerster/mpb/v8"
	_ "github.com/zeebo/xxh3"
	_ "go.uber.org/goleak"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
	_ "gonum.org/v1/gonum/mat"
	_ "gonum.org/v1/plot"
	_ "codeberg.org/go-fonts/liberation/liberationsansregular"
	_ "pgregory.net/rapid"
	_ "github.com/KimMachineGun/automemlimit/memlimit"
	_ "github.com/google/renameio/v2"
)
