package gpusc

import (
	"context"
	"fmt"
	"slices"

	"github.com/gpusc/gpusc/anndata"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/pp"
)

// v3State is what the second look of seurat_v3 and of Pearson residuals needs
// from the first. The slices over genes have an entry for each gene of the input
// and group, as the kernels want them.
type v3State struct {
	batches []pp.Moments // of the genes that stay
	regStd  [][]float64  // of the genes that stay
	clip    []float64    // limits of counts
	share   []float64    // of Pearson residuals
	bound   []float64    // limits of residuals, one for each batch
}

// batchSizes counts the cells that stay in each batch.
func (j *job) batchSizes() []int64 {
	if len(j.batchNames) == 0 {
		return []int64{j.nKept()}
	}
	n := make([]int64, len(j.batchNames))
	for _, b := range j.batch {
		if b >= 0 { // else the cell has none
			n[b]++
		}
	}
	return n
}

// hvgBatches turns the sums of the sweep into moments of each batch that has
// cells, over the genes that stay.
func (j *job) hvgBatches() ([]pp.Moments, error) {
	if overflowed(j.moments.SumSq) {
		return nil, errs.At(errs.Limit, j.path, j.m.Path, "the sums of squares of a gene left their range").Do("lower --target-sum")
	}
	var out []pp.Moments
	for b, n := range j.batchSizes() {
		if n > 0 {
			out = append(out, j.momentsOf(j.moments, b, n))
		}
	}
	return out, nil
}

// hvgOptions are the parameters with what the input tells.
func (j *job) hvgOptions() pp.HVGOptions {
	o := j.p.HVG
	o.Batched = len(j.batchNames) > 0
	o.Names = keptGenes(j, j.genes)
	for b, n := range j.batchSizes() {
		if n > 0 && o.Batched {
			o.Batches = append(o.Batches, j.batchNames[b])
		}
	}
	return o
}

// chooseGenes ends the choice of highly variable genes.
func (j *job) chooseGenes(ctx context.Context) error {
	batches, err := j.hvgBatches()
	if err != nil {
		return err
	}
	o := j.hvgOptions()
	switch o.Flavor {
	case pp.FlavorSeurat:
		j.hvg, err = pp.SeuratHVG(batches, o)
	case pp.FlavorCellRanger:
		j.hvg, err = pp.CellRangerHVG(batches, o)
	case pp.FlavorPearson:
		j.hvg, err = j.pearsonHVG(ctx, o)
	default:
		j.hvg, err = j.v3HVG(o)
	}
	if err != nil {
		return err
	}
	j.report.Warnings = append(j.report.Warnings, j.hvg.Warnings...)
	return j.select1(j.hvg.HighlyVariable)
}

// select1 notes the genes of PCA, given for the genes that stay.
func (j *job) select1(chosen []bool) error {
	j.selected = nil
	for g, c := range spread(j, chosen) {
		if c {
			j.selected = append(j.selected, int32(g))
		}
	}
	if len(j.selected) == 0 {
		return errs.At(errs.Data, j.path, "", "no gene is highly variable").Do("give --n-top-genes or another --hvg-flavor")
	}
	if j.do.pca && len(j.selected) > maxPCAGenes {
		return errs.At(errs.Limit, j.path, "", "PCA of %d genes is above the %d that are computed", len(j.selected), maxPCAGenes).
			Do("choose fewer with --n-top-genes")
	}
	return nil
}

// maxPCAGenes bounds the covariance matrix: 10,000 genes are 800 MB.
const maxPCAGenes = 10000

// takeGenes takes the genes of PCA from a list, from the input's mark of highly
// variable genes, or all of them.
func (j *job) takeGenes(context.Context) error {
	chosen := make([]bool, j.nvars)
	switch {
	case len(j.p.Genes) > 0:
		want := map[string]bool{}
		for _, g := range j.p.Genes {
			want[g] = true
		}
		for i, g := range j.genes {
			chosen[i] = want[g]
			delete(want, g)
		}
		if len(want) > 0 {
			return errs.At(errs.Data, j.path, "var", "%d of the %d genes of --genes are not there, for example %q",
				len(want), len(j.p.Genes), firstMissing(j.p.Genes, want)).Do("leave them out of the list")
		}
	default:
		mark, err := j.markedGenes()
		if err != nil {
			return err
		}
		for i := range chosen {
			chosen[i] = mark == nil || mark[i]
		}
	}
	if n := len(j.p.Genes); n > 0 && j.geneKeep != nil {
		dropped := 0
		for g, k := range j.geneKeep {
			if chosen[g] && !k {
				dropped++
			}
		}
		if dropped > 0 {
			j.warn("%d of the %d genes of --genes are left out: the filter drops them", dropped, n)
		}
	}
	if j.do.hvg && len(j.p.Genes) > 0 {
		j.hvg = &pp.HVGResult{HighlyVariable: keptGenes(j, chosen)}
	}
	return j.select1(keptGenes(j, chosen))
}

func firstMissing(list []string, missing map[string]bool) string {
	for _, g := range list {
		if missing[g] {
			return g
		}
	}
	return ""
}

// markedGenes is var/highly_variable of the input, when the job is PCA alone.
func (j *job) markedGenes() ([]bool, error) {
	if j.do.hvg || !j.do.pca {
		return nil, nil
	}
	v, err := j.in.VarOf(j.m)
	if err != nil {
		return nil, err
	}
	c := v.Column("highly_variable")
	if c == nil {
		return nil, nil
	}
	data, err := c.Values()
	if err != nil {
		return nil, err
	}
	switch d := data.(type) {
	case []bool:
		return d, nil
	case *anndata.NullableBool:
		if !slices.Contains(d.Mask, true) {
			return d.Values, nil
		}
	}
	return nil, errs.At(errs.Data, j.path, "var/highly_variable", "does not say yes or no for each gene").
		Do("make it a column of booleans, or choose the genes anew with gpusc hvg")
}

