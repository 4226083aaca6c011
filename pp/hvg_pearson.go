package pp

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"sync"

	"github.com/gpusc/gpusc/internal/errs"
)

// PearsonClip returns the bound of the residuals in each batch of the given
// numbers of cells: o.Clip where it is set, else the square root of the number
// of cells of the first batch, for all. That later batches take the bound of
// the first is what scanpy does; its batches come in the order of their names.
func PearsonClip(cells []int64, o HVGOptions) []float64 {
	out := make([]float64, len(cells))
	for i := range out {
		out[i] = o.Clip
		if o.Clip == 0 {
			out[i] = math.Sqrt(float64(cells[0]))
		}
	}
	return out
}

// PearsonZeroSums adds up, over the cells of one batch, the clipped Pearson
// residual that each gene would have if the cell held none of it, and its
// square:
//
//	mu = total * share
//	z0 = min(max((0-mu)/sqrt(mu + mu*mu/theta), -clip), clip)
//
// The residual depends on the cell's total alone, so cells come grouped:
// distinctTotals holds each total once and counts how many cells have it.
// share is per gene its sum over the batch's sum; a share of 0 gives 0. A theta
// of 0 is 100; +Inf leaves the second term of the root out.
//
// Added to the sums of kernels.PearsonMoments they make the sums over all
// cells. Each gene is summed by itself in the order of distinctTotals, so the
// bits do not depend on the number of processors. Time: totals x genes; it ends
// with the context's error within one gene.
//
// Reference: scanpy.experimental.pp.highly_variable_genes, Lause 2021.
func PearsonZeroSums(ctx context.Context, distinctTotals []float64, counts []int64, share []float64, theta, clip float64) (sum, sumsq []float64, err error) {
	if theta == 0 {
		theta = defaultTheta
	}
	sum, sumsq = make([]float64, len(share)), make([]float64, len(share))
	n := min(len(distinctTotals), len(counts))
	weight := make([]float64, n)
	for i := range weight {
		weight[i] = float64(counts[i])
	}
	workers := min(runtime.GOMAXPROCS(0), len(share))
	var wg sync.WaitGroup
	for w := range workers {
		lo, hi := len(share)*w/workers, len(share)*(w+1)/workers
		wg.Go(func() {
			for g := lo; g < hi && ctx.Err() == nil; g++ {
				sum[g], sumsq[g] = zeroSums(distinctTotals[:n], weight, share[g], theta, clip)
			}
		})
	}
	wg.Wait()
	return sum, sumsq, ctx.Err()
}

// zeroSums is PearsonZeroSums of one gene.
func zeroSums(total, weight []float64, share, theta, clip float64) (sum, sumsq float64) {
	if share == 0 {
		return 0, 0
	}
	for i, t := range total {
		mu := t * share
		if mu == 0 { // an empty cell: scanpy would divide 0 by 0
			continue
		}
		v := mu
		if !math.IsInf(theta, 1) {
			v += float64(float64(mu*mu) / theta)
		}
		z := min(max(-mu/math.Sqrt(v), -clip), clip)
		sum += float64(weight[i] * z)
		sumsq += float64(weight[i] * float64(z*z))
	}
	return sum, sumsq
}

// PearsonVariances turns the sums of residuals over n cells, and of their
// squares, into residual variances (ddof 0). A gene whose share is 0 has 0.
func PearsonVariances(n int64, share, sum, sumsq []float64) []float64 {
	out := make([]float64, len(sum))
	f := float64(n)
	for g := range sum {
		if share[g] != 0 {
			m := sum[g] / f
			out[g] = math.Max(0, sumsq[g]/f-float64(m*m))
		}
	}
	return out
}

// PearsonHVG chooses the NTopGenes genes of largest residual variance, as
// scanpy.experimental.pp.highly_variable_genes(flavor='pearson_residuals').
// residual holds per batch one variance per gene (PearsonVariances); genes are
// ranked in each batch, equal ones by the order of genes, and those that rank
// before NTopGenes in most batches, then with the best median rank, are chosen.
//
// overall holds the moments of the raw counts over all cells, reported as means
// and variances. Errors: errs.Usage without NTopGenes or for lengths that
// differ.
func PearsonHVG(overall Moments, residual [][]float64, o HVGOptions) (*HVGResult, error) {
	o.Flavor = FlavorPearson
	if err := o.Check(); err != nil {
		return nil, err
	}
	n, err := checkBatches([]Moments{overall}, o)
	if err != nil {
		return nil, err
	}
	if len(residual) == 0 {
		return nil, errs.New(errs.Data, "highly variable genes: no cells")
	}
	for i, r := range residual {
		if len(r) != n {
			return nil, errs.New(errs.Usage, "highly variable genes: batch %d holds %d genes, want %d", i, len(r), n)
		}
	}
	ranks := rankBatches(residual, o.NTopGenes)
	res := &HVGResult{
		Flavor: FlavorPearson, Means: overall.Mean, Variances: overall.Var,
		ResidualVariances: meanOver(residual), Rank: ranks.median,
	}
	res.HighlyVariable = firstOf(sortedBy(n, func(a, b int) int {
		return cmp.Or(cmp.Compare(ranks.batches[b], ranks.batches[a]), ascending(ranks.median[a], ranks.median[b]))
	}), o.NTopGenes)
	if o.Batched || len(residual) > 1 {
		res.NBatches = ranks.batches
		res.Intersection = make([]bool, n)
		for g, b := range ranks.batches {
			res.Intersection[g] = int(b) == len(residual)
		}
	}
	return res, nil
}
