package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/gpusc/gpusc"
	"github.com/gpusc/gpusc/internal/errs"
)

// stepCommand is one single step: what it says of itself and what it runs.
type stepCommand struct {
	name, short, long, example string
	parts                      part
	needsOut                   bool // it changes X, so IN cannot be added to
	run                        func(e *gpusc.Engine, ctx context.Context, in, out string, p gpusc.Pipeline) (*gpusc.Report, error)
}

func (s stepCommand) command(g *globals) *cobra.Command {
	var pf pipelineFlags
	var out string
	use := s.name + " IN [-o OUT]"
	if s.needsOut {
		use = s.name + " IN -o OUT"
	}
	c := &cobra.Command{
		Use: use, Short: s.short, Long: s.long, Example: s.example,
		Args: args(1, 1, "one input file"),
		RunE: func(c *cobra.Command, a []string) error {
			p, err := pf.pipeline()
			if err != nil {
				return err
			}
			if s.needsOut && out == "" {
				return errs.New(errs.Usage, "gpusc %s changes X and wants -o OUT", s.name).Do("name the file to write")
			}
			return g.withEngine(c, func(ctx context.Context, e *gpusc.Engine) error {
				if err := g.apart(a[0], out); err != nil {
					return err
				}
				r, err := s.run(e, ctx, a[0], out, p)
				if err != nil {
					return err
				}
				return g.finish(c, r, os.Args[1:])
			})
		},
	}
	f := c.Flags()
	f.SortFlags = false
	what := "`OUT`: file to write (default add the results to IN, X untouched)"
	if s.needsOut {
		what = "`OUT`: file to write"
	}
	f.StringVarP(&out, "output", "o", "", what)
	pf.add(f, s.parts)
	return c
}

const inPlace = `
Without -o the results are added to IN in place: they are appended and one
write makes them valid, so a crash leaves IN as it was. X is not touched.`

func newQC(g *globals) *cobra.Command {
	return stepCommand{
		name: "qc", short: "QC metrics of cells and genes (calculate_qc_metrics)", parts: partInput | partGroups | partTop | partOut,
		long: `Computes scanpy's QC metrics from counts: total_counts, n_genes_by_counts,
pct_counts_in_top_N_genes and shares of gene groups in obs; n_cells_by_counts,
mean_counts, pct_dropout_by_counts and total_counts in var.` + "\n" + inPlace,
		example: `  gpusc qc counts.h5ad
  gpusc qc counts.h5ad -o qc.h5ad --qc mt=MT- --qc ribo=RPS,RPL`,
		run: (*gpusc.Engine).QC,
	}.command(g)
}

func newFilter(g *globals) *cobra.Command {
	return stepCommand{
		name: "filter", short: "drop cells and genes (filter_cells, filter_genes)", parts: partInput | partGroups | partFilter | partOut, needsOut: true,
		long: `Keeps the cells within all limits, then the genes seen in enough of these cells,
and writes them with everything else that IN holds. Limits are inclusive.`,
		example: `  gpusc filter counts.h5ad -o kept.h5ad
  gpusc filter counts.h5ad -o kept.h5ad --min-genes 500 --max-pct mt=10`,
		run: (*gpusc.Engine).Filter,
	}.command(g)
}

func newNormalize(g *globals) *cobra.Command {
	return stepCommand{
		name: "normalize", short: "normalise and take logarithms (normalize_total, log1p)", parts: partInput | partNorm | partOut, needsOut: true,
		long: `Scales each cell's counts to the same total and takes log1p; X of OUT is
float32.`,
		example: `  gpusc normalize kept.h5ad -o lognorm.h5ad
  gpusc normalize kept.h5ad -o lognorm.h5ad --target-sum median`,
		run: (*gpusc.Engine).Normalize,
	}.command(g)
}

func newHVG(g *globals) *cobra.Command {
	return stepCommand{
		name: "hvg", short: "highly variable genes (highly_variable_genes)", parts: partInput | partHVG | partOut,
		long: `Chooses highly variable genes of X as it is: log-normalised data for seurat and
cell_ranger, counts for seurat_v3, seurat_v3_paper and pearson_residuals.` + "\n" + inPlace,
		example: `  gpusc hvg lognorm.h5ad
  gpusc hvg counts.h5ad --hvg-flavor seurat_v3 --batch-key donor`,
		run: (*gpusc.Engine).HVG,
	}.command(g)
}

func newScale(g *globals) *cobra.Command {
	return stepCommand{
		name: "scale", short: "centre genes and scale them to unit variance (scale)", parts: partInput | partScale | partOut, needsOut: true,
		long: `Writes X centred and scaled, as dense float32. PCA does not need this: run
--scale scales on the way, without a dense matrix.`,
		example: `  gpusc scale lognorm.h5ad -o scaled.h5ad
  gpusc scale lognorm.h5ad -o scaled.h5ad --max-value 10 --compression none`,
		run: (*gpusc.Engine).Scale,
	}.command(g)
}

func newPCA(g *globals) *cobra.Command {
	return stepCommand{
		name: "pca", short: "principal components (pca)", parts: partInput | partScale | partPCA | partOut,
		long: `Computes the principal components of X as it is, of the genes in
var/highly_variable where that exists, else of all. Exact: eigenvectors of the
covariance matrix.` + "\n" + inPlace,
		example: `  gpusc pca lognorm.h5ad
  gpusc pca lognorm.h5ad --n-comps 100 --scale --max-value 10`,
		run: (*gpusc.Engine).PCA,
	}.command(g)
}
