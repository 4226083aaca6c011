package anndata_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/chunk"
)

// A file is written, opened, and its counts are streamed.
func Example() {
	dir, err := os.MkdirTemp("", "gpusc")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "cells.h5ad")
	if err := write(path); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	f, err := anndata.Open(ctx, path, anndata.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	m, reason, err := f.Counts(ctx, "auto")
	if err != nil {
		log.Fatal(err)
	}
	src, err := m.Source(ctx, anndata.SourceOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	total := uint64(0)
	var c chunk.Chunk
	for i := range src.Spans() {
		if err := src.Read(ctx, i, &c); err != nil {
			log.Fatal(err)
		}
		for _, n := range c.Counts {
			total += uint64(n)
		}
	}
	fmt.Printf("%d cells, %d genes, %d counts; %s\n", f.NObs(), f.NVars(), total, reason)
	// Output: 2 cells, 3 genes, 9 counts; X holds whole numbers
}

func write(path string) error {
	w, err := anndata.Create(path, anndata.WriterOptions{Compression: "gzip"})
	if err != nil {
		return err
	}
	defer w.Abort()
	obs := anndata.NewFrame([]string{"cell1", "cell2"})
	obs.Set("sample", []string{"a", "b"})
	if err := w.SetObs(obs); err != nil {
		return err
	}
	if err := w.SetVar(anndata.NewFrame([]string{"g1", "g2", "g3"})); err != nil {
		return err
	}
	x, err := w.CSR("X", 3, "float32", 0)
	if err != nil {
		return err
	}
	rows := &chunk.Chunk{Rows: 2, Cols: 3, Indptr: []int64{0, 2, 3}, Indices: []uint32{0, 2, 1}, Counts: []uint32{4, 3, 2}}
	if err := x.Put(rows, nil); err != nil {
		return err
	}
	if err := x.Close(); err != nil {
		return err
	}
	return w.Commit()
}
