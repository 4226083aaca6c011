package pp

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"github.com/gpusc/gpusc/internal/errs"
)

// SeuratHVG chooses genes by their dispersion against genes of like mean, as
// scanpy.pp.highly_variable_genes(flavor='seurat') and Seurat's mean.var.plot.
//
// The moments are those of counts over size factor, one entry per batch. A
// gene's dispersion is log(var/mean); its z-score is taken within one of NBins
// bins of log1p(mean) of equal width. A bin with one gene gives it z = 1.
//
// Errors: errs.Usage for options or lengths that cannot be, errs.Data for
// means that are not finite and for a batch in which no gene varies.
func SeuratHVG(batches []Moments, o HVGOptions) (*HVGResult, error) {
	o.Flavor = FlavorSeurat
	return dispersionHVG(batches, o)
}

// CellRangerHVG chooses genes by their dispersion against genes of like mean,
// as scanpy.pp.highly_variable_genes(flavor='cell_ranger') (Zheng 2017).
//
// The moments are those of log1p values, one entry per batch. The dispersion
// var/mean is set against the median and the median absolute deviation of its
// bin; the bins end at the percentiles 10, 15, ... 100 of the means. Where
// percentiles coincide, as they do with many empty genes, pandas and so scanpy
// refuse; here the coinciding edges are dropped and Warnings says so.
//
// Errors as of SeuratHVG.
func CellRangerHVG(batches []Moments, o HVGOptions) (*HVGResult, error) {
	o.Flavor = FlavorCellRanger
	return dispersionHVG(batches, o)
}

func dispersionHVG(batches []Moments, o HVGOptions) (*HVGResult, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, err := checkBatches(batches, o); err != nil {
		return nil, err
	}
	merged := o.Batched || len(batches) > 1
	o.SkipUnexpressed = o.SkipUnexpressed || merged
	parts := make([]*dispersions, len(batches))
	res := &HVGResult{Flavor: o.Flavor}
	for i := range batches {
		if parts[i], err = oneBatch(&batches[i], o); err != nil {
			if merged {
				err = fmt.Errorf("%s: %w", o.batchName(i), err)
			}
			return nil, err
		}
		where := ""
		if merged {
			where = " in " + o.batchName(i)
		}
		res.Warnings = append(res.Warnings, parts[i].warnings(where, o)...)
	}
	if merged {
		mergeDispersions(res, parts, o)
		return res, nil
	}
	d := parts[0]
	res.HighlyVariable, res.Means, res.Dispersions, res.DispersionsNorm = d.chosen, d.mean, d.disp, float32s(d.z)
	return res, nil
}

// dispersions is the table of one batch; genes left out hold 0.
type dispersions struct {
	mean, disp, z []float64
	chosen        []bool
	dropped       int // coinciding edges of bins
	scored        int // genes whose z is a number
}

// warnings tells what the user should know of the batch.
func (d *dispersions) warnings(where string, o HVGOptions) (out []string) {
	if d.dropped > 0 {
		out = append(out, fmt.Sprintf(
			"cell_ranger: %d of 21 bin edges coincide%s and were dropped; genes without counts may be the cause", d.dropped, where))
	}
	if d.scored < o.NTopGenes {
		out = append(out, fmt.Sprintf(
			"%s: %d genes were asked for, and %d have a normalised dispersion%s: all of those are taken", o.Flavor, o.NTopGenes, d.scored, where))
	}
	return out
}

// oneBatch computes the table of one batch, over the genes that take part, and
// puts it back to all genes.
func oneBatch(m *Moments, o HVGOptions) (*dispersions, error) {
	var genes []int
	for g := range m.Mean {
		if !o.SkipUnexpressed || m.expressed(g) {
			genes = append(genes, g)
		}
	}
	mean, disp := make([]float64, len(genes)), make([]float64, len(genes))
	for i, g := range genes {
		mean[i], disp[i] = dispersion(m.Mean[g], m.variance(g), o.Flavor)
	}
	out := &dispersions{}
	var edges []float64
	if o.Flavor == FlavorSeurat {
		edges = equalBins(mean, o.NBins)
	} else {
		edges, out.dropped = percentileBins(mean)
	}
	z := binScores(disp, members(assign(mean, edges), max(len(edges)-1, 0)), o.Flavor)
	for _, v := range z {
		if !math.IsNaN(v) {
			out.scored++
		}
	}
	chosen, err := choose(mean, z, o)
	if err != nil {
		return nil, err
	}
	out.mean, out.disp = spread(mean, genes, len(m.Mean)), spread(disp, genes, len(m.Mean))
	out.z = spread(z, genes, len(m.Mean))
	out.chosen = make([]bool, len(m.Mean))
	for i, g := range genes {
		out.chosen[g] = chosen[i]
	}
	return out, nil
}

