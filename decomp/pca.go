package decomp

import (
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// DefaultComponents is the number of components that is asked for when none is.
const DefaultComponents = 50

// PCAOptions says what PCA computes. The zero value is scanpy's default.
type PCAOptions struct {
	// Components; 0: 50, or one less than cells or genes where those are 50 or fewer.
	Components int
	Eigen      Options
	// Device is where products with the covariance run; nil: on the host. It
	// changes no bit.
	Device device.Backend
}

// Result is a principal component analysis.
type Result struct {
	Genes int
	K     int
	// Variance along each component: eigenvalues of the covariance (divided by
	// cells - 1), from the largest down.
	Variance []float64
	// VarianceRatio is Variance over the sum of all genes' variances, 0 if that is 0.
	VarianceRatio []float64
	// Components are the loadings, Genes x K. In each column the entry of largest
	// size is positive.
	Components []float64
	// Mean of each gene's values, which are taken off before a projection.
	Mean []float64
}

// components returns the number of components for a matrix of that shape.
func (o PCAOptions) components(cells int64, genes int) (int, error) {
	least := min(cells, int64(genes))
	switch {
	case least < 2:
		return 0, errs.New(errs.Data, "%d cells x %d genes are too few for principal components", cells, genes).
			Do("at least 2 cells and 2 genes are needed")
	case o.Components == 0:
		return int(min(DefaultComponents, least-1)), nil
	case o.Components < 0 || int64(o.Components) > least-1:
		return 0, errs.New(errs.Usage, "%d components of %d cells x %d genes", o.Components, cells, genes).
			Do("give between 1 and %d, one less than the smaller of cells and genes", least-1)
	}
	return o.Components, nil
}

// PCA finds the principal components from the moments of the genes, of which it
// uses up Products (see Moments.Covariance).
//
// Errors: errs.Data for fewer than two cells or genes; errs.Usage for more
// components than min(cells, genes) - 1; what TopEigen and the device return.
//
// Reference: scanpy.pp.pca(svd_solver="covariance_eigh"), sklearn.decomposition.PCA.
func PCA(m *Moments, opt PCAOptions) (*Result, error) {
	k, err := opt.components(m.Cells, m.Genes)
	if err != nil {
		return nil, err
	}
	c, err := m.Covariance()
	if err != nil {
		return nil, err
	}
	p := m.Genes
	total := 0.0
	for i := range p {
		total += c[i*p+i]
	}
	values, vectors, err := topOf(c, p, k, opt)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Genes: p, K: k, Mean: m.Mean, Variance: values,
		VarianceRatio: make([]float64, k), Components: make([]float64, p*k),
	}
	for i := range k {
		values[i] = max(values[i], 0) // a covariance has no negative ones but by rounding
		if total > 0 {
			r.VarianceRatio[i] = values[i] / total
		}
		for g, x := range vectors[i*p : (i+1)*p] {
			r.Components[g*k+i] = x
		}
	}
	return r, nil
}

// topOf finds the first k eigenvectors of the covariance.
func topOf(c []float64, p, k int, opt PCAOptions) (values, vectors []float64, err error) {
	if opt.Device == nil {
		return TopEigen(p, DenseMul(c, p, opt.Eigen.Threads), k, opt.Eigen)
	}
	mul, done, err := DeviceMul(opt.Device, c, p)
	if err != nil {
		return nil, nil, err
	}
	values, vectors, err = TopEigen(p, mul, k, opt.Eigen)
	if e := done(); err == nil { // else the stream's failure has been told
		err = e
	}
	return values, vectors, err
}

// Weights folds scaling and means into what kernels.Project takes: w is Genes x
// stride, offset has stride entries; stride is K filled up to a multiple of 8.
func (r *Result) Weights(v *Values) (w, offset []float64, stride int) {
	stride = (r.K + 7) &^ 7
	w, offset = make([]float64, r.Genes*stride), make([]float64, stride)
	for g := range r.Genes {
		factor, mean := 1.0, r.Mean[g]
		switch {
		case v.clips():
			mean -= v.z(0, g)
		case v.Std != nil:
			factor = 1 / v.Std[g]
			if !v.NoCentre && v.Mean != nil {
				mean += v.Mean[g] * factor
			}
		}
		for i, x := range r.Components[g*r.K : (g+1)*r.K] {
			w[g*stride+i] = x * factor
			offset[i] += float64(mean * x)
		}
	}
	return w, offset, stride
}
