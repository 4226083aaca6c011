package cluster

import (
	"context"
	"errors"
	"hash/fnv"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
)

// karate is Zachary's club (1977), edges a < b.
func karate() *graph.CSR {
	rows := [][]int32{
		{1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31},
		{2, 3, 7, 13, 17, 19, 21, 30},
		{3, 7, 8, 9, 13, 27, 28, 32},
		{7, 12, 13},
		{6, 10},
		{6, 10, 16},
		{16},
		{},
		{30, 32, 33},
		{33},
		{},
		{},
		{},
		{33},
		{32, 33},
		{32, 33},
		{},
		{},
		{32, 33},
		{33},
		{32, 33},
		{},
		{32, 33},
		{25, 27, 29, 32, 33},
		{25, 27, 31},
		{31},
		{29, 33},
		{33},
		{31, 33},
		{32, 33},
		{32, 33},
		{32, 33},
		{33},
	}
	var edges []edge
	for a, row := range rows {
		for _, b := range row {
			edges = append(edges, edge{int32(a), b, 1})
		}
	}
	return build(34, edges)
}

// TestKarate: the best partition is known (Brandes and others 2008): 0.4198 in four.
func TestKarate(t *testing.T) {
	g := karate()
	if g.Edges() != 2*78 {
		t.Fatalf("%d edges", g.Edges()/2)
	}
	for _, louvain := range []bool{false, true} {
		best := 0.0
		for seed := range uint64(8) {
			r := sound(t, g, Options{Seed: seed, Iterations: -1, Louvain: louvain})
			best = max(best, r.Modularity)
			if r.Modularity < 0.41 && !louvain {
				t.Errorf("seed %d: modularity %v", seed, r.Modularity)
			}
		}
		if math.Abs(best-0.4197896) > 1e-6 {
			t.Errorf("best modularity %.7f, the optimum is 0.4197896", best)
		}
	}
}

// TestCliques: each clique is a community; at a small resolution neighbours join.
func TestCliques(t *testing.T) {
	const count, size = 30, 10
	g := cliques(count, size)
	for _, o := range []Options{{}, {Louvain: true}, {Objective: CPM, Resolution: 0.1}} {
		r := sound(t, g, o)
		for i, c := range r.Labels {
			if c != int32(i/size) {
				t.Fatalf("%+v: cell %d is in community %d", o, i, c)
			}
		}
	}
	if r := sound(t, g, Options{Resolution: 0.1}); r.Clusters >= count {
		t.Errorf("%d communities at resolution 0.1", r.Clusters)
	}
	for _, o := range []Options{{Resolution: 1e6}, {Objective: CPM, Resolution: 1.5}} {
		if r := sound(t, g, o); r.Clusters != g.N {
			t.Errorf("%+v: %d communities of %d cells", o, r.Clusters, g.N)
		}
	}
}