// spread puts v[i] at genes[i] of n zeros.
func spread(v []float64, genes []int, n int) []float64 {
	out := make([]float64, n)
	for i, g := range genes {
		out[g] = v[i]
	}
	return out
}

// dispersion returns mean and dispersion as the flavour reports them.
func dispersion(mean, variance float64, flavor string) (m, d float64) {
	if mean == 0 {
		mean = 1e-12
	}
	d = variance / mean
	if flavor != FlavorSeurat {
		return mean, d
	}
	if d == 0 {
		d = math.NaN()
	}
	return math.Log1p(mean), math.Log(d)
}

// binScores returns (d - centre) / spread of each gene's bin, NaN outside bins.
func binScores(d []float64, bins [][]int, flavor string) []float64 {
	z := make([]float64, len(d))
	for i := range z {
		z[i] = math.NaN()
	}
	for _, bin := range bins {
		v := make([]float64, len(bin))
		for i, g := range bin {
			v[i] = d[g]
		}
		var centre, width float64
		if flavor == FlavorSeurat {
			centre, width = meanSkipNaN(v), stdSkipNaN(v)
			if math.IsNaN(width) { // one gene: z becomes 1
				centre, width = 0, centre
			}
		} else {
			centre = median(v)
			width = mad(v, centre)
		}
		for _, g := range bin {
			z[g] = (d[g] - centre) / width
		}
	}
	return z
}

// choose marks the genes within the cut-offs, or those not below the n-th
// largest score. Equal scores are chosen together, so there may be more than n.
func choose(mean, z []float64, o HVGOptions) ([]bool, error) {
	out := make([]bool, len(z))
	if o.NTopGenes == 0 {
		for i, s := range z {
			switch { // numpy.nan_to_num
			case math.IsNaN(s):
				s = 0
			case math.IsInf(s, 0):
				s = math.Copysign(math.MaxFloat64, s)
			}
			out[i] = o.within(mean[i], s)
		}
		return out, nil
	}
	order := sortedBy(len(z), func(a, b int) int { return descending(z[a], z[b]) })
	valid := 0
	for valid < len(z) && !math.IsNaN(z[order[valid]]) {
		valid++
	}
	if valid == 0 {
		return nil, errs.New(errs.Data, "highly variable genes: no gene has a normalised dispersion").
			Do("a batch needs two cells and genes that vary: drop or merge small batches")
	}
	least := z[order[min(o.NTopGenes, valid)-1]]
	for i, s := range z {
		out[i] = s >= least
	}
	return out, nil
}

// within applies the strict cut-offs.
func (o *HVGOptions) within(mean, z float64) bool {
	return mean > o.MinMean && mean < o.MaxMean && z > o.MinDisp && z < o.MaxDisp
}

// mergeDispersions averages the batches and chooses again: by the number of
// batches that chose a gene, then by mean score, or by the cut-offs.
func mergeDispersions(res *HVGResult, parts []*dispersions, o HVGOptions) {
	n := len(parts[0].mean)
	res.Means, res.Dispersions = make([]float64, n), make([]float64, n)
	res.NBatches, res.Intersection = make([]int32, n), make([]bool, n)
	z := make([]float64, n)
	row := make([]float64, len(parts))
	average := func(of func(*dispersions) float64) float64 {
		for i, p := range parts {
			row[i] = of(p)
		}
		return meanSkipNaN(row)
	}
	for g := range n {
		res.Means[g] = average(func(p *dispersions) float64 { return p.mean[g] })
		res.Dispersions[g] = average(func(p *dispersions) float64 { return p.disp[g] })
		z[g] = average(func(p *dispersions) float64 { return p.z[g] })
		for _, p := range parts {
			if p.chosen[g] {
				res.NBatches[g]++
			}
		}
		res.Intersection[g] = int(res.NBatches[g]) == len(parts)
	}
	if o.NTopGenes == 0 {
		res.HighlyVariable = make([]bool, n)
		for g := range z {
			if math.IsNaN(z[g]) {
				z[g] = 0
			}
			res.HighlyVariable[g] = o.within(res.Means[g], z[g])
		}
	} else {
		res.HighlyVariable = firstOf(sortedBy(n, func(a, b int) int {
			return cmp.Or(cmp.Compare(res.NBatches[b], res.NBatches[a]), descending(z[a], z[b]), o.byName(a, b))
		}), o.NTopGenes)
	}
	res.DispersionsNorm = float32s(z)
}

// byName orders genes by name if there are names.
func (o *HVGOptions) byName(a, b int) int {
	if o.Names == nil {
		return 0
	}
	return strings.Compare(o.Names[a], o.Names[b])
}
