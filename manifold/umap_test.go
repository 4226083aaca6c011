package manifold

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gpusc/gpusc/graph"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

func layoutOf(t *testing.T, g *graph.CSR, o UMAPOptions, l level) *Layout {
	t.Helper()
	y, err := umap(context.Background(), g, o, l)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range y.Positions {
		if !(math.Abs(float64(v)) < 1e6) {
			t.Fatalf("value %d is %g", i, v)
		}
	}
	return y
}

// TestBits: threads and instruction sets leave no trace, for every start, in two and
// three dimensions, with an order of memory and without.
func TestBits(t *testing.T) {
	g, x, _ := generated(t, 1000, 8, 7)
	order := shuffled(g.N, 5)
	cases := []UMAPOptions{
		{},
		{Components: 3, NegativeSampleRate: 3},
		{Init: "pca", Order: order, Epochs: 40},
		{Init: "random", Epochs: 40, MinDist: new(0.1), Seed: 9},
		{Positions: x[:2*g.N], Epochs: 40, LearningRate: 0.5},
		{Components: 3, Order: order, Epochs: 7},
	}
	seen := map[uint64]int{}
	for k, o := range cases {
		o.PCA, o.PCADim, o.Threads = x, 8, 1
		if o.Epochs == 0 {
			o.Epochs = 30
		}
		want := bitsOf(layoutOf(t, g, o, portable).Positions)
		if before, twice := seen[want]; twice {
			t.Errorf("cases %d and %d give the same layout", before, k)
		}
		seen[want] = k
		for _, l := range levels() {
			for _, threads := range []int{1, 2, 3, 7} {
				o.Threads = threads
				if got := bitsOf(layoutOf(t, g, o, l).Positions); got != want {
					t.Errorf("case %d: %v with %d threads: %x, want %x", k, l, threads, got, want)
				}
			}
		}
	}
}

// TestOrder: the order of memory moves every cell's place in it, and nothing of quality.
func TestOrder(t *testing.T) {
	g, x, _ := generated(t, 1500, 8, 7)
	a := layoutOf(t, g, UMAPOptions{PCA: x, PCADim: 8}, best())
	b := layoutOf(t, g, UMAPOptions{PCA: x, PCADim: 8, Order: shuffled(g.N, 1)}, best())
	c := layoutOf(t, g, UMAPOptions{PCA: x, PCADim: 8, Order: identity(g.N)}, best())
	if bitsOf(a.Positions) != bitsOf(c.Positions) {
		t.Error("the cells' own order is not the same as none")
	}
	qa, qb := judge(x, 8, a.Positions, 2, g.N), judge(x, 8, b.Positions, 2, g.N)
	if math.Abs(qa.trust-qb.trust) > 0.01 || math.Abs(qa.kept50-qb.kept50) > 0.03 {
		t.Errorf("in order %+v, shuffled %+v", qa, qb)
	}
}

func TestDefaults(t *testing.T) {
	o, err := UMAPOptions{}.withDefaults(10_000)
	if err != nil || o.Components != 2 || o.Epochs != 500 || o.NegativeSampleRate != 5 || o.LearningRate != 1 || o.Init != "spectral" {
		t.Errorf("%+v %v", o, err)
	}
	if math.Abs(o.A-0.5830) > 1e-4 || math.Abs(o.B-1.3342) > 1e-4 {
		t.Errorf("a %g b %g", o.A, o.B)
	}
	if o, _ = (UMAPOptions{}).withDefaults(10_001); o.Epochs != 200 {
		t.Errorf("%d epochs", o.Epochs)
	}
	scores := UMAPOptions{PCA: []float32{1}, PCADim: 2}
	if o, _ = scores.withDefaults(spectralMost); o.Init != "spectral" {
		t.Error(o.Init)
	}
	if o, _ = scores.withDefaults(spectralMost + 1); o.Init != "pca" {
		t.Error(o.Init)
	}
	if o, _ = (UMAPOptions{}).withDefaults(spectralMost + 1); o.Init != "spectral" {
		t.Error(o.Init)
	}
	if o, _ = (UMAPOptions{MinDist: new(0.0)}).withDefaults(5); math.Abs(o.A-1.932) > 1e-2 {
		t.Errorf("min_dist 0 gives a %g", o.A)
	}
	if o, _ = (UMAPOptions{A: 2, B: 0.9, MinDist: new(7.0)}).withDefaults(5); o.A != 2 || o.B != 0.9 {
		t.Errorf("a %g b %g", o.A, o.B)
	}
}

