package test

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/gpusc/gpusc"
)

// TestScanpyPCA compares with a full eigendecomposition in float64.
func TestScanpyPCA(t *testing.T) {
	for _, name := range references {
		for _, scaled := range []bool{false, true} {
			file := "pca"
			if scaled {
				file = "pca_scaled"
			}
			t.Run(name+"/"+file, func(t *testing.T) {
				s := readSummary(t, name)
				p := s.pipeline(gpusc.UntilPCA)
				p.HVG.NTopGenes = s.HVG["seurat"].NTopGenes
				if p.Scale = scaled; scaled {
					p.MaxValue = 10
				}
				comparePCA(t, s.File, p, readNPZ(t, "scanpy/"+name+"/"+file+".npz"))
			})
		}
	}
}

func comparePCA(t *testing.T, file string, p gpusc.Pipeline, want map[string]array) {
	out := run(t, file, p)
	v := varOf(t, out)
	k := len(want["variance"].values)
	var genes []string
	var loadings []float64
	pcs := floats(t, out, "varm/PCs")
	for i, on := range column(t, v, "highly_variable") {
		row := pcs[i*k : (i+1)*k]
		if on == 1 {
			genes, loadings = append(genes, v.Index[i]), append(loadings, row...)
		} else if slices.Max(row) != 0 || slices.Min(row) != 0 {
			t.Errorf("gene %d is not of the choice and its loadings are not zero", i)
		}
	}
	if !slices.Equal(genes, want["genes"].text) {
		t.Fatalf("%d genes, and not those of the reference", len(genes))
	}
	near(t, "variance", floats(t, out, "uns/pca/variance"), want["variance"].values, 1e-5, 0)
	near(t, "variance_ratio", floats(t, out, "uns/pca/variance_ratio"), want["variance_ratio"].values, 1e-5, 0)
	angle(t, "PCs", len(genes), k, loadings, want["PCs"].values)
	x := floats(t, out, "obsm/X_pca")
	sameSigns(t, "PCs", k, loadings, want["PCs"].values)
	sameSigns(t, "X_pca", k, x, want["X_pca"].values)
	unitLoadings(t, k, loadings)
}

// angle compares the spans of the first 30 components: the largest principal
// angle is at most 1e-4.
func angle(t *testing.T, name string, n, k int, got, want []float64) {
	t.Helper()
	m := min(30, k)
	a := mat.DenseCopyOf(mat.NewDense(n, k, got).Slice(0, n, 0, m))
	b := mat.DenseCopyOf(mat.NewDense(n, k, want).Slice(0, n, 0, m))
	// sin of the largest angle is the largest singular value of A - B (B'A), which
	// does not lose the digits that the cosine would.
	var c, r mat.Dense
	c.Mul(b.T(), a)
	r.Mul(b, &c)
	r.Sub(a, &r)
	var svd mat.SVD
	if !svd.Factorize(&r, mat.SVDNone) {
		t.Fatal("no SVD")
	}
	got1 := math.Asin(min(1, svd.Values(nil)[0]))
	t.Logf("%s: angle between the spans of %d components %.2g", name, m, got1)
	if got1 > 1e-4 {
		t.Errorf("%s: angle between the spans of %d components %.3g, allowed 1e-4", name, m, got1)
	}
}

// sameSigns compares the first ten components, which stand apart from each
// other, value by value, sign included.
func sameSigns(t *testing.T, name string, k int, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	for j := range min(10, k) {
		most, scale := 0.0, 0.0
		for i := j; i < len(want); i += k {
			most = max(most, math.Abs(got[i]-want[i]))
			scale = max(scale, math.Abs(want[i]))
		}
		if most > 1e-4*scale {
			t.Errorf("%s: component %d is off by %.3g of its largest value, allowed 1e-4", name, j, most/scale)
		}
	}
}

// unitLoadings: components have length 1 and their largest loading is positive.
func unitLoadings(t *testing.T, k int, pcs []float64) {
	t.Helper()
	for j := range k {
		sum, largest := 0.0, 0.0
		for i := j; i < len(pcs); i += k {
			sum += pcs[i] * pcs[i]
			if math.Abs(pcs[i]) > math.Abs(largest) {
				largest = pcs[i]
			}
		}
		if math.Abs(sum-1) > 1e-6 || largest <= 0 {
			t.Errorf("component %d: length %v, largest loading %v", j, sum, largest)
		}
	}
}
