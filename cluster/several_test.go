package cluster

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// TestSeveral: the results of single runs, however many go side by side.
func TestSeveral(t *testing.T) {
	g, _ := mixture(3000, 8, 0.1, 15, 11)
	at := []float64{0.2, 0, 1.5, 3, 0.2}
	var want []*Result
	for _, r := range at {
		want = append(want, sound(t, g, Options{Resolution: r}))
	}
	least := baseMemory(g.N, 0) + runMemory(g.N, 1) + g.Edges()*2*edgeBytes
	for _, o := range []Options{
		{Threads: 1}, {Threads: 3}, {Threads: 16}, {Threads: 5, Ledger: memory.New(least)},
	} {
		got, err := Several(t.Context(), g, at, o)
		if err != nil {
			t.Fatalf("%d threads: %v", o.Threads, err)
		}
		for i, r := range got {
			if !slices.Equal(r.Labels, want[i].Labels) || r.Quality != want[i].Quality || r.Modularity != want[i].Modularity {
				t.Errorf("%d threads: resolution %g gives other communities than alone", o.Threads, at[i])
			}
		}
		if o.Ledger != nil && (o.Ledger.Leaks() != nil && len(o.Ledger.Leaks()) > 0 || o.Ledger.Peak() > least) {
			t.Errorf("left: %v, peak %d of %d", o.Ledger.Leaks(), o.Ledger.Peak(), least)
		}
	}
	if got, err := Several(t.Context(), g, nil, Options{}); err != nil || len(got) != 0 {
		t.Errorf("none: %v, %v", got, err)
	}
	if _, err := Several(t.Context(), g, []float64{1, -1}, Options{}); !errors.Is(err, errs.Usage) {
		t.Errorf("one below 0: %v", err)
	}
}

// TestMemory: what is allocated was reserved, what is reserved is within Memory, and
// too small a budget is an error at any point.
func TestMemory(t *testing.T) {
	g, _ := mixture(6000, 8, 0.1, 15, 12)
	order := make([]int32, g.N)
	for i := range order {
		order[i] = int32(i)
	}
	for name, o := range map[string]Options{"plain": {}, "ordered": {Order: order}} {
		o.Ledger = memory.New(0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		sound(t, g, o)
		o.Ledger = memory.New(0)
		runtime.ReadMemStats(&before)
		if _, err := Leiden(t.Context(), g, o); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		peak := o.Ledger.Peak()
		if got := int64(after.TotalAlloc - before.TotalAlloc); got > peak+peak/20 {
			t.Errorf("%s: %d bytes allocated, %d reserved", name, got, peak)
		}
		if limit := Memory(g.N, g.Edges()); peak > limit || peak < limit/4 {
			t.Errorf("%s: %d bytes reserved, Memory says %d", name, peak, limit)
		}
		for _, part := range []float64{0.05, 0.3, 0.6, 0.9, 0.99} {
			o.Ledger = memory.New(int64(part * float64(peak)))
			if _, err := Leiden(t.Context(), g, o); !errors.Is(err, errs.Budget) {
				t.Errorf("%s: %g of the memory: %v", name, part, err)
			}
			if l := o.Ledger.Leaks(); len(l) > 0 {
				t.Errorf("%s: left %v", name, l)
			}
		}
	}
}

func TestModularity(t *testing.T) {
	g := karate()
	one := make([]int32, g.N)
	if q := Modularity(g, one, 1); math.Abs(q) > 1e-15 {
		t.Errorf("all together: %v", q)
	}
	odd := make([]int32, g.N)
	for i := range odd {
		odd[i] = int32(i%2)*2_000_000_000 - 1_000_000_000
		one[i] = int32(i % 2)
	}
	if a, b := Modularity(g, odd, 1), Modularity(g, one, 1); a != b {
		t.Errorf("labels of any number: %v, from 0: %v", a, b)
	}
	if q := Modularity(g, one, 0); !(q > 0.2 && q < 0.8) {
		t.Errorf("resolution 0 gives the weight inside, not %v", q)
	}
	if !math.IsNaN(Modularity(g, one[:3], 1)) || !math.IsNaN(Modularity(nil, nil, 1)) {
		t.Error("no number for labels that are not one per cell")
	}
	if q := Modularity(&graph.CSR{Indptr: []int64{0}}, nil, 1); q != 0 {
		t.Errorf("no cells: %v", q)
	}
}

func TestExp(t *testing.T) {
	for x := 0.0; x > -60; x -= 0.00371 {
		want := math.Exp(x)
		if x < -45 {
			want = 0
		}
		if got := exp(x); math.Abs(got-want) > 1e-15*want {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	if exp(math.Inf(-1)) != 0 || exp(0) != 1 {
		t.Error("the ends")
	}
}

// TestShuffle: every place is about equally likely for every member.
func TestShuffle(t *testing.T) {
	const n, times = 6, 6000
	var at [n][n]int
	for key := range uint64(times) {
		s := []int32{0, 1, 2, 3, 4, 5}
		shuffle(s, key)
		for i, v := range s {
			at[v][i]++
		}
	}
	for v := range at {
		for i, c := range at[v] {
			if math.Abs(float64(c)-times/n) > 6*math.Sqrt(times/n) {
				t.Errorf("%d came to place %d %d times of %d", v, i, c, times)
			}
		}
	}
}
