package decomp

import (
	"math"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// collect brings the sums back, stripe by stripe, into gene order, and corrects
// them for the means.
func (r *gramRun) collect() (*Moments, error) {
	tile := &r.devices[0].sets[0].tile
	w, p := tile.Width(), r.genes
	rows := stripeRows(w)
	for _, d := range r.devices {
		var err error
		if d.stripe, err = d.Backend.HostAlloc(int64(max(rows, 1))*int64(w)*8, "a stripe of the products of genes"); err != nil {
			return nil, err
		}
	}
	buf, err := r.bring(-1, 1)
	if err != nil {
		return nil, err
	}
	sum := append([]float64(nil), buf[:w]...)
	gene := r.geneOfColumn(w)
	m := &Moments{Cells: r.rows, Genes: p, Mean: make([]float64, p), Products: make([]float64, p*p)}
	n := float64(max(r.rows, 1))
	hot := tile.Groups() * kernels.GramGroup
	for i0 := 0; i0 < w; i0 += rows {
		k := min(rows, w-i0)
		if buf, err = r.bring(i0, k); err != nil {
			return nil, err
		}
		for i := i0; i < i0+k; i++ {
			m.put(buf[(i-i0)*w:(i-i0+1)*w], i, hot, gene, sum, n)
		}
	}
	r.means(m, gene, sum, n)
	for i := range p {
		if d := m.Products[i*p+i]; math.IsNaN(d) || math.IsInf(d, 0) {
			return nil, errs.New(errs.Data, "gene %d has values that are not finite, or too large to square", i)
		}
	}
	return m, nil
}

// bring returns n rows of the accumulator, from row from on, or the column sums
// where from is negative. Of each element all devices but one have 0, as it was
// cleared; no sum here is -0, so adding them up changes no bit of that one.
func (r *gramRun) bring(from, n int) ([]float64, error) {
	w := int64(r.devices[0].sets[0].tile.Width())
	for _, d := range r.devices {
		src, at := d.acc, int64(from)
		if from < 0 {
			src, at = d.sum, 0
		}
		if err := d.gate.Download(d.stripe, 0, src, at*w*8, int64(n)*w*8); err != nil {
			return nil, err
		}
	}
	var all []float64
	for i, d := range r.devices {
		if err := d.gate.Sync(); err != nil {
			return nil, err
		}
		part := view[float64](d.stripe)[:int64(n)*w]
		if i == 0 {
			all = part
			continue
		}
		for k, x := range part {
			all[k] += x
		}
	}
	return all, nil
}

// geneOfColumn is the gene of each column of the accumulator, -1 for filling.
func (r *gramRun) geneOfColumn(w int) []int {
	gene := make([]int, w)
	for c := range gene {
		gene[c] = -1
	}
	pad := w - r.genes // only when all columns are dense, and then at the end
	for g, k := range r.Plan.Rank {
		c := int(k)
		if c >= r.Plan.Hot {
			c += pad
		}
		gene[c] = g
	}
	return gene
}

// put writes row i of the accumulator, as far as it is used, to both sides of
// the diagonal.
func (m *Moments) put(row []float64, i, hot int, gene []int, sum []float64, n float64) {
	gi := gene[i]
	if gi < 0 {
		return
	}
	set := func(from, to int) {
		for j := from; j < to; j++ {
			if gj := gene[j]; gj >= 0 {
				v := row[j] - float64(sum[i]*sum[j])/n
				m.Products[gi*m.Genes+gj] = v
				m.Products[gj*m.Genes+gi] = v
			}
		}
	}
	if i < hot {
		set(i, hot)
		return
	}
	set(0, hot)
	set(i, len(row))
}

// means works the means out of the column sums, and applies scaling where it
// was not done value by value.
func (r *gramRun) means(m *Moments, gene []int, sum []float64, n float64) {
	v, p := &r.Values, r.genes
	center := v.centers(r.Plan.Common)
	for c, g := range gene {
		if g < 0 {
			continue
		}
		mean := sum[c] / n
		if int(r.Plan.Rank[g]) < r.Plan.Hot {
			mean -= float64(float32(-center[g]))
		}
		switch {
		case v.clips():
			mean += v.z(0, g)
		case v.Std != nil:
			if !v.NoCentre && v.Mean != nil {
				mean -= v.Mean[g]
			}
			mean /= v.Std[g]
		}
		m.Mean[g] = mean
	}
	if v.Std == nil || v.clips() {
		return
	}
	for i := range p {
		row := m.Products[i*p : (i+1)*p]
		for j := range row {
			row[j] /= float64(v.Std[i] * v.Std[j])
		}
	}
}