// TestTruth: planted communities are found again.
func TestTruth(t *testing.T) {
	far, cells := mixture(3000, 12, 0.01, 15, 5)
	lfr, planted := planted(3000, 0.25, 5)
	for name, c := range map[string]struct {
		g     *graph.CSR
		truth []int32
		o     Options
		least float64
	}{
		"mixture":                 {far, cells, Options{Resolution: 0.2}, 0.97},
		"power laws":              {lfr, planted, Options{}, 0.95},
		"power laws, convergence": {lfr, planted, Options{Iterations: -1}, 0.95},
		"power laws, Louvain":     {lfr, planted, Options{Louvain: true}, 0.95},
	} {
		var ari []float64
		for seed := range uint64(8) {
			c.o.Seed = seed
			ari = append(ari, adjustedRand(sound(t, c.g, c.o).Labels, c.truth))
		}
		if m := median(ari); m < c.least {
			t.Errorf("%s: adjusted Rand index %.3f", name, m)
		}
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return (x[len(x)/2] + x[(len(x)-1)/2]) / 2
}

// TestOdd: graphs that trip loops.
func TestOdd(t *testing.T) {
	var complete, star, loops []edge
	for a := range int32(40) {
		for b := range a {
			complete = append(complete, edge{a, b, 1})
		}
		star = append(star, edge{0, a + 1, 1})
		loops = append(loops, edge{a, a, 2})
	}
	two := append(slices.Clone(complete[:45]), edge{20, 21, 1}, edge{21, 22, 1}, edge{20, 22, 1})
	tiny, huge := slices.Clone(two), slices.Clone(two)
	for i := range two {
		tiny[i].w, huge[i].w = math.SmallestNonzeroFloat32, math.MaxFloat32
	}
	for name, c := range map[string]struct {
		n, want int
		edges   []edge
	}{
		"no cells":       {0, 0, nil},
		"one cell":       {1, 1, nil},
		"one loop":       {1, 1, loops[:1]},
		"pair":           {2, 1, complete[:1]},
		"no edges":       {5, 5, nil},
		"only loops":     {40, 40, loops},
		"zero weights":   {3, 3, []edge{{0, 1, 0}, {1, 2, 0}}},
		"complete":       {40, 1, complete},
		"star":           {41, 1, star},
		"components":     {40, 1 + 1 + 27, two},
		"tiny weights":   {40, 1 + 1 + 27, tiny},
		"huge weights":   {40, 1 + 1 + 27, huge},
		"loops bind not": {40, 40, append(slices.Clone(loops), edge{0, 1, 0})},
		"zeros bind not": {40, 2 + 27, append(slices.Clone(two), edge{9, 20, 0}, edge{30, 31, 0})},
	} {
		for _, o := range []Options{{}, {Iterations: -1}, {Louvain: true}, {Objective: CPM, Resolution: 1e-60}} {
			r := sound(t, build(c.n, c.edges), o)
			if r.Clusters != c.want && !(name == "star" && o.Objective != CPM) {
				t.Errorf("%s, %+v: %d communities, not %d", name, o, r.Clusters, c.want)
			}
			if math.IsNaN(r.Quality) || math.IsNaN(r.Modularity) {
				t.Errorf("%s: quality %v, modularity %v", name, r.Quality, r.Modularity)
			}
		}
	}
}

// TestIdentical: 15,000 equal cells, with neighbours in cyclic order and with the
// smallest numbers as everyone's neighbours, which makes hubs of 15 of them.
func TestIdentical(t *testing.T) {
	const n, k = 15000, 15
	var ring, hubs []edge
	for i := range int32(n) {
		for d := range int32(k) {
			ring = append(ring, edge{i, (i + d + 1) % n, 1})
			if d != i {
				hubs = append(hubs, edge{i, d, 1})
			}
		}
	}
	if r := sound(t, build(n, ring), Options{}); r.Modularity < 0.95 {
		t.Errorf("cyclic: modularity %v", r.Modularity)
	}
	if r := sound(t, build(n, hubs), Options{}); r.Clusters > 2*k {
		t.Errorf("hubs: %d communities", r.Clusters)
	}
}

// TestMachines: the same communities on every machine, as the hash says.
func TestMachines(t *testing.T) {
	r := rng(31)
	const n = 3000
	var edges []edge
	for i := range int32(n) {
		for range 8 {
			edges = append(edges, edge{i, (i + 1 + r.Int32N(40)) % n, float32(1+r.IntN(16)) / 16})
		}
	}
	h := fnv.New64a()
	for _, c := range sound(t, build(n, edges), Options{}).Labels {
		h.Write([]byte{byte(c), byte(c >> 8)})
	}
	if got := h.Sum64(); got != 0xac434f13cb2eb3b7 {
		t.Errorf("communities with hash %#x", got)
	}
}

// TestThreads: the same bits for any number of threads.
func TestThreads(t *testing.T) {
	g, _ := mixture(4000, 8, 0.1, 15, 2)
	order := make([]int32, g.N)
	for i := range order {
		order[i] = int32((i*7 + 3) % g.N)
	}
	for name, o := range map[string]Options{
		"as scanpy": {}, "ordered": {Order: order}, "Louvain": {Louvain: true}, "CPM": {Objective: CPM, Resolution: 0.05},
	} {
		var first uint64
		for _, threads := range []int{1, 2, 3, 7} {
			o.Threads = threads
			r := sound(t, g, o)
			h := fnv.New64a()
			for _, c := range r.Labels {
				h.Write([]byte{byte(c), byte(c >> 8)})
			}
			if threads == 1 {
				first = h.Sum64()
			} else if h.Sum64() != first {
				t.Errorf("%s: other communities with %d threads", name, threads)
			}
		}
	}
	a, b := sound(t, g, Options{Seed: 1}), sound(t, g, Options{Seed: 2})
	if slices.Equal(a.Labels, b.Labels) {
		t.Error("two seeds gave the same communities of a continuous graph")
	}
}

// TestOrder: the order as the cells are changes nothing, another changes no quality.
func TestOrder(t *testing.T) {
	g, _ := mixture(4000, 8, 0.1, 15, 3)
	same, other := make([]int32, g.N), make([]int32, g.N)
	for i := range same {
		same[i], other[i] = int32(i), int32(i)
	}
	shuffle(other, 9)
	plain := sound(t, g, Options{})
	if r := sound(t, g, Options{Order: same}); !slices.Equal(r.Labels, plain.Labels) {
		t.Error("the order as it is gives other communities")
	}
	var with, without []float64
	for seed := range uint64(8) {
		with = append(with, sound(t, g, Options{Seed: seed, Order: other}).Quality)
		without = append(without, sound(t, g, Options{Seed: seed}).Quality)
	}
	if a, b := median(with), median(without); math.Abs(a-b) > 0.003 {
		t.Errorf("median quality %v with another order, %v without", a, b)
	}
}

// TestRounding: weights of the two directions may differ by rounding, no more.
func TestRounding(t *testing.T) {
	g, _ := mixture(1000, 5, 0.1, 10, 4)
	for i := range g.Weights {
		if i%3 == 0 {
			g.Weights[i] = math.Nextafter32(g.Weights[i], 2)
		}
	}
	sound(t, g, Options{Iterations: -1})
	g.Weights[len(g.Weights)/2] *= 1.01
	if _, err := Leiden(t.Context(), g, Options{}); !errors.Is(err, errs.Data) {
		t.Errorf("another weight: %v", err)
	}
	one := &graph.CSR{N: 3, Indptr: []int64{0, 2, 3, 3}, Indices: []int32{1, 2, 0}, Weights: []float32{1, 1, 1}}
	if _, err := Leiden(t.Context(), one, Options{}); !errors.Is(err, errs.Data) {
		t.Errorf("an edge in one direction: %v", err)
	}
}

// TestAsymmetric: one edge, of any graph, that is spoilt in one direction is found.
func TestAsymmetric(t *testing.T) {
	r := rng(41)
	for range 300 {
		g := randomGraph(r, 40)
		at := 0
		if g.Edges() > 0 {
			at = r.IntN(int(g.Edges()))
		}
		row := 0
		for g.Indptr[row+1] <= int64(at) && row < g.N-1 {
			row++
		}
		if g.Edges() == 0 || int(g.Indices[at]) == row {
			continue
		}
		if _, err := inspect(t.Context(), g, 2); err != nil {
			t.Fatal(err)
		}
		g.Weights[at] = g.Weights[at]*2 + 0.1
		if _, err := inspect(t.Context(), g, 2); !errors.Is(err, errs.Data) {
			t.Fatalf("another weight: %v", err)
		}
		g.Indices, g.Weights = slices.Delete(g.Indices, at, at+1), slices.Delete(g.Weights, at, at+1)
		for i := row + 1; i <= g.N; i++ {
			g.Indptr[i]--
		}
		if _, err := inspect(t.Context(), g, 2); !errors.Is(err, errs.Data) {
			t.Fatalf("one direction: %v", err)
		}
	}
}

// TestRefuse: what cannot be is said.
func TestRefuse(t *testing.T) {
	g := karate()
	for name, o := range map[string]Options{
		"resolution": {Resolution: -1}, "nan": {Resolution: math.NaN()}, "infinite": {Resolution: math.Inf(1)},
		"objective": {Objective: "RBER"}, "iterations": {Iterations: -2}, "theta": {Theta: -1}, "nan theta": {Theta: math.NaN()},
		"short order": {Order: []int32{0}}, "twice": {Order: make([]int32, 34)}, "no such": {Order: append(make([]int32, 33), 34)},
	} {
		if _, err := Leiden(t.Context(), g, o); !errors.Is(err, errs.Usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Leiden(t.Context(), nil, Options{}); !errors.Is(err, errs.Usage) {
		t.Errorf("no graph: %v", err)
	}
	for name, bad := range map[string]*graph.CSR{
		"nothing": {}, "negative": {N: -1, Indptr: []int64{}}, "short": {N: 7, Indptr: []int64{0, 0}},
		"neighbour": {N: 2, Indptr: []int64{0, 1, 2}, Indices: []int32{5, 0}, Weights: []float32{1, 1}},
	} {
		if _, err := Leiden(t.Context(), bad, Options{}); !errors.Is(err, errs.Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCancel: an ended context ends the search at once.
func TestCancel(t *testing.T) {
	g, _ := planted(20000, 0.6, 6)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Leiden(ctx, g, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("before: %v", err)
	}
	for _, wait := range []time.Duration{5, 30, 80, 150} {
		ctx, cancel := context.WithCancel(t.Context())
		var at time.Time
		time.AfterFunc(wait*time.Millisecond, func() { at = time.Now(); cancel() })
		_, err := Several(ctx, g, []float64{1, 2, 3, 4, 5, 6, 7, 8}, Options{Iterations: 1000})
		if !errors.Is(err, context.Canceled) || time.Since(at) > time.Second {
			t.Errorf("after %d ms: %v, %v late", wait, err, time.Since(at))
		}
	}
}
