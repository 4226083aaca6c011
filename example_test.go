package gpusc_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/anndata"
)

// small opens an engine and makes a folder with counts.h5ad: 300 made-up cells
// of 2,000 genes.
func small() (e *gpusc.Engine, dir string, done func()) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gpusc-example-")
	if err != nil {
		log.Fatal(err)
	}
	e, err = gpusc.Open(ctx, gpusc.Options{Memory: 512 << 20, Threads: 2, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	_, err = e.Synth(ctx, filepath.Join(dir, "counts.h5ad"), gpusc.SynthOptions{Cells: 300, Genes: 2000, Clusters: 3, Counts: 1500})
	if err != nil {
		log.Fatal(err)
	}
	return e, dir, func() {
		if err := e.Close(); err != nil {
			log.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}

func ExampleOpen() {
	e, err := gpusc.Open(context.Background(), gpusc.Options{Device: "auto", Memory: 4 << 30})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Close())
	// Output: <nil>
}

func ExampleEngine_Run() {
	e, dir, done := small()
	defer done()
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes, p.NComps = 200, 10
	r, err := e.Run(context.Background(), filepath.Join(dir, "counts.h5ad"), filepath.Join(dir, "out.h5ad"), p)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Input.Obs, "cells,", r.Passes, "pass over the input")

	out, err := anndata.Open(context.Background(), filepath.Join(dir, "out.h5ad"), anndata.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	m, err := out.Matrix("obsm/X_pca")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("X_pca is", m.Rows, "x", m.Cols, m.DType)
	// Output:
	// 300 cells, 1 pass over the input
	// X_pca is 284 x 10 float32
}

func ExampleEngine_Plan() {
	e, dir, done := small()
	defer done()
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes = 200
	plan, err := e.Plan(context.Background(), filepath.Join(dir, "counts.h5ad"), p)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range plan.Passes {
		fmt.Println(s.On, s.Steps)
	}
	// Output:
	// input file [check QC of cells filter cells QC of genes pack]
	// results [filter genes]
	// packed cache [totals of cells moments write X]
	// results [highly variable genes]
	// packed cache [select genes]
	// selected genes [covariance]
	// results [eigenvectors]
	// selected genes [project]
	// results [neighbors umap leiden]
}

// Single steps add their results to the file, as scanpy's functions add them to
// an AnnData object.
func ExampleEngine_QC() {
	e, dir, done := small()
	defer done()
	in := filepath.Join(dir, "counts.h5ad")
	if _, err := e.QC(context.Background(), in, "", gpusc.DefaultPipeline()); err != nil {
		log.Fatal(err)
	}
	f, err := anndata.Open(context.Background(), in, anndata.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	obs, err := f.Obs()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(obs.Names()[:5])
	// Output: [cluster batch n_genes_by_counts log1p_n_genes_by_counts total_counts]
}

// The steps one after the other, as in scanpy's tutorial.
func Example_steps() {
	e, dir, done := small()
	defer done()
	ctx := context.Background()
	at := func(name string) string { return filepath.Join(dir, name) }
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes, p.NComps = 200, 10
	steps := []func() (*gpusc.Report, error){
		func() (*gpusc.Report, error) { return e.Filter(ctx, at("counts.h5ad"), at("kept.h5ad"), p) },
		func() (*gpusc.Report, error) { return e.Normalize(ctx, at("kept.h5ad"), at("lognorm.h5ad"), p) },
		func() (*gpusc.Report, error) { return e.HVG(ctx, at("lognorm.h5ad"), "", p) },
		func() (*gpusc.Report, error) { return e.PCA(ctx, at("lognorm.h5ad"), "", p) },
		func() (*gpusc.Report, error) { return e.Scale(ctx, at("lognorm.h5ad"), at("scaled.h5ad"), p) },
	}
	for _, step := range steps {
		r, err := step()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(filepath.Base(r.Output.Path), r.Output.Obs)
	}
	// Output:
	// kept.h5ad 284
	// lognorm.h5ad 284
	// lognorm.h5ad 284
	// lognorm.h5ad 284
	// scaled.h5ad 284
}