func TestRefusals(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for want, o := range map[string]UMAPOptions{
		"4 dimensions":         {Components: 4},
		"min_dist 2":           {MinDist: new(2.0)},
		"min_dist -1":          {MinDist: new(-1.0)},
		"min_dist NaN":         {MinDist: new(math.NaN())},
		"spread -1":            {Spread: -1},
		"curve with a = 1":     {A: 1},
		"-1 epochs":            {Epochs: -1},
		"sample rate of -1":    {NegativeSampleRate: -1},
		"sample rate of 90000": {NegativeSampleRate: 90000},
		"rate of NaN":          {LearningRate: math.NaN()},
		"rate of -1":           {LearningRate: -1},
		"init \"tsne\"":        {Init: "tsne"},
		"init pca needs":       {Init: "pca"},
		"PCA has 5":            {PCA: make([]float32, 5), PCADim: 2},
		"PCA has NaN":          {PCA: []float32{0, 0, 0, nan, 0, 0}, PCADim: 2},
		"Positions has 1 ":     {Positions: make([]float32, 1)},
		"Positions has +Inf":   {Positions: []float32{0, 0, 0, 0, 0, inf}},
		"Order has 1":          {Order: []int32{0}},
		"not a permutation":    {Order: []int32{0, 0, 1}},
		"of 3":                 {Order: []int32{0, 1, 3}},
	} {
		_, err := UMAP(context.Background(), pairAndOne(), o)
		if err == nil || !strings.Contains(err.Error(), want) || !(errors.Is(err, errs.Usage) || errors.Is(err, errs.Data)) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if _, err := UMAP(context.Background(), nil, UMAPOptions{}); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
	g := pairAndOne()
	g.Weights[0] = 0.5
	if _, err := UMAP(context.Background(), g, UMAPOptions{}); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), "not symmetric") {
		t.Error(err)
	}
	g.Indices[0] = 9
	if _, err := UMAP(context.Background(), g, UMAPOptions{}); !errors.Is(err, errs.Data) {
		t.Error(err)
	}
	// Weights that differ in the last bit only are let pass.
	g = pairAndOne()
	g.Weights[0] = math.Nextafter32(1, 2)
	if _, err := UMAP(context.Background(), g, UMAPOptions{}); err != nil {
		t.Error(err)
	}
}

// pairAndOne is two cells with an edge and one without.
func pairAndOne() *graph.CSR {
	return &graph.CSR{N: 3, Indptr: []int64{0, 1, 2, 2}, Indices: []int32{1, 0}, Weights: []float32{1, 1}}
}

func TestLedger(t *testing.T) {
	g, x, _ := generated(t, 600, 5, 3)
	for _, d := range []int{2, 3} {
		need := UMAPMemory(int64(g.N), g.Edges(), d, 2)
		l := memory.New(need)
		o := UMAPOptions{Components: d, PCA: x, PCADim: 5, Ledger: l, Threads: 2, Epochs: 5}
		if _, err := UMAP(context.Background(), g, o); err != nil {
			t.Fatal(err)
		}
		if len(l.Leaks()) > 0 || l.Peak() > need || l.Peak() < need/2 {
			t.Errorf("leaks %v, peak %d of %d", l.Leaks(), l.Peak(), need)
		}
		o.Ledger = memory.New(need / 2)
		if _, err := UMAP(context.Background(), g, o); !errors.Is(err, errs.Budget) || len(o.Ledger.Leaks()) > 0 {
			t.Error(err, o.Ledger.Leaks())
		}
	}
}

