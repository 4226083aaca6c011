package test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/pass"
)

// TestNothingLeaks: after success, errors and cancellation there is no goroutine,
// no reserved memory, no scratch file (see engine) and no partial output.
func TestNothingLeaks(t *testing.T) {
	in := synth(t, 1500, 600)
	p := gpusc.DefaultPipeline()
	p.MinGenes, p.HVG.NTopGenes, p.NComps = 5, 100, 10
	t.Run("success", func(t *testing.T) {
		defer goleak.VerifyNone(t)
		e := engine(t, gpusc.Options{Threads: 3, ChunkRows: 50})
		if _, err := e.Run(t.Context(), in, filepath.Join(t.TempDir(), "out.h5ad"), p); err != nil {
			t.Fatal(err)
		}
		closed(t, e)
	})
	t.Run("error at the end", func(t *testing.T) {
		defer goleak.VerifyNone(t)
		bad := p
		bad.NComps = 200 // of 100 genes: refused once the genes are known
		fails(t, in, bad, gpusc.ErrUsage)
	})
	t.Run("error in the sweep", func(t *testing.T) {
		defer goleak.VerifyNone(t)
		bad := p
		bad.MinGenes = 1 << 40
		fails(t, in, bad, gpusc.ErrData)
	})
	t.Run("truncated input", func(t *testing.T) {
		defer goleak.VerifyNone(t)
		raw, err := os.ReadFile(in)
		if err != nil {
			t.Fatal(err)
		}
		short := filepath.Join(t.TempDir(), "short.h5ad")
		if err := os.WriteFile(short, raw[:len(raw)*2/3], 0o600); err != nil {
			t.Fatal(err)
		}
		fails(t, short, p, gpusc.ErrCorrupt)
	})
	for _, n := range []int{1, 2, 5, 9, 14, 20, 30} {
		t.Run("cancelled", func(t *testing.T) {
			defer goleak.VerifyNone(t)
			ctx, tick := cancelled(t, n)
			e := engine(t, gpusc.Options{Threads: 3, ChunkRows: 100, Progress: func(pass.Progress) { tick() }})
			dir := t.TempDir()
			_, err := e.Run(ctx, in, filepath.Join(dir, "out.h5ad"), p)
			closed(t, e)
			if err == nil && ctx.Err() == nil {
				return // there are fewer calls than that
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("after %d calls: %v", n, err)
				return
			}
			nothingLeft(t, dir)
		})
	}
}

// fails runs the pipeline, which must end with an error of the kind.
func fails(t *testing.T, in string, p gpusc.Pipeline, kind error) {
	t.Helper()
	e := engine(t, gpusc.Options{Threads: 3, ChunkRows: 50})
	dir := t.TempDir()
	_, err := e.Run(t.Context(), in, filepath.Join(dir, "out.h5ad"), p)
	t.Log(err)
	if !errors.Is(err, kind) {
		t.Errorf("%v, want %v", err, kind)
	}
	nothingLeft(t, dir)
	closed(t, e)
}

// closed closes the engine before goroutines are counted; it may be closed twice.
func closed(t *testing.T, e *gpusc.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
