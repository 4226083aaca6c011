package decomp

import (
	"context"

	"gonum.org/v1/gonum/mat"
)

type PCAOptions struct{ Components, Threads int }
type Result struct {
	Variance, VarianceRatio []float64
	Components              []float64
	Genes, K, Stride        int
	W, Offset               []float64
}

func PCA(_ context.Context, m *Moments, v Values, o PCAOptions) (*Result, error) {
	p := m.Genes
	mean := m.Mean
	n := m.Cells
	c, err := m.Covariance()
	if err != nil {
		return nil, err
	}
	var e mat.EigenSym
	e.Factorize(mat.NewSymDense(p, c), true)
	var vec mat.Dense
	e.VectorsTo(&vec)
	val := e.Values(nil)
	k := min(o.Components, p-1, int(n)-1)
	r := &Result{K: k, Stride: (k + 7) &^ 7}
	tr := 0.0
	for i := range p {
		tr += c[i*p+i]
	}
	r.Components = make([]float64, p*k)
	r.W = make([]float64, p*r.Stride)
	r.Offset = make([]float64, r.Stride)
	for j := range k {
		r.Variance = append(r.Variance, val[p-1-j])
		r.VarianceRatio = append(r.VarianceRatio, val[p-1-j]/tr)
		for g := range p {
			x := vec.At(g, p-1-j)
			r.Components[g*k+j] = x
			r.W[g*r.Stride+j] = x
			r.Offset[j] += x * mean[g]
		}
	}
	return r, nil
}
