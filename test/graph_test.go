package test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/testdata"
)

// TestGraph runs graph.py: neighbours, layouts and clusters of PBMC 3k beside
// scanpy's, each going on from the other's file.
func TestGraph(t *testing.T) {
	script(t, "graph.py", testdata.Path(t, "counts/pbmc3k_counts_2700x13714.h5ad"))
}

// wide is a pipeline whose graph takes more memory than all before it.
func wide() gpusc.Pipeline {
	p := gpusc.DefaultPipeline()
	p.MinGenes, p.HVG.NTopGenes, p.NComps, p.X = 5, 50, 10, "none"
	p.Neighbors.K, p.UMAP.Epochs = 800, 5
	return p
}

// TestGraphBudget: with just the memory that the plan asks for, the graph steps do
// their work within it, and with less the run is refused before it begins.
func TestGraphBudget(t *testing.T) {
	in, p := synth(t, 3000, 300), wide()
	need := int64(1 << 30)
	for range 3 { // with less memory pieces are smaller, and so is the need
		plan, err := engine(t, gpusc.Options{Threads: 2, Memory: need}).Plan(t.Context(), in, p)
		if err != nil {
			t.Fatal(err)
		}
		need = plan.Need
	}
	e := engine(t, gpusc.Options{Threads: 2, Memory: need})
	r, err := e.Run(t.Context(), in, filepath.Join(t.TempDir(), "out.h5ad"), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("planned %d bytes, took %d", need, r.Peak)
	if r.Peak > need || r.Peak < need/4 {
		t.Errorf("planned %d bytes, took %d", need, r.Peak)
	}
	dir := t.TempDir()
	_, err = engine(t, gpusc.Options{Threads: 2, Memory: need * 7 / 8}).Run(t.Context(), in, filepath.Join(dir, "out.h5ad"), p)
	if !errors.Is(err, gpusc.ErrBudget) {
		t.Errorf("with less: %v", err)
	}
	nothingLeft(t, dir)
}

// TestGraphCancelled: a step that is stopped leaves its file as it was, soon.
func TestGraphCancelled(t *testing.T) {
	in, p := synth(t, 3000, 300), wide()
	p.Until = gpusc.UntilPCA
	dir := t.TempDir()
	file := filepath.Join(dir, "out.h5ad")
	e := engine(t, gpusc.Options{Threads: 2})
	if _, err := e.Run(t.Context(), in, file, p); err != nil {
		t.Fatal(err)
	}
	p.UMAP.Epochs = 5000
	steps := []func(ctx context.Context, in, out string, p gpusc.Pipeline) (*gpusc.Report, error){e.Neighbors, e.UMAP}
	for i, step := range steps {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, wait := range []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			start := time.Now()
			_, err = step(ctx, file, "", p)
			cancel()
			if err == nil {
				continue // it was done before
			}
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > wait+2*time.Second {
				t.Errorf("step %d, after %v: %v", i, time.Since(start), err)
			}
			if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
				t.Errorf("step %d: the file has changed: %v", i, err)
			}
		}
		if i == 0 {
			if _, err := step(t.Context(), file, "", p); err != nil {
				t.Fatal(err)
			}
		}
	}
}
