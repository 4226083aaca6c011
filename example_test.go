package gpusc_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/gpusc/gpusc"
)

// counts makes a small file of made-up counts in a folder of its own, and an
// engine; done takes both away.
func counts() (e *gpusc.Engine, dir string, done func()) {
	dir, err := os.MkdirTemp("", "gpusc")
	if err != nil {
		log.Fatal(err)
	}
	e, err = gpusc.Open(context.Background(), gpusc.Options{Memory: 512 << 20, Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	o := gpusc.SynthOptions{Cells: 300, Genes: 2000, Counts: 2000}
	if _, err := e.Synth(context.Background(), filepath.Join(dir, "counts.h5ad"), o); err != nil {
		log.Fatal(err)
	}
	return e, dir, func() {
		if err := errors.Join(e.Close(), os.RemoveAll(dir)); err != nil {
			log.Fatal(err)
		}
	}
}

// show prints the size of a result.
func show(r *gpusc.Report, err error) {
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d x %d -> %d x %d\n", r.Input.Obs, r.Input.Vars, r.Output.Obs, r.Output.Vars)
}

// From a file of counts to principal components, within 512 MiB.
func Example() {
	dir, err := os.MkdirTemp("", "gpusc")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "counts.h5ad"), filepath.Join(dir, "out.h5ad")

	ctx := context.Background()
	e, err := gpusc.Open(ctx, gpusc.Options{Memory: 512 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Synth(ctx, in, gpusc.SynthOptions{Cells: 300, Genes: 2000, Counts: 2000}); err != nil {
		log.Fatal(err)
	}
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes, p.NComps = 500, 20
	report, err := e.Run(ctx, in, out, p)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Output.Obs, "cells,", report.Passes, "pass over the input")
	// Output: 300 cells, 1 pass over the input
}

func ExampleOpen() {
	_, err := gpusc.Open(context.Background(), gpusc.Options{Memory: 1 << 20})
	fmt.Println(errors.Is(err, gpusc.ErrBudget))
	// Output: true
}

func ExampleEngine_Run() {
	e, dir, done := counts()
	defer done()
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes, p.MaxPct = 500, map[string]float64{"mt": 50}
	r, err := e.Run(context.Background(), filepath.Join(dir, "counts.h5ad"), filepath.Join(dir, "out.h5ad"), p)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Steps[0].Name+":", strings.Join(r.Steps[0].Steps, ", "))
	// Output: input file: check, QC of cells, filter cells, QC of genes, pack
}

func ExampleEngine_Plan() {
	e, dir, done := counts()
	defer done()
	plan, err := e.Plan(context.Background(), filepath.Join(dir, "counts.h5ad"), gpusc.DefaultPipeline())
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range plan.Passes {
		if p.On == "input file" {
			fmt.Println(strings.Join(p.Steps, ", "))
		}
	}
	fmt.Println("fits:", plan.Need <= plan.Budget)
	// Output:
	// check, QC of cells, filter cells, QC of genes, pack
	// fits: true
}

func ExampleEngine_QC() {
	e, dir, done := counts()
	defer done()
	in := filepath.Join(dir, "counts.h5ad")
	// Without an output the columns are added to the file itself.
	show(e.QC(context.Background(), in, "", gpusc.DefaultPipeline()))
	// Output: 300 x 2000 -> 300 x 2000
}

func ExampleEngine_Filter() {
	e, dir, done := counts()
	defer done()
	p := gpusc.Pipeline{MinCells: 300} // genes that every cell has
	r, err := e.Filter(context.Background(), filepath.Join(dir, "counts.h5ad"), filepath.Join(dir, "out.h5ad"), p)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Output.Obs, "cells; fewer genes:", r.Output.Vars < r.Input.Vars)
	// Output: 300 cells; fewer genes: true
}

func ExampleEngine_Normalize() {
	e, dir, done := counts()
	defer done()
	p := gpusc.Pipeline{TargetSum: 1e4}
	show(e.Normalize(context.Background(), filepath.Join(dir, "counts.h5ad"), filepath.Join(dir, "lognorm.h5ad"), p))
	// Output: 300 x 2000 -> 300 x 2000
}

// The single steps one after the other give what Run gives in fewer passes.
func ExampleEngine_HVG() {
	e, dir, done := counts()
	defer done()
	ctx, norm := context.Background(), filepath.Join(dir, "lognorm.h5ad")
	p := gpusc.DefaultPipeline()
	p.HVG.NTopGenes = 500
	show(e.Normalize(ctx, filepath.Join(dir, "counts.h5ad"), norm, p))
	show(e.HVG(ctx, norm, "", p))
	// Output:
	// 300 x 2000 -> 300 x 2000
	// 300 x 2000 -> 300 x 2000
}

func ExampleEngine_Scale() {
	e, dir, done := counts()
	defer done()
	ctx, norm := context.Background(), filepath.Join(dir, "lognorm.h5ad")
	show(e.Normalize(ctx, filepath.Join(dir, "counts.h5ad"), norm, gpusc.Pipeline{}))
	show(e.Scale(ctx, norm, filepath.Join(dir, "scaled.h5ad"), gpusc.Pipeline{MaxValue: 10}))
	// Output:
	// 300 x 2000 -> 300 x 2000
	// 300 x 2000 -> 300 x 2000
}

func ExampleEngine_PCA() {
	e, dir, done := counts()
	defer done()
	ctx, norm := context.Background(), filepath.Join(dir, "lognorm.h5ad")
	p := gpusc.Pipeline{NComps: 20}
	show(e.Normalize(ctx, filepath.Join(dir, "counts.h5ad"), norm, p))
	show(e.PCA(ctx, norm, "", p))
	// Output:
	// 300 x 2000 -> 300 x 2000
	// 300 x 2000 -> 300 x 2000
}
