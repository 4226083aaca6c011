package neighbors

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// TestFewCells: scanpy's number of neighbours where there are fewer cells than asked.
func TestFewCells(t *testing.T) {
	for n, others := range []int{0, 0, 1, 1, 2, 2, 3} { // 1 + n/2, less the cell itself
		for _, method := range []string{"", "exact", "approx"} {
			x := normal(4, n, 3)
			for _, threads := range []int{1, 5} {
				k := mustFind(t, x, n, 3, Options{Method: method, Threads: threads}, best())
				if k.N != n || k.K != others+1 || len(k.Indices) != n*others || len(k.Distances) != n*others {
					t.Fatalf("%d cells, %q: %+v", n, method, k)
				}
				idx, vals := brute(x, n, 3, others, euclid64)
				sameUpTo(t, k, idx, vals, 1e-6)
				if err := k.DistanceGraph().Check(); err != nil {
					t.Error(err)
				}
				for _, how := range []string{"umap", "gauss", "jaccard"} {
					mustConnect(t, k, how, threads)
				}
			}
		}
	}
	k := mustFind(t, normal(1, 4, 2), 4, 2, Options{K: 4}, best()) // just enough
	if k.K != 4 {
		t.Errorf("K of 4 cells became %d", k.K)
	}
}

// degrees returns how many cells each cell is a neighbour of, at most.
func degrees(k *KNN) int {
	in := make([]int, k.N)
	for _, j := range k.Indices {
		in[j]++
	}
	return slices.Max(in)
}

// TestDuplicates: equal rows spread their edges; the smallest indices are no hubs.
func TestDuplicates(t *testing.T) {
	const n, d, same = 20_000, 10, 15_000
	x := clustered(3, n, d, 5)
	for i := range same {
		copy(x[(i+n/10)*d:][:d], x[:d])
	}
	want := mustFind(t, x, n, d, Options{Method: "exact"}, best())
	got := mustFind(t, x, n, d, Options{Method: "approx", Recall: 0.99}, best())
	for _, k := range []*KNN{want, got} {
		// A cell of the middle has the 14 after it; the last has the first.
		for i := n / 10; i < n/10+same-14; i++ {
			for q, j := range k.Indices[i*14:][:14] {
				if int(j) != i+q+1 || k.Distances[i*14+q] != 0 {
					t.Fatalf("%s: cell %d has %v", k.Method, i, k.Indices[i*14:][:14])
				}
			}
		}
		if e := k.Equal(); e != same && e != same+1 { // row 0 is equal to them all
			t.Errorf("%s: %d cells have only equals", k.Method, e)
		}
		if in := degrees(k); in > 2000 {
			t.Errorf("%s: a hub of %d", k.Method, in)
		}
		g := mustConnect(t, k, "umap", 0)
		for i := range n {
			if j, _ := g.Row(i); len(j) > 3000 {
				t.Fatalf("%s: cell %d has %d edges", k.Method, i, len(j))
			}
		}
	}
	if r := recall(want, got); math.Abs(r-got.Recall) > 0.01 {
		t.Errorf("recall %.4f, estimated %.4f", r, got.Recall)
	}
}

// TestHub: one cell is the nearest of all others. It comes first everywhere, and its
// row of the connectivities holds them all.
func TestHub(t *testing.T) {
	const n, d, hub = 2500, 300, 1111
	x := normal(9, n, d)
	for i := range n { // on a sphere, the hub in its middle
		norm := math.Sqrt(dot64(x[i*d:][:d], x[i*d:][:d]))
		for k := range d {
			x[i*d+k] /= float32(norm)
		}
	}
	clear(x[hub*d:][:d])
	for _, method := range []string{"exact", "approx"} {
		k := mustFind(t, x, n, d, Options{K: 3, Method: method, Recall: 0.999}, best())
		for i := range n {
			if i != hub && k.Indices[i*2] != hub {
				t.Fatalf("%s: cell %d has %v", method, i, k.Indices[i*2:][:2])
			}
		}
		for _, how := range []string{"umap", "gauss"} {
			if j, _ := mustConnect(t, k, how, 0).Row(hub); len(j) != n-1 {
				t.Errorf("%s, %s: the hub has %d edges", method, how, len(j))
			}
		}
	}
}