// TestCancel: the context is heeded within a second, in the middle of the epochs.
func TestCancel(t *testing.T) {
	g, x, _ := generated(t, 2000, 5, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := UMAP(ctx, g, UMAPOptions{PCA: x, PCADim: 5, Epochs: mostEpochs})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 1150*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
	ctx, cancel = context.WithCancel(context.Background())
	cancel()
	for _, init := range []string{"", "pca", "random"} {
		if _, err := UMAP(ctx, g, UMAPOptions{PCA: x, PCADim: 5, Init: init}); !errors.Is(err, context.Canceled) {
			t.Error(init, err)
		}
	}
}

// complete is a graph of n cells with all edges.
func complete(n int) *graph.CSR {
	return union(n, func(add func(i, j int32, w float64)) {
		for i := range n {
			for j := range i {
				add(int32(i), int32(j), 1)
			}
		}
	})
}

func ring(from, to int, add func(i, j int32, w float64)) {
	for i := from; i < to; i++ {
		for s := 1; s <= 3; s++ {
			j := from + (i-from+s)%(to-from)
			add(int32(i), int32(j), 1/float64(s))
		}
	}
}

// TestDegenerate: small, disconnected, empty and hubbed graphs give positions that are
// finite, and none far from the others.
func TestDegenerate(t *testing.T) {
	cases := map[string]*graph.CSR{
		"isolated":   {N: 1000, Indptr: make([]int64, 1001)},
		"pair":       pairAndOne(),
		"complete":   complete(60),
		"zeros":      {N: 2, Indptr: []int64{0, 1, 2}, Indices: []int32{1, 0}, Weights: []float32{0, 0}},
		"self":       {N: 2, Indptr: []int64{0, 2, 4}, Indices: []int32{0, 1, 0, 1}, Weights: []float32{1, 1, 1, 1}},
		"tiny":       {N: 2, Indptr: []int64{0, 1, 2}, Indices: []int32{1, 0}, Weights: []float32{1e-45, 1e-45}},
		"large":      {N: 2, Indptr: []int64{0, 1, 2}, Indices: []int32{1, 0}, Weights: []float32{3e38, 3e38}},
		"duplicates": fuzzyOf(make([]float32, 3*900), 900, 3),
		"hub": union(1000, func(add func(i, j int32, w float64)) {
			ring(0, 1000, add)
			for i := int32(1); i < 1000; i++ {
				add(0, i, 1)
			}
		}),
		"rings": union(1200, func(add func(i, j int32, w float64)) {
			for r := range 12 {
				ring(100*r, 100*r+100, add)
			}
		}),
		"pairs": union(400, func(add func(i, j int32, w float64)) {
			for i := int32(0); i < 400; i += 2 {
				add(i, i+1, 1)
			}
		}),
		"weak bridge": union(600, func(add func(i, j int32, w float64)) {
			ring(0, 300, add)
			ring(300, 600, add)
			add(0, 300, 1e-6)
		}),
		"tiny ring": union(70, func(add func(i, j int32, w float64)) {
			for i := range 70 {
				add(int32(i), int32((i+1)%70), 1e-42)
			}
		}),
	}
	for n := range 6 {
		cases[fmt.Sprint(n)] = complete(n)
	}
	for name, g := range cases {
		for _, d := range []int{2, 3} {
			for _, scores := range [][]float32{nil, make([]float32, 4*g.N), noise(4 * g.N)} {
				for _, init := range []string{"", "random"} {
					l := layoutOf(t, g, UMAPOptions{Components: d, PCA: scores, PCADim: min(4, len(scores)), Init: init, Epochs: 200}, best())
					if g.N < 100 {
						continue
					}
					// In a cube the corners alone are 1.2 times as far as the 99th percentile.
					if s := spreadOf(l.Positions, d, g.N); s > 0.8+0.2*float64(d) {
						t.Errorf("%s, %d dimensions, %q, scores %v: widest / p99 is %.2f", name, d, init, scores != nil, s)
					}
				}
			}
		}
	}
}

func noise(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(signed(hash(8, uint64(i), 0)))
	}
	return x
}

