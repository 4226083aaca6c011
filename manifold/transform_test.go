package manifold

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// TestTransform: cells that were not in the layout land among the cells of their group, near
// their neighbours, whatever the threads and the processor.
func TestTransform(t *testing.T) {
	const n, nq, d, k = 1500, 200, 8, 15
	all, label := groupsOf(n+nq, d, 6, 11)
	x, q := all[:n*d], all[n*d:]
	idx, dist := nearest(x, n, x, n, d, 14, true)
	g := fuzzy(idx, dist, n, 14)
	idx, dist = nearest(q, nq, x, n, d, k, false)
	for dims := 2; dims <= 3; dims++ {
		ref := layoutOf(t, g, UMAPOptions{Components: dims, PCA: x, PCADim: d}, best())
		want, err := transform(context.Background(), ref, idx, dist, nq, k, UMAPOptions{Threads: 1}, portable)
		if err != nil || len(want) != nq*dims {
			t.Fatal(err)
		}
		for _, l := range levels() {
			for _, threads := range []int{1, 2, 3, 7} {
				got, err := transform(context.Background(), ref, idx, dist, nq, k, UMAPOptions{Threads: threads}, l)
				if err != nil || bitsOf(got) != bitsOf(want) {
					t.Errorf("%v, %d threads: other bits (%v)", l, threads, err)
				}
			}
		}
		same, kept := 0, 0
		for i := range nq {
			near, _ := nearest(want[i*dims:(i+1)*dims], 1, ref.Positions, n, dims, 50, false)
			for a, j := range near {
				if a < k && label[j] == label[n+i] {
					same++
				}
				for _, b := range idx[i*k : i*k+k] {
					if b == j {
						kept++
					}
				}
			}
		}
		t.Logf("%d dimensions: own group %.3f, neighbours kept %.3f", dims, float64(same)/nq/k, float64(kept)/nq/k)
		if same < 94*nq*k/100 || kept < (40+5*dims)*nq*k/100 {
			t.Errorf("%d dimensions: of %d neighbours %d are of the cell's group, %d its own", dims, nq*k, same, kept)
		}
	}
}

func TestTransformRefusals(t *testing.T) {
	ref := &Layout{N: 3, Components: 2, Positions: []float32{0, 0, 1, 0, 0, 1}, A: 0.58, B: 1.33}
	run := func(idx []int32, dist []float32, nq, k int, o UMAPOptions) ([]float32, error) {
		return Transform(context.Background(), ref, idx, dist, nq, k, o)
	}
	inf := float32(math.Inf(1))
	for want, c := range map[string]struct {
		idx  []int32
		dist []float32
		kind error
	}{
		"1 distances":  {[]int32{0, 1}, []float32{1}, errs.Usage},
		"neighbour 3":  {[]int32{0, 3}, []float32{1, 2}, errs.Data},
		"neighbour -2": {[]int32{0, -2}, []float32{1, 2}, errs.Data},
		"distance NaN": {[]int32{0, 1}, []float32{1, float32(math.NaN())}, errs.Data},
		"distance -1":  {[]int32{0, 1}, []float32{-1, 1}, errs.Data},
		"no neighbour": {[]int32{-1, -1}, []float32{inf, inf}, errs.Data},
	} {
		if _, err := run(c.idx, c.dist, 1, 2, UMAPOptions{}); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if _, err := Transform(context.Background(), nil, nil, nil, 0, 1, UMAPOptions{}); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
	if y, err := run(nil, nil, 0, 5, UMAPOptions{}); err != nil || len(y) != 0 {
		t.Error(y, err)
	}
	// A missing neighbour, distances of zero, and huge ones.
	y, err := run([]int32{0, -1, 1, 2, 0, 1}, []float32{0, inf, 0, 0, 1e-30, 3e38}, 3, 2, UMAPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range y {
		if !(math.Abs(float64(v)) < 100) {
			t.Errorf("positions %v", y)
		}
	}
	l := memory.New(1)
	if _, err := run([]int32{0}, []float32{1}, 1, 1, UMAPOptions{Ledger: l}); !errors.Is(err, errs.Budget) || len(l.Leaks()) > 0 {
		t.Error(err)
	}
}