// TestZeros: all rows are 0, so every pair is a tie, and the filter's bounds are 0.
func TestZeros(t *testing.T) {
	const n = 1500
	for _, m := range []string{"euclidean", "cosine", "inner_product"} {
		for _, l := range levels() {
			k := mustFind(t, make([]float32, n*3), n, 3, Options{K: 4, Metric: m}, l)
			for i := range n {
				if want := []int32{int32((i + 1) % n), int32((i + 2) % n), int32((i + 3) % n)}; !slices.Equal(k.Indices[i*3:][:3], want) {
					t.Fatalf("%s, %v: cell %d has %v", m, l, i, k.Indices[i*3:][:3])
				}
			}
		}
	}
}

// TestScales: numbers near the ends of float32, outliers, and offsets that take most
// of the digits.
func TestScales(t *testing.T) {
	const n, d = 500, 6
	for name, change := range map[string]func(x []float32){
		"tiny": func(x []float32) {
			for i := range x {
				x[i] *= 1e-22
			}
		},
		"denormal": func(x []float32) {
			for i := range x {
				x[i] *= 1e-41
			}
		},
		"huge": func(x []float32) {
			for i := range x {
				x[i] *= 3e16
			}
		},
		"outliers": func(x []float32) {
			for i := range 20 {
				x[i*d] += 1e4
			}
		},
		"offset": func(x []float32) {
			for i := range x {
				x[i] += 1e5
			}
		},
	} {
		x := clustered(7, n, d, 3)
		change(x)
		for _, m := range []string{"euclidean", "cosine", "inner_product"} {
			want := plain(t, x, n, d, m)
			for _, l := range levels() {
				for _, threads := range []int{1, 3} {
					got := mustFind(t, x, n, d, Options{Metric: m, Threads: threads}, l)
					if !slices.Equal(got.Indices, want) {
						t.Errorf("%s, %s, %v: not what comparing all pairs gives", name, m, l)
					}
				}
			}
		}
	}
}

// plain ranks all pairs by canonical value and ring, with no filter.
func plain(t testing.TB, x []float32, n, d int, name string) []int32 {
	t.Helper()
	m, err := parseMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	src, err := newSource(ctx, x, n, d, m, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := src.take(ctx, portable, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	k := min(14, n/2)
	if n >= 15 {
		k = 14
	}
	var out []int32
	for i := range n {
		keys := make([]uint64, 0, n)
		for j := range n {
			v := lanes(s.dot, s.row(i), s.row(j))
			if s.dot {
				v = -v
			}
			if j != i {
				keys = append(keys, key(v, ring(int32(i), int32(j), n)))
			}
		}
		slices.Sort(keys)
		for _, v := range keys[:k] {
			out = append(out, unring(int32(i), place(v), n))
		}
	}
	return out
}

// TestZeroRows: rows without a direction are at distance 1 from others, 0 from each
// other, by cosine and by correlation.
func TestZeroRows(t *testing.T) {
	const n, d = 200, 16 // 20 such rows, so that their neighbours are no ties but for rounding
	for name, dist := range map[string]func(a, b []float32) float64{"cosine": cosine64, "correlation": correlation64} {
		x := normal(5, n, d)
		for i := 0; i < n; i += 10 {
			for k := range d {
				x[i*d+k] = 0
				if name == "correlation" {
					x[i*d+k] = 0.1 * float32(i) // constant: 0 once centred
				}
			}
		}
		idx, vals := brute(x, n, d, 9, dist)
		sameUpTo(t, mustFind(t, x, n, d, Options{K: 10, Metric: name}, best()), idx, vals, 1e-6)
	}
}

func TestRefusals(t *testing.T) {
	bad := func(v float32) []float32 {
		x := normal(1, 3000, 4)
		x[2222*4+3], x[2900*4] = v, v
		return x
	}
	nan := float32(math.NaN())
	for _, c := range []struct {
		x    []float32
		o    Options
		kind error
		text string
	}{
		{bad(nan), Options{}, errs.Data, "cell 2222: the value in dimension 3 is NaN"},
		{bad(nan), Options{Method: "approx", Metric: "cosine"}, errs.Data, "cell 2222"},
		{bad(inf32), Options{Threads: 3}, errs.Data, "cell 2222: the value in dimension 3 is +Inf"},
		{bad(-inf32), Options{Metric: "correlation"}, errs.Data, "cell 2222"},
		{bad(1e19), Options{}, errs.Data, "cell 2222: its values are too large"},
		{bad(1), Options{Metric: "manhattan"}, errs.Usage, "no metric"},
		{bad(1), Options{Method: "best"}, errs.Usage, "no method"},
		{bad(1), Options{K: 1}, errs.Usage, "leave none"},
		{bad(1), Options{K: -4}, errs.Usage, "leave none"},
		{bad(1), Options{Recall: 1.5}, errs.Usage, "recall"},
		{bad(1), Options{Recall: math.NaN()}, errs.Usage, "recall"},
		{bad(1)[1:], Options{}, errs.Usage, "are not 3000 cells"},
		{bad(1), Options{Ledger: memory.New(1 << 10)}, errs.Budget, "neighbour search needs"},
	} {
		_, err := Find(ctx, c.x, 3000, 4, c.o)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.text)
		}
		if _, err := NewIndex(ctx, c.x, 3000, 4, c.o); !errors.Is(err, c.kind) {
			t.Errorf("index with %+v: %v", c.o, err)
		}
	}
	for _, d := range []int{0, -1} {
		if _, err := Find(ctx, nil, 0, d, Options{}); !errors.Is(err, errs.Usage) {
			t.Errorf("%d dimensions: %v", d, err)
		}
	}
}

