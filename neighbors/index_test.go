package neighbors

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// TestApprox: the recall is what was estimated, every row has all its neighbours, and
// neither threads nor instructions change a bit.
func TestApprox(t *testing.T) {
	const n, d, k = 8000, 20, 15
	x := clustered(11, n, d, 25)
	for _, m := range []string{"euclidean", "cosine", "inner_product"} {
		truth := mustFind(t, x, n, d, Options{Metric: m, Method: "exact"}, best())
		for _, target := range []float64{0.8, 0.99} {
			o := Options{Metric: m, Method: "approx", Recall: target, Threads: 2}
			want := mustFind(t, x, n, d, o, best())
			if r := recall(truth, want); math.Abs(r-want.Recall) > 0.01 || want.Recall < target {
				t.Errorf("%s at %g: recall %.4f, estimated %.4f", m, target, r, want.Recall)
			}
			if m == "euclidean" && want.Method != "approx" {
				t.Errorf("at %g the search was %s", target, want.Method)
			}
			if want.Method == "approx" {
				order := slices.Clone(want.Order)
				slices.Sort(order)
				if !slices.Equal(order, upTo(n)) {
					t.Errorf("%s: Order is not one of all cells", m)
				}
			}
			for q, j := range want.Indices {
				if i := q / (k - 1); j < 0 || int(j) >= n || int(j) == i || slices.Contains(want.Indices[i*(k-1):q], j) {
					t.Fatalf("%s: cell %d has %v", m, i, want.Indices[i*(k-1):][:k-1])
				}
			}
			for _, l := range levels() {
				o.Threads = map[level]int{portable: 7, avx2: 1, avx512: 3}[l]
				if l == portable && m != "euclidean" {
					continue // the slowest: once
				}
				if !equal(mustFind(t, x, n, d, o, l), want) {
					t.Errorf("%s at %g: %v with %d threads differs", m, target, l, o.Threads)
				}
			}
		}
	}
}

// TestApproxNoise: where clusters do not help, the search becomes exact.
func TestApproxNoise(t *testing.T) {
	const n, d = 3000, 40
	x := normal(1, n, d)
	truth := mustFind(t, x, n, d, Options{Method: "exact"}, best())
	got := mustFind(t, x, n, d, Options{Method: "approx", Recall: 1}, best())
	if r := recall(truth, got); r < 0.999 {
		t.Errorf("%s: recall %.4f", got.Method, r)
	}
	one := []float32{}
	for range 500 {
		one = append(one, 1, 2)
	}
	if k := mustFind(t, one, 500, 2, Options{Method: "approx"}, best()); k.Indices[0] != 1 || k.Indices[14] != 2 {
		t.Errorf("equal rows: %v", k.Indices[:28])
	}
}

// TestIsland: a cluster of fewer cells than neighbours takes some from others.
func TestIsland(t *testing.T) {
	const n, d = 2000, 8
	x := clustered(2, n, d, 4)
	for i := range 5 {
		x[i*d] += 1000
	}
	for _, target := range []float64{0.3, 0.9} {
		k := mustFind(t, x, n, d, Options{Method: "approx", Recall: target}, best())
		for _, j := range k.Indices {
			if j < 0 || j >= n {
				t.Fatalf("at %g: neighbour %d", target, j)
			}
		}
	}
}

// TestQuery: an exact index answers as brute force does, an approximate one as its
// recall says, and the cells of the index find themselves and what Find finds.
func TestQuery(t *testing.T) {
	const n, d, k, nq = 5000, 16, 10, 400
	x, q := clustered(1, n, d, 12), clustered(1, n+nq, d, 12)[n*d:]
	for m, dist := range map[string]func(a, b []float32) float64{"euclidean": euclid64, "cosine": cosine64} {
		truth := map[string][]int32{}
		for _, method := range []string{"exact", "approx"} {
			for _, l := range levels() {
				ix, err := newIndex(ctx, x, n, d, Options{Metric: m, Method: method, Recall: 0.98, Threads: 1 + int(l)}, l)
				if err != nil {
					t.Fatal(err)
				}
				idx, vals, err := ix.Query(ctx, q, nq, k)
				if err != nil {
					t.Fatal(err)
				}
				for i, j := range idx {
					if v := dist(q[i/k*d:][:d], x[int(j)*d:][:d]); math.Abs(v-float64(vals[i])) > 1e-5 {
						t.Fatalf("%s, %s: distance %g, want %g", m, method, vals[i], v)
					}
				}
				if have := truth[method]; have == nil {
					truth[method] = idx
				} else if !slices.Equal(have, idx) {
					t.Errorf("%s, %s: %v differs", m, method, l)
				}
				own, ownVals, err := ix.Query(ctx, x[:100*d], 100, 15)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 100 {
					if int(own[i*15]) != i || ownVals[i*15] != 0 {
						t.Fatalf("cell %d finds %d at %g first", i, own[i*15], ownVals[i*15])
					}
				}
				ix.Close()
			}
		}
		hit := 0
		for i := range nq {
			for _, j := range truth["approx"][i*k:][:k] {
				if slices.Contains(truth["exact"][i*k:][:k], j) {
					hit++
				}
			}
		}
		if r := float64(hit) / (nq * k); r < 0.96 {
			t.Errorf("%s: recall %.4f", m, r)
		}
		var all []float64
		for j := range n {
			all = append(all, dist(q[:d], x[j*d:][:d]))
		}
		order := upTo(n)
		slices.SortFunc(order, func(a, b int32) int { return cmpFloat(all[a], all[b]) })
		if !slices.Equal(truth["exact"][:k], order[:k]) {
			t.Errorf("%s: exact index finds %v, want %v", m, truth["exact"][:k], order[:k])
		}
	}
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// TestQueryEdges: shapes, rows without direction, and queries at the same time.
func TestQueryEdges(t *testing.T) {
	x := normal(1, 30, 4)
	ix, err := NewIndex(ctx, x, 30, 4, Options{Metric: "cosine"})
	if err != nil {
		t.Fatal(err)
	}
	idx, dist, err := ix.Query(ctx, make([]float32, 4), 1, 3)
	if err != nil || math.Abs(float64(dist[0])-1) > 1e-6 || math.Abs(float64(dist[2])-1) > 1e-6 {
		t.Errorf("a row of zeros finds %v at %v: %v", idx, dist, err)
	}
	if ix.Recall() != 1 {
		t.Errorf("recall %g", ix.Recall())
	}
	if idx, _, err := ix.Query(ctx, nil, 0, 3); err != nil || len(idx) != 0 {
		t.Errorf("no cells find %v: %v", idx, err)
	}
	for name, f := range map[string]func() error{
		"k 0":   func() error { _, _, err := ix.Query(ctx, x, 30, 0); return err },
		"k 31":  func() error { _, _, err := ix.Query(ctx, x, 30, 31); return err },
		"shape": func() error { _, _, err := ix.Query(ctx, x, 29, 3); return err },
	} {
		if err := f(); !errors.Is(err, errs.Usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := ix.Query(ctx, []float32{0, float32(math.NaN()), 0, 0}, 1, 3); !errors.Is(err, errs.Data) {
		t.Errorf("NaN: %v", err)
	}
	want, _, err := ix.Query(ctx, x, 30, 30)
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			if got, _, err := ix.Query(ctx, x, 30, 30); err != nil || !slices.Equal(got, want) {
				t.Error("queries disturb each other", err)
			}
		})
	}
	g.Wait()
}
