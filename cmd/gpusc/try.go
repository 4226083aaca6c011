package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/errs"
)

func newSynth(g *globals) *cobra.Command {
	var o gpusc.SynthOptions
	var out string
	c := &cobra.Command{
		Use: "synth -o OUT --cells N", Short: "made-up counts with known clusters and batches, of any size",
		Long: `Writes counts that look like those of a droplet experiment: clusters and batches
(the truth is in obs), mitochondrial genes (MT-), library sizes. Streamed: the
size is limited by the disk alone. The same seed gives the same file.`,
		Example: "  gpusc synth -o synth.h5ad --cells 20000\n  gpusc synth -o atlas.h5ad --cells 1000000 --genes 28000 --seed 7",
		Args:    args(0, 0, "no input"),
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return errs.New(errs.Usage, "gpusc synth wants -o OUT").Do("name the file to write")
			}
			if o.Cells < 1 || o.Genes < 1 || o.Clusters < 1 || o.Batches < 1 || !(o.Counts > 0) {
				return usageError("--cells, --genes, --clusters, --batches and --counts must be above 0")
			}
			return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
				r, err := e.Synth(ctx, out, o)
				if err != nil {
					return err
				}
				return g.finish(c, r, os.Args[1:])
			})
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&out, "output", "o", "", "`OUT`: file to write")
	f.Int64Var(&o.Cells, "cells", 20000, "`N`: cells")
	f.IntVar(&o.Genes, "genes", 28000, "`N`: genes")
	f.IntVar(&o.Clusters, "clusters", 12, "`N`: clusters")
	f.IntVar(&o.Batches, "batches", 3, "`N`: batches")
	f.Float64Var(&o.Counts, "counts", 5600, "`N`: median counts of a cell")
	addCompression(f, &o.Compression, &o.Level)
	return c
}

func newDemo(g *globals) *cobra.Command {
	var cells int64
	c := &cobra.Command{
		Use: "demo [DIR]", Short: "made-up cells through the pipeline, with pictures",
		Long: `Makes 20,000 cells, runs the pipeline on them and draws a PCA and a QC picture,
all in DIR (default gpusc-demo).`,
		Example: "  gpusc demo\n  gpusc demo /tmp/try --cells 5000",
		Args:    args(0, 1, "at most one folder"),
		RunE: func(c *cobra.Command, a []string) error {
			if cells < 1 {
				return usageError("--cells %d cannot be", cells).Do("give 1000 or more")
			}
			dir := "gpusc-demo"
			if len(a) == 1 {
				dir = a[0]
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return errs.At(errs.Resource, dir, "", "cannot be made").Because(cause(err))
			}
			return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error { return g.demo(ctx, e, c, dir, cells) })
		},
	}
	c.Flags().Int64Var(&cells, "cells", 20000, "make `N` cells")
	return c
}

// demo makes cells, runs the pipeline and draws.
func (g *globals) demo(ctx context.Context, e *gpusc.Engine, c *cobra.Command, dir string, cells int64) error {
	in, out := filepath.Join(dir, "counts.h5ad"), filepath.Join(dir, "out.h5ad")
	for _, f := range []string{in, out} {
		if _, err := os.Stat(f); err == nil && !g.force {
			return errs.At(errs.Usage, f, "", "exists already").Do("name another folder, or give --force")
		}
	}
	fmt.Fprintf(g.err, "making %d cells x 28000 genes: %s\n", cells, in)
	if _, err := e.Synth(ctx, in, gpusc.SynthOptions{Cells: cells}); err != nil {
		return err
	}
	fmt.Fprintf(g.err, "gpusc run %s -o %s --max-pct mt=20\n", in, out)
	p := gpusc.DefaultPipeline()
	p.MaxPct = map[string]float64{"mt": 20}
	r, err := e.Run(ctx, in, out, p)
	if err != nil {
		return err
	}
	umap, pca, qc := filepath.Join(dir, "umap.png"), filepath.Join(dir, "pca.png"), filepath.Join(dir, "qc.png")
	if err := e.DrawUMAP(ctx, out, "leiden", umap); err != nil {
		return err
	}
	if err := e.DrawPCA(ctx, out, "cluster", pca); err != nil {
		return err
	}
	if err := e.DrawQC(ctx, out, qc); err != nil {
		return err
	}
	if err := g.finish(c, r, os.Args[1:]); err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.out, `
Look at:
  %-*s  the cells laid out by UMAP, by the clusters that were found
  %-*s  the cells on the first two components, by the cluster they were made with
  %-*s  violins of genes, counts and mitochondrial share of the cells that stay
  %-*s  opens in Python: scanpy.read_h5ad(%q)
`, len(out), umap, len(out), pca, len(out), qc, len(out), out, out)
	return err
}