func fuzzyOf(x []float32, n, d int) *graph.CSR {
	idx, dist := nearest(x, n, x, n, d, 14, true)
	return fuzzy(idx, dist, n, 14)
}

// TestManyEqual: 400 cells at one point among 1,100 others make no hub and no outlier.
func TestManyEqual(t *testing.T) {
	x, _ := groupsOf(1500, 6, 2, 4)
	clear(x[:6*400])
	g := fuzzyOf(x, 1500, 6)
	l := layoutOf(t, g, UMAPOptions{PCA: x, PCADim: 6}, best())
	if s := spreadOf(l.Positions, 2, l.N); s > 1.2 {
		t.Errorf("widest / p99 is %.2f", s)
	}
}

// TestGroups: cells of one group lie together, and in a layout of the group's graph, the
// neighbours of a cell are those of its scores.
func TestGroups(t *testing.T) {
	g, x, label := generated(t, 2000, 8, 6)
	for _, init := range []string{"", "pca", "random"} {
		l := layoutOf(t, g, UMAPOptions{PCA: x, PCADim: 8, Init: init}, best())
		q := judge(x, 8, l.Positions, 2, l.N)
		if q.trust < 0.95 || q.kept50 < 0.5 {
			t.Errorf("%q: %+v", init, q)
		}
		same := 0
		for i := 0; i < l.N; i += 10 {
			for _, j := range byDistance(l.Positions, 2, l.N, i)[:10] {
				if label[j] == label[i] {
					same++
				}
			}
		}
		if float64(same) < 0.93*float64(l.N) {
			t.Errorf("%q: %d of %d neighbours are of the cell's own group", init, same, l.N)
		}
	}
}

// FuzzUMAP: whatever the symmetric graph, the layout is finite, and the same for Go and
// vectors.
func FuzzUMAP(f *testing.F) {
	f.Add(uint64(1), uint8(5), uint16(9), 0.5, uint8(0))
	f.Add(uint64(2), uint8(90), uint16(300), 1e-30, uint8(1))
	f.Add(uint64(3), uint8(200), uint16(3000), 1e38, uint8(6))
	f.Add(uint64(4), uint8(40), uint16(2), 1.0, uint8(3))
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, m uint16, scale float64, how uint8) {
		g := randomGraph(seed, int(n), int(m), scale)
		if g.Check() != nil {
			t.Skip()
		}
		o := UMAPOptions{
			Components: 2 + int(how%2), Init: []string{"", "random"}[how/2%2], NegativeSampleRate: 1 + int(how/4),
			Epochs: 1 + int(seed%40), Seed: seed, LearningRate: []float64{0, 100}[how/8%2],
		}
		if bitsOf(layoutOf(t, g, o, best()).Positions) != bitsOf(layoutOf(t, g, o, portable).Positions) {
			t.Error("the vector kernels give other bits")
		}
	})
}

// randomGraph has m random edges between n cells, one cell a hub, weights up to scale.
func randomGraph(seed uint64, n, m int, scale float64) *graph.CSR {
	ws := map[[2]int32]float32{}
	for e := range m {
		if n == 0 {
			break
		}
		i, j := int32(hash(seed, uint64(e), 0)%uint64(n)), int32(hash(seed, uint64(e), 1)%uint64(n))
		if e%5 == 0 {
			i = 0
		}
		w := float32(math.Abs(scale * signed(hash(seed, uint64(e), 2))))
		ws[[2]int32{i, j}], ws[[2]int32{j, i}] = w, w
	}
	g := &graph.CSR{N: n, Indptr: make([]int64, n+1)}
	for i := range int32(n) {
		for j := range int32(n) {
			if w, ok := ws[[2]int32{i, j}]; ok {
				g.Indices, g.Weights = append(g.Indices, j), append(g.Weights, w)
			}
		}
		g.Indptr[i+1] = int64(len(g.Indices))
	}
	return g
}
