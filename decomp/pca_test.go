package decomp

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/internal/errs"
)

// pca runs everything on so many streams.
func (c *cells) pca(t testing.TB, v Values, hot, streams, k int) (*Result, []float32) {
	t.Helper()
	m := c.run(t, v, hot, streams, cpu.Options{})
	r, err := PCA(m, PCAOptions{Components: k, Eigen: Options{Threads: streams}})
	if err != nil {
		t.Fatal(err)
	}
	return r, c.scores(t, v, r, streams)
}

// angle is the largest principal angle between the column spaces of a and b
// (genes x k each, orthonormal columns).
func angle(a, b []float64, genes, k, first int) float64 {
	// |sin| of the angle is the norm of (1 - A A^T) B; the Frobenius norm bounds it.
	sum := 0.0
	for j := range first {
		col := make([]float64, genes)
		for g := range col {
			col[g] = b[g*k+j]
		}
		for i := range first {
			s := 0.0
			for g := range col {
				s += a[g*k+i] * b[g*k+j]
			}
			for g := range col {
				col[g] -= s * a[g*k+i]
			}
		}
		for _, x := range col {
			sum += x * x
		}
	}
	return math.Sqrt(sum)
}

func TestPCAAgainstNaive(t *testing.T) {
	for _, genes := range []int{60, 400} {
		c := generate(21, 2500, genes, float64(genes)/8, 1024)
		log := Values{Scale: c.scales(), Log1p: true}
		scaled := c.withMoments(log, true)
		clipped := scaled
		clipped.Max = 3
		above := clipped
		above.NoCentre = true
		for name, v := range map[string]Values{
			"log": c.withMoments(log, false), "scaled": scaled, "clipped": clipped, "clipped above": above,
		} {
			const k = 20
			got, scores := c.pca(t, v, -1, 2, k)
			x := c.dense(&v)
			mean, products := naive(x, c.rows, genes)
			want, err := PCA(&Moments{Cells: int64(c.rows), Genes: genes, Mean: mean, Products: products}, PCAOptions{Components: k})
			if err != nil {
				t.Fatal(err)
			}
			for i := range k {
				if e := math.Abs(got.VarianceRatio[i]/want.VarianceRatio[i] - 1); e > 1e-6 {
					t.Errorf("%d genes, %s: variance ratio %d off by %.2g", genes, name, i, e)
				}
			}
			if a := angle(want.Components, got.Components, genes, k, 4); a > 1e-5 {
				t.Errorf("%d genes, %s: angle %.2g", genes, name, a)
			}
			compareScores(t, name, x, got, scores)
		}
	}
}

// compareScores checks scores against the definition.
func compareScores(t *testing.T, name string, x []float64, r *Result, scores []float32) {
	t.Helper()
	worst := 0.0
	for row := 0; row*r.K < len(scores); row++ {
		for k := range r.K {
			s := 0.0
			for g, v := range x[row*r.Genes : (row+1)*r.Genes] {
				s += (v - r.Mean[g]) * r.Components[g*r.K+k]
			}
			worst = max(worst, math.Abs(s-float64(scores[row*r.K+k]))/math.Sqrt(r.Variance[k]))
		}
	}
	if worst > 2e-6 {
		t.Errorf("%s: scores off by %.2g deviations", name, worst)
	}
}

func TestPCASameBits(t *testing.T) {
	c := generate(22, 3000, 350, 60, 1024)
	v := c.withMoments(Values{Scale: c.scales(), Log1p: true}, true)
	v.Max = 10
	want, scores := c.pca(t, v, -1, 1, 0)
	for _, streams := range []int{2, 7} {
		got, s := c.pca(t, v, -1, streams, 0)
		if !slices.Equal(got.Components, want.Components) || !slices.Equal(got.Variance, want.Variance) || !slices.Equal(s, scores) {
			t.Errorf("%d streams give other bits than one", streams)
		}
	}
	c.split(700) // scores do not depend on spans
	if !slices.Equal(c.scores(t, v, want, 2), scores) {
		t.Error("other spans give other scores")
	}
}

func TestPCAComponents(t *testing.T) {
	for _, tc := range []struct {
		cells    int64
		genes, k int
		want     int
		kind     error
	}{
		{1000, 2000, 0, 50, nil},
		{51, 2000, 0, 50, nil},
		{50, 2000, 0, 49, nil},
		{1000, 30, 0, 29, nil},
		{1000, 30, 29, 29, nil},
		{1000, 30, 30, 0, errs.Usage},
		{1000, 30, -1, 0, errs.Usage},
		{1, 30, 0, 0, errs.Data},
		{30, 1, 1, 0, errs.Data},
	} {
		k, err := PCAOptions{Components: tc.k}.components(tc.cells, tc.genes)
		if k != tc.want || !errors.Is(err, tc.kind) {
			t.Errorf("%d x %d, %d asked: %d, %v", tc.cells, tc.genes, tc.k, k, err)
		}
	}
}

func TestPCANoVariance(t *testing.T) {
	c := &cells{rows: 4, genes: 5, ptr: make([]int64, 5)}
	c.split(512)
	r, scores := c.pca(t, Values{}, -1, 1, 0)
	for i := range r.K {
		if r.Variance[i] != 0 || r.VarianceRatio[i] != 0 {
			t.Errorf("component %d: variance %g, ratio %g", i, r.Variance[i], r.VarianceRatio[i])
		}
	}
	for _, s := range scores {
		if s != 0 {
			t.Fatalf("score %g", s)
		}
	}
}
