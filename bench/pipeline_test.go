package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc"
)

// Enough for several tiles of the covariance, few enough for a short run. Files
// are made once for all benchmarks.
const cells, genes = 5000, 28000

var dir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if dir, err = os.MkdirTemp("", "gpusc-bench"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		return m.Run()
	}())
}

func open(b *testing.B, o gpusc.Options) *gpusc.Engine {
	b.Helper()
	o.Overwrite = true
	e, err := gpusc.Open(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return e
}

// input makes the counts, compressed so.
func input(b *testing.B, compression string) string {
	b.Helper()
	path := filepath.Join(dir, compression+".h5ad")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	o := gpusc.SynthOptions{Cells: cells, Genes: genes, Compression: compression}
	if _, err := open(b, gpusc.Options{}).Synth(context.Background(), path, o); err != nil {
		b.Fatal(err)
	}
	return path
}

// measure runs the pipeline b.N times and reports cells a second.
func measure(b *testing.B, in string, o gpusc.Options, p gpusc.Pipeline) {
	b.Helper()
	e := open(b, o)
	out := filepath.Join(dir, "out.h5ad")
	b.ResetTimer()
	for b.Loop() {
		if _, err := e.Run(context.Background(), in, out, p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(cells*float64(b.N)/b.Elapsed().Seconds(), "cells/s")
}

// BenchmarkUntil runs the pipeline up to each of its stages, results only.
func BenchmarkUntil(b *testing.B) {
	in := input(b, "gzip")
	for _, s := range []gpusc.Stage{gpusc.UntilQC, gpusc.UntilFilter, gpusc.UntilHVG, gpusc.UntilPCA} {
		b.Run(string(s), func(b *testing.B) {
			p := gpusc.DefaultPipeline()
			p.Until, p.X = s, "none"
			measure(b, in, gpusc.Options{}, p)
		})
	}
}

// BenchmarkInput runs to PCA from differently compressed files.
func BenchmarkInput(b *testing.B) {
	for _, c := range []string{"none", "lzf", "zstd", "gzip"} {
		in := input(b, c)
		b.Run(c, func(b *testing.B) {
			p := gpusc.DefaultPipeline()
			p.X = "none"
			measure(b, in, gpusc.Options{}, p)
		})
	}
}

// BenchmarkOutput also writes X.
func BenchmarkOutput(b *testing.B) {
	in := input(b, "gzip")
	for _, x := range []string{"none", "counts", "lognorm"} {
		b.Run(x, func(b *testing.B) {
			p := gpusc.DefaultPipeline()
			p.X = x
			measure(b, in, gpusc.Options{}, p)
		})
	}
}

// BenchmarkFlavor chooses genes in each way.
func BenchmarkFlavor(b *testing.B) {
	in := input(b, "gzip")
	for _, f := range []string{"seurat", "cell_ranger", "seurat_v3", "pearson_residuals"} {
		b.Run(f, func(b *testing.B) {
			p := gpusc.DefaultPipeline()
			p.X, p.HVG.Flavor, p.Until = "none", f, gpusc.UntilHVG
			measure(b, in, gpusc.Options{}, p)
		})
	}
}

// BenchmarkThreads shows how the run to PCA grows with threads.
func BenchmarkThreads(b *testing.B) {
	in := input(b, "gzip")
	for _, n := range []int{1, 2, 4} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := gpusc.DefaultPipeline()
			p.X = "none"
			measure(b, in, gpusc.Options{Threads: n}, p)
		})
	}
}
