package test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/testdata"
	"github.com/gpusc/gpusc/memory"
)

// way is one way to do the same work.
type way struct {
	name string
	o    gpusc.Options
	// scratch gives just so much memory that the packed cache lies in the scratch
	// file.
	scratch bool
}

// ways are compared with the first.
func ways(rows int64) []way {
	return []way{
		{name: "2 threads", o: gpusc.Options{Threads: 2, Memory: 8 << 30}},
		{name: "1 thread, 256 MiB", o: gpusc.Options{Threads: 1, Memory: 256 << 20}},
		{name: "7 threads", o: gpusc.Options{Threads: 7, Memory: 8 << 30}},
		{name: "1 row a chunk", o: gpusc.Options{Threads: 2, Memory: 8 << 30, ChunkRows: 1}},
		{name: "100 rows a chunk, 7 threads", o: gpusc.Options{Threads: 7, Memory: 8 << 30, ChunkRows: 100}},
		{name: "all rows in a chunk", o: gpusc.Options{Threads: 2, Memory: 8 << 30, ChunkRows: rows}},
		{name: "cache in scratch", o: gpusc.Options{Threads: 2}, scratch: true},
	}
}

// sum runs the pipeline one way and returns the checksum of the output.
func sum(t *testing.T, in string, w way, p gpusc.Pipeline) string {
	t.Helper()
	e := engine(t, w.o)
	if w.scratch {
		e = tight(t, in, p)
	}
	out := filepath.Join(t.TempDir(), "out.h5ad")
	rep, err := e.Run(t.Context(), in, out, p)
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	if w.scratch != (rep.Scratch > 0) {
		t.Errorf("%s: %d bytes of scratch", w.name, rep.Scratch)
	}
	if rep.Peak > e.Ledger().Budget() {
		t.Errorf("%s: %d bytes at once, of a budget of %d", w.name, rep.Peak, e.Ledger().Budget())
	}
	return fileSum(t, out)
}

// tight opens an engine most of whose memory is taken, so that there is just
// enough for the run and next to none for the packed cache.
func tight(t *testing.T, in string, p gpusc.Pipeline) *gpusc.Engine {
	t.Helper()
	const budget = 1 << 30
	left := int64(budget)
	for range 8 {
		e := engine(t, gpusc.Options{Threads: 2, Memory: budget})
		taken, err := e.Ledger().Reserve(memory.Host, "others", budget-left)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(taken.Release)
		plan, err := e.Plan(t.Context(), in, p)
		if err != nil {
			t.Fatal(err)
		}
		if plan.InMemory < plan.Cache/8 {
			return e
		}
		left = plan.Need + 1<<10 // with less memory the pieces are smaller, and so is the need
	}
	t.Fatal("the cache stays in memory")
	return nil
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// pipelines are the outputs to compare.
func pipelines(batch string) map[string]gpusc.Pipeline {
	base := gpusc.DefaultPipeline()
	base.HVG.NTopGenes, base.NComps = 300, 20
	logs, counts, scaled, median := base, base, base, base
	counts.X, counts.HVG.Flavor, counts.BatchKey = "counts", "seurat_v3", batch
	scaled.X, scaled.Scale, scaled.MaxValue, scaled.BatchKey = "none", true, 10, batch
	median.X, median.TargetSum, median.MaxFraction, median.HVG.Flavor = "lognorm", 0, 0.05, "cell_ranger"
	return map[string]gpusc.Pipeline{
		"lognorm, seurat": logs, "counts, seurat_v3, batches": counts, "scaled, seurat, batches": scaled, "median, cell_ranger": median,
	}
}

func identical(t *testing.T, in string, rows int64, batch string) {
	for name, p := range pipelines(batch) {
		t.Run(name, func(t *testing.T) {
			all := ways(rows)
			want := sum(t, in, all[0], p)
			for _, w := range all[1:] {
				if got := sum(t, in, w, p); got != want {
					t.Errorf("%s: other bytes than with %s", w.name, all[0].name)
				}
			}
		})
	}
}

// TestIdentical: the same bytes whatever the threads, the memory and the chunks.
func TestIdentical(t *testing.T) {
	t.Run("pbmc3k", func(t *testing.T) {
		identical(t, testdata.Path(t, "counts/pbmc3k_counts_2700x13714.h5ad"), 2700, "dummy_tech")
	})
	t.Run("synth", func(t *testing.T) {
		identical(t, synth(t, 3000, 3000), 3000, "batch")
	})
}

// synth makes a file of made-up counts.
func synth(t *testing.T, cells int64, genes int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "synth.h5ad")
	if _, err := engine(t, gpusc.Options{Seed: 3}).Synth(t.Context(), path, gpusc.SynthOptions{Cells: cells, Genes: genes, Counts: 1500}); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestScaledMatrix: the dense output, which only few genes can afford here.
func TestScaledMatrix(t *testing.T) {
	in := synth(t, 900, 400)
	p := gpusc.DefaultPipeline()
	p.MinGenes, p.X, p.MaxValue, p.NComps, p.HVG.NTopGenes = 5, "scaled", 5, 10, 100
	all := ways(900)
	want := sum(t, in, all[0], p)
	for _, w := range all[1:] {
		if got := sum(t, in, w, p); got != want {
			t.Errorf("%s: other bytes than with %s", w.name, all[0].name)
		}
	}
}

// TestInPlaceTwice: a step that is repeated leaves a file that reads the same.
func TestInPlaceTwice(t *testing.T) {
	in := synth(t, 300, 300)
	e := engine(t, gpusc.Options{})
	p := gpusc.Pipeline{GeneGroups: []gpusc.GeneGroup{{Name: "mt", Prefixes: []string{"mt-"}}}}
	var first []float64
	for range 3 {
		if _, err := e.QC(t.Context(), in, "", p); err != nil {
			t.Fatal(err)
		}
		got := column(t, obsOf(t, openOut(t, in)), "total_counts")
		if first == nil {
			first = got
		}
		near(t, "total_counts", got, first, 0, 0)
	}
}

// nothingLeft fails when a run left a file beside its output's name.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// cancelled ends a context at the n-th call of the progress function.
func cancelled(t *testing.T, n int) (context.Context, func()) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, func() {
		if n--; n == 0 {
			cancel()
		}
	}
}
