package gpusc_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc"
)

// TestPearsonOfRareGenes: genes that the filter drops still have stored values,
// of which Pearson residuals must make nothing that is not a number.
func TestPearsonOfRareGenes(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	e, err := gpusc.Open(ctx, gpusc.Options{Memory: 256 << 20, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	in := filepath.Join(dir, "counts.h5ad")
	if _, err := e.Synth(ctx, in, gpusc.SynthOptions{Cells: 200, Genes: 5000, Counts: 1500}); err != nil {
		t.Fatal(err)
	}
	p := gpusc.DefaultPipeline()
	p.X, p.Until, p.MinCells = "none", gpusc.UntilHVG, 20
	p.HVG.Flavor, p.HVG.NTopGenes = "pearson_residuals", 300
	for _, batch := range []string{"", "batch"} {
		p.BatchKey = batch
		r, err := e.Run(ctx, in, filepath.Join(dir, "out"+batch+".h5ad"), p)
		if err != nil {
			t.Fatalf("batches by %q: %v", batch, err)
		}
		if r.Output.Vars >= r.Input.Vars {
			t.Fatalf("no gene was dropped: the test tests nothing")
		}
	}
}
