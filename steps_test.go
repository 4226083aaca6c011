package gpusc_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gpusc/gpusc"
)

// TestStepsInPieces holds that steps on a file of logarithms give the same bytes
// however the file is cut: its float values come in other buffers than counts.
func TestStepsInPieces(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes, p.NComps = 200, 10
	do := func(o gpusc.Options, f func(*gpusc.Engine) error) {
		t.Helper()
		o.Memory = 512 << 20
		e, err := gpusc.Open(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := f(e); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	do(gpusc.Options{}, func(e *gpusc.Engine) error {
		if _, err := e.Synth(ctx, at("counts.h5ad"), gpusc.SynthOptions{Cells: 700, Genes: 1500, Counts: 900}); err != nil {
			return err
		}
		_, err := e.Normalize(ctx, at("counts.h5ad"), at("log.h5ad"), p)
		return err
	})
	var want []byte
	for _, o := range []gpusc.Options{{Threads: 1}, {Threads: 1, ChunkRows: 50}, {Threads: 3, ChunkRows: 7}} {
		do(o, func(e *gpusc.Engine) error {
			if _, err := e.HVG(ctx, at("log.h5ad"), at("hvg.h5ad"), p); err != nil {
				return err
			}
			if _, err := e.PCA(ctx, at("hvg.h5ad"), at("pca.h5ad"), p); err != nil {
				return err
			}
			got, err := os.ReadFile(at("pca.h5ad"))
			if err != nil {
				return err
			}
			if want == nil {
				want = got
			} else if !bytes.Equal(want, got) {
				t.Errorf("threads %d, %d cells a piece: other bytes", o.Threads, o.ChunkRows)
			}
			return errors.Join(os.Remove(at("hvg.h5ad")), os.Remove(at("pca.h5ad")))
		})
	}
}
