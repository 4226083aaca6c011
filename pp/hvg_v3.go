package pp

import (
	"cmp"
	"fmt"
	"math"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/loess"
)

// V3Limits is the first stage of seurat_v3 for one batch of raw counts: the
// standard deviation to expect of each gene from its mean, by a loess (degree
// 2) of log10 variance on log10 mean over the genes that vary, and the value
// above which the second stage clips, mean + regStd*sqrt(N). A gene that does
// not vary has regStd 1. A span of 0 is 0.3.
//
// Reference: scanpy.pp.highly_variable_genes(flavor='seurat_v3'), Stuart 2019.
// Errors: errs.Data for a batch of fewer than two cells and where the loess
// cannot be fitted (few genes that vary, or many with one mean).
func V3Limits(batch Moments, span float64) (regStd, clip []float64, err error) {
	if span == 0 {
		span = defaultSpan
	}
	if _, err := checkBatches([]Moments{batch}, HVGOptions{}); err != nil {
		return nil, nil, err
	}
	if batch.N < fewestCellsForVars {
		return nil, nil, errs.New(errs.Data, "highly variable genes: a batch of one cell has no variance").
			Do("drop or merge batches of fewer than two cells")
	}
	var x, y []float64
	var genes []int
	for g, v := range batch.Var {
		if v > 0 {
			x, y, genes = append(x, log10(batch.Mean[g])), append(y, log10(v)), append(genes, g)
		}
	}
	fit := make([]float64, len(batch.Mean))
	if len(genes) > 0 {
		smooth, err := loess.Fit(x, y, loess.Options{Span: span, Degree: 2})
		if err != nil {
			return nil, nil, fmt.Errorf("highly variable genes: variance against mean of %d genes: %w", len(genes), err)
		}
		fit = spread(smooth, genes, len(fit))
	}
	regStd, clip = make([]float64, len(fit)), make([]float64, len(fit))
	root := math.Sqrt(float64(batch.N))
	for g := range fit {
		regStd[g] = math.Sqrt(math.Pow(10, fit[g]))
		clip[g] = float64(regStd[g]*root) + batch.Mean[g]
	}
	return regStd, clip, nil
}

// V3Batch is what the second stage of seurat_v3 needs of a batch.
type V3Batch struct {
	N          int64     // cells
	Mean       []float64 // of raw counts, per gene
	RegStd     []float64 // from V3Limits
	Sum, SumSq []float64 // per gene, of min(x, clip) and of its square, over all cells
}

// SeuratV3 is the second stage of seurat_v3 and seurat_v3_paper: it turns the
// clipped sums of each batch into normalised variances, ranks the genes of
// each batch by them (equal ones by the order of genes), takes ranks of
// NTopGenes and worse for missing, and chooses the NTopGenes genes that are
// first by median rank and number of batches (seurat_v3), or by number of
// batches and median rank (seurat_v3_paper).
//
// overall holds the moments over all cells, reported as means and variances.
// Errors: errs.Usage for another flavour or lengths that differ.
func SeuratV3(overall Moments, batches []V3Batch, o HVGOptions) (*HVGResult, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Flavor == "" {
		o.Flavor = FlavorSeuratV3
	}
	if o.Flavor != FlavorSeuratV3 && o.Flavor != FlavorSeuratPaper {
		return nil, errs.New(errs.Usage, "highly variable genes: flavour %q is not one of seurat_v3", o.Flavor)
	}
	if o.NTopGenes == 0 {
		o.NTopGenes = defaultV3TopGenes
	}
	n, err := checkBatches([]Moments{overall}, o)
	if err != nil {
		return nil, err
	}
	if len(batches) == 0 {
		return nil, errs.New(errs.Data, "highly variable genes: no cells")
	}
	norm := make([][]float64, len(batches))
	for i, b := range batches {
		if len(b.Mean) != n || len(b.RegStd) != n || len(b.Sum) != n || len(b.SumSq) != n {
			return nil, errs.New(errs.Usage, "highly variable genes: batch %d does not hold %d genes", i, n)
		}
		norm[i] = b.normalised()
	}
	ranks := rankBatches(norm, o.NTopGenes)
	res := &HVGResult{
		Flavor: o.Flavor, Means: overall.Mean, Variances: overall.Var,
		VariancesNorm: meanOver(norm), Rank: ranks.median,
	}
	byRank := func(a, b int) int { return ascending(ranks.median[a], ranks.median[b]) }
	byBatches := func(a, b int) int { return cmp.Compare(ranks.batches[b], ranks.batches[a]) }
	first, second := byRank, byBatches
	if o.Flavor == FlavorSeuratPaper {
		first, second = byBatches, byRank
	}
	order := sortedBy(n, func(a, b int) int { return cmp.Or(first(a, b), second(a, b)) })
	res.HighlyVariable = firstOf(order, o.NTopGenes)
	if o.Batched || len(batches) > 1 {
		res.NBatches = ranks.batches
	}
	return res, nil
}

// normalised returns the variance of (x-mean)/regStd with x clipped.
func (b *V3Batch) normalised() []float64 {
	out := make([]float64, len(b.Mean))
	n := float64(b.N)
	for g, m := range b.Mean {
		r := b.RegStd[g]
		scale := 1 / ((n - 1) * float64(r*r))
		out[g] = scale * (float64(n*float64(m*m)) + b.SumSq[g] - float64(2*b.Sum[g]*m))
	}
	return out
}
