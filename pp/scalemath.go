package pp

import (
	"math"

	"github.com/gpusc/gpusc/internal/errs"
)

// MedianTarget returns the median of the totals above 0, the target_sum of
// scanpy.pp.normalize_total when none is given: the middle one, or half the
// sum of the middle two. Errors: errs.Data when no total is above 0.
func MedianTarget(totals []float64) (float64, error) {
	var v []float64
	for _, t := range totals {
		if t > 0 {
			v = append(v, t)
		}
	}
	if len(v) == 0 {
		return 0, errs.New(errs.Data, "normalisation: no cell has counts").Do("check the filters")
	}
	return median(v), nil
}

// CellScales returns what each cell's values are multiplied by, target/total;
// 1 for a cell without counts. Errors: errs.Usage for a target that is not a
// finite number above 0.
func CellScales(totals []float64, target float64) ([]float64, error) {
	if !(target > 0) || math.IsInf(target, 0) {
		return nil, errs.New(errs.Usage, "normalisation: target_sum is %g", target).Do("use a number above 0")
	}
	out := make([]float64, len(totals))
	for i, t := range totals {
		out[i] = 1
		if t != 0 {
			out[i] = target / t
		}
	}
	return out, nil
}

// NormFactors returns total/target of each cell, what scanpy.pp.normalize_total
// stores under key_added.
func NormFactors(totals []float64, target float64) []float64 {
	out := make([]float64, len(totals))
	for i, t := range totals {
		out[i] = t / target
	}
	return out
}

// ScaleStd returns the standard deviations that scanpy.pp.scale divides by: the
// roots of the variances (ddof 1), and 1 for a gene that does not vary.
func ScaleStd(variance []float64) []float64 {
	out := make([]float64, len(variance))
	for g, v := range variance {
		if out[g] = math.Sqrt(v); out[g] == 0 {
			out[g] = 1
		}
	}
	return out
}

// ScaleColumns returns what scanpy.pp.scale adds to var.
func ScaleColumns(mean, std []float64) []Column {
	return []Column{{"mean", mean}, {"std", std}}
}

// ScaleCovariance divides the p x p covariance c (row-major, p = len(std)) by
// the standard deviations of row and column, in place: D^-1 C D^-1, the
// covariance of the scaled genes without a pass over them. It stays symmetric
// to the bit. Errors: errs.Usage when c is not p x p.
func ScaleCovariance(c, std []float64) error {
	p := len(std)
	if len(c) != p*p {
		return errs.New(errs.Usage, "scaling: a covariance of %d values for %d genes", len(c), p)
	}
	for i, a := range std {
		row := c[i*p : (i+1)*p]
		for j, b := range std {
			row[j] /= a * b
		}
	}
	return nil
}