// v3Limits is the calculation between the two looks of seurat_v3.
func (j *job) v3Limits(context.Context) error {
	st := &v3State{clip: make([]float64, j.nBatches()*int(j.nvars))}
	if j.check != nil && !j.check.Whole {
		j.warn("seurat_v3 wants counts, and not all values are whole numbers")
	}
	for b, n := range j.batchSizes() {
		if n == 0 {
			continue
		}
		m := j.momentsOf(j.moments, b, n)
		reg, clip, err := pp.V3Limits(m, j.p.HVG.Span)
		if err != nil {
			return j.inBatch(err, b)
		}
		st.batches, st.regStd = append(st.batches, m), append(st.regStd, reg)
		copy(st.clip[b*int(j.nvars):], spread(j, clip))
	}
	j.v3 = st
	return nil
}

// inBatch adds the name of the batch to an error.
func (j *job) inBatch(err error, b int) error {
	if b < len(j.batchNames) {
		return fmt.Errorf("batch %q of %s: %w", j.batchNames[b], j.p.BatchKey, err)
	}
	return err
}

// v3HVG is the second half of seurat_v3.
func (j *job) v3HVG(o pp.HVGOptions) (*pp.HVGResult, error) {
	var batches []pp.V3Batch
	i := 0
	for b, n := range j.batchSizes() {
		if n == 0 {
			continue
		}
		sum, sumSq := j.clipped.Float(j.clipped.Sum, b), j.clipped.Float(j.clipped.SumSq, b)
		lo := b * int(j.nvars)
		for g := range sum {
			c, k := j.v3.clip[lo+g], float64(j.clipped.Cells[lo+g])
			sum[g] += float64(k * c)
			sumSq[g] += float64(k * float64(c*c))
		}
		batches = append(batches, pp.V3Batch{
			N: n, Mean: j.v3.batches[i].Mean, RegStd: j.v3.regStd[i], Sum: keptGenes(j, sum), SumSq: keptGenes(j, sumSq),
		})
		i++
	}
	return pp.SeuratV3(pp.MergeMoments(j.v3.batches), batches, o)
}

// pearsonLimits is the calculation between the two looks of Pearson residuals.
func (j *job) pearsonLimits(context.Context) error {
	st := &v3State{share: make([]float64, j.nBatches()*int(j.nvars)), bound: make([]float64, j.nBatches())}
	sizes := j.batchSizes()
	present := slices.DeleteFunc(slices.Clone(sizes), func(n int64) bool { return n == 0 })
	bounds := pp.PearsonClip(present, j.p.HVG)
	i := 0
	for b, n := range sizes {
		if n == 0 {
			continue
		}
		m := j.momentsOf(j.moments, b, n)
		st.batches = append(st.batches, m)
		st.bound[b] = bounds[i]
		i++
		sums := keptGenes(j, j.moments.Float(j.moments.Sum, b))
		all := 0.0
		for _, s := range sums {
			all += s
		}
		for g := range sums {
			if all > 0 {
				sums[g] /= all
			}
		}
		share := st.share[b*int(j.nvars) : (b+1)*int(j.nvars)]
		copy(share, spread(j, sums))
		for g := range share {
			// Genes that were dropped still have values in the cache. Their residuals
			// are not used, but 0 would make them 0/0.
			if j.geneKeep != nil && !j.geneKeep[g] {
				share[g] = 1
			}
		}
	}
	if j.check != nil && !j.check.Whole {
		j.warn("pearson_residuals wants counts, and not all values are whole numbers")
	}
	j.v3 = st
	return nil
}

// pearsonHVG is the second half of Pearson residuals.
func (j *job) pearsonHVG(ctx context.Context, o pp.HVGOptions) (*pp.HVGResult, error) {
	var residual [][]float64
	for b, n := range j.batchSizes() {
		if n == 0 {
			continue
		}
		share := keptGenes(j, j.v3.share[b*int(j.nvars):(b+1)*int(j.nvars)])
		totals, counts := j.distinctTotals(b)
		sum, sumSq, err := pp.PearsonZeroSums(ctx, totals, counts, share, j.theta(), j.v3.bound[b])
		if err != nil {
			return nil, err
		}
		ds, dq := keptGenes(j, j.clipped.Float(j.clipped.Sum, b)), keptGenes(j, j.clipped.Float(j.clipped.SumSq, b))
		for g := range sum {
			sum[g] += ds[g]
			sumSq[g] += dq[g]
		}
		residual = append(residual, pp.PearsonVariances(n, share, sum, sumSq))
	}
	return pp.PearsonHVG(pp.MergeMoments(j.v3.batches), residual, o)
}

// distinctTotals groups the cells of a batch by their total.
func (j *job) distinctTotals(b int) (totals []float64, counts []int64) {
	var all []float64
	for i, t := range j.rawTotals {
		if j.batch == nil || int(j.batch[i]) == b {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	for i, t := range all {
		if i == 0 || t != all[i-1] {
			totals, counts = append(totals, t), append(counts, 0)
		}
		counts[len(counts)-1]++
	}
	return totals, counts
}

func (j *job) warn(format string, a ...any) {
	s := fmt.Sprintf(format, a...)
	j.report.Warnings = append(j.report.Warnings, s)
}