// TestLedger: everything is given back, on success, failure and fallback.
func TestLedger(t *testing.T) {
	const n, d = 4000, 12
	x := clustered(1, n, d, 4)
	l := memory.New(0)
	for _, o := range []Options{{Method: "exact"}, {Method: "approx"}, {Method: "approx", Recall: 1}} {
		o.Ledger = l
		mustFind(t, x, n, d, o, best())
		ix, err := NewIndex(ctx, x, n, d, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ix.Query(ctx, x[:100*d], 100, 5); err != nil || len(l.Leaks()) != 1 {
			t.Error(err, l.Leaks())
		}
		ix.Close()
		ix.Close()
		ended, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := Find(ended, x, n, d, o); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: %v", err)
		}
		if _, err := NewIndex(ended, x, n, d, o); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: %v", err)
		}
	}
	if len(l.Leaks()) > 0 {
		t.Error(l.Leaks())
	}
	if m := Memory(n, d, 15, "exact"); l.Peak() < m {
		t.Errorf("peak %d, Memory says %d", l.Peak(), m)
	}
}

// TestCancel: a search ends soon after its context does.
func TestCancel(t *testing.T) {
	const n, d = 30_000, 50
	x := normal(1, n, d)
	for _, method := range []string{"exact", "approx"} {
		c, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		start := time.Now()
		_, err := find(c, x, n, d, Options{Method: method, K: 50}, portable)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", method, err)
		}
		if s := time.Since(start); s > 3*time.Second { // a second on a machine of one's own
			t.Errorf("%s: ended after %v", method, s)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add(uint64(1), 10, 3, 4, byte(0), byte(0))
	f.Add(uint64(2), 100, 1, 15, byte(1), byte(2))
	f.Add(uint64(3), 50, 17, 60, byte(2), byte(1))
	f.Add(uint64(4), 970, 2, 7, byte(3), byte(3))
	f.Add(uint64(36), 50, 70, 7, byte(87), byte(1)) // a product above the largest norm
	f.Fuzz(func(t *testing.T, seed uint64, n, d, k int, metric, grid byte) {
		n, d, k = 1+abs(n)%1200, 1+abs(d)%70, 2+abs(k)%40
		x := normal(seed, n, d)
		if grid%4 > 0 { // many ties
			for i, v := range x {
				x[i] = float32(math.Round(float64(v)*float64(grid%4))) * 0.37
			}
		}
		name := []string{"euclidean", "cosine", "correlation", "inner_product"}[metric%4]
		var first *KNN
		for _, l := range levels() {
			got := mustFind(t, x, n, d, Options{K: k, Metric: name, Method: "exact", Threads: 1 + int(seed%3)}, l)
			if first == nil {
				first = got
			}
			if !equal(got, first) {
				t.Fatalf("%v differs from portable", l)
			}
		}
		for _, how := range []string{"umap", "gauss", "jaccard"} {
			mustConnect(t, first, how, 2)
		}
		if err := first.DistanceGraph().Check(); err != nil {
			t.Fatal(err)
		}
		if k != 15 || n < 15 {
			return
		}
		if want := plain(t, x, n, d, name); !slices.Equal(first.Indices, want) {
			t.Fatal("not what comparing all pairs gives")
		}
	})
}

func abs(n int) int { return max(n, -n, 0) }
