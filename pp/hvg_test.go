package pp

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
)

// drawMoments makes moments as counts have them: some genes empty. They come
// from a drawn seed, not drawn one by one: rapid likes equal values, and a bin
// whose dispersions differ by rounding alone has no stable score.
func drawMoments(t *rapid.T, batches, genes int) []Moments {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "moments"), 0))
	out := make([]Moments, batches)
	for b := range out {
		out[b] = Moments{N: 50, Mean: make([]float64, genes), Var: make([]float64, genes)}
		for g := range genes {
			if r.IntN(6) > 0 {
				m := 0.01 + 10*r.Float64()
				out[b].Mean[g], out[b].Var[g] = m, m*(0.5+5*r.Float64())
			}
		}
	}
	return out
}

// permuted puts gene perm[i] at i.
func permuted(ms []Moments, perm []int) []Moments {
	out := make([]Moments, len(ms))
	for b, m := range ms {
		out[b] = Moments{N: m.N, Mean: make([]float64, len(perm)), Var: make([]float64, len(perm))}
		for i, g := range perm {
			out[b].Mean[i], out[b].Var[i] = m.Mean[g], m.Var[g]
		}
	}
	return out
}

// The order of genes changes only the rounding of bin statistics, and the
// number chosen is what was asked for, ties apart.
func TestDispersionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		genes := rapid.IntRange(30, 60).Draw(t, "genes")
		ms := drawMoments(t, rapid.IntRange(1, 3).Draw(t, "batches"), genes)
		o := HVGOptions{NTopGenes: rapid.IntRange(1, 20).Draw(t, "n")}
		run := SeuratHVG
		if rapid.Bool().Draw(t, "cell_ranger") {
			run = CellRangerHVG
		}
		a, err := run(ms, o)
		if err != nil {
			t.Fatal(err)
		}
		perm := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Perm(genes)
		b, err := run(permuted(ms, perm), o)
		if err != nil {
			t.Fatal(err)
		}
		chosen := 0
		for i, g := range perm {
			x, y := float64(a.DispersionsNorm[g]), float64(b.DispersionsNorm[i])
			if math.Abs(x-y) > 1e-4*max(1, math.Abs(x)) || a.Means[g] != b.Means[i] {
				t.Fatalf("gene %d: %v and %v", g, x, y)
			}
			if a.HighlyVariable[g] {
				chosen++
			}
		}
		if len(ms) > 1 && chosen != o.NTopGenes {
			t.Fatalf("%d chosen of %d", chosen, o.NTopGenes)
		}
		again, _ := run(ms, o)
		if d := cmp.Diff(a.Columns(), again.Columns(), cmp.Comparer(sameFloat), cmp.Comparer(sameFloat32)); d != "" {
			t.Fatal(d)
		}
	})
}

func sameFloat(a, b float64) bool   { return math.Float64bits(a) == math.Float64bits(b) }
func sameFloat32(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// Everything at least as high as the n-th is chosen, infinite scores too.
func TestChooseTies(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		z    []float64
		n    int
		want []bool
	}{
		{[]float64{1, 3, 2, 2, math.NaN()}, 2, []bool{false, true, true, true, false}},
		{[]float64{1, math.NaN(), 0}, 9, []bool{true, false, true}},
		{[]float64{inf, inf, 5}, 1, []bool{true, true, false}},
		{[]float64{inf, 1, -inf}, 2, []bool{true, true, false}},
	} {
		got, err := choose(make([]float64, len(c.z)), c.z, HVGOptions{NTopGenes: c.n})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v, %d: %v %v", c.z, c.n, got, err)
		}
	}
}

// Ties between merged batches go by name where names are known.
func TestMergedTies(t *testing.T) {
	z := &dispersions{mean: make([]float64, 3), disp: make([]float64, 3), z: []float64{1, 1, 1}, chosen: make([]bool, 3)}
	for _, c := range []struct {
		names []string
		want  []bool
	}{{nil, []bool{true, false, false}}, {[]string{"b", "c", "a"}, []bool{false, false, true}}} {
		res := &HVGResult{}
		mergeDispersions(res, []*dispersions{z, z}, HVGOptions{NTopGenes: 1, Names: c.names})
		if !slices.Equal(res.HighlyVariable, c.want) {
			t.Errorf("%v: %v", c.names, res.HighlyVariable)
		}
	}
}

func TestRankBatches(t *testing.T) {
	nan := math.NaN()
	r := rankBatches([][]float64{{1, 3, 3, nan}, {9, 2, 8, 7}}, 3)
	if !slices.Equal(r.batches, []int32{2, 1, 2, 1}) {
		t.Error(r.batches)
	}
	if want := []float64{1, 0, 1, 2}; !slices.Equal(r.median, want) {
		t.Error(r.median, want)
	}
	if r := rankBatches([][]float64{{1, 2}}, 1); !math.IsNaN(r.median[0]) || r.batches[0] != 0 {
		t.Error(r)
	}
}

// The two orders of the v3 flavours: genes 0 and 2 are best in one batch each,
// gene 1 is second in both.
func TestV3Orders(t *testing.T) {
	batch := func(v ...float64) V3Batch {
		one, zero := []float64{1, 1, 1}, make([]float64, 3)
		return V3Batch{N: 2, Mean: zero, RegStd: one, Sum: zero, SumSq: v}
	}
	all := Moments{N: 4, Mean: make([]float64, 3), Var: make([]float64, 3)}
	for flavor, want := range map[string][]bool{FlavorSeuratV3: {true, false, true}, FlavorSeuratPaper: {true, true, false}} {
		res, err := SeuratV3(all, []V3Batch{batch(9, 8, 1), batch(1, 8, 9)}, HVGOptions{Flavor: flavor, NTopGenes: 2})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(res.NBatches, []int32{1, 2, 1}) || !slices.Equal(res.Rank, []float64{0, 1, 0}) {
			t.Error(flavor, res.NBatches, res.Rank)
		}
		if !slices.Equal(res.HighlyVariable, want) {
			t.Error(flavor, res.HighlyVariable)
		}
	}
}

func TestHVGRefusals(t *testing.T) {
	ok := Moments{N: 9, Mean: []float64{1, 2}, Var: []float64{1, 2}}
	nan := Moments{N: 9, Mean: []float64{1, math.NaN()}, Var: []float64{1, 2}}
	run := func(ms []Moments, o HVGOptions) error { _, err := SeuratHVG(ms, o); return err }
	for name, c := range map[string]struct {
		err  error
		kind error
	}{
		"no batches":    {run(nil, HVGOptions{}), errs.Data},
		"lengths":       {run([]Moments{ok, {N: 2, Mean: []float64{1}, Var: []float64{1}}}, HVGOptions{}), errs.Usage},
		"names":         {run([]Moments{ok}, HVGOptions{Names: []string{"a"}}), errs.Usage},
		"NaN":           {run([]Moments{nan}, HVGOptions{}), errs.Data},
		"n":             {run([]Moments{ok}, HVGOptions{NTopGenes: -1}), errs.Usage},
		"many bins":     {run([]Moments{ok}, HVGOptions{NBins: 1 << 30}), errs.Usage},
		"span":          {run([]Moments{ok}, HVGOptions{Span: -1}), errs.Usage},
		"flavour":       {HVGOptions{Flavor: "seurat_v4"}.Check(), errs.Usage},
		"empty batch":   {run([]Moments{ok, {Mean: ok.Mean, Var: ok.Var}}, HVGOptions{}), errs.Data},
		"bins":          {run([]Moments{ok}, HVGOptions{NBins: -1}), errs.Usage},
		"theta":         {run([]Moments{ok}, HVGOptions{Theta: -1}), errs.Usage},
		"clip":          {run([]Moments{ok}, HVGOptions{Clip: math.NaN()}), errs.Usage},
		"cut-off":       {run([]Moments{ok}, HVGOptions{MinMean: math.NaN()}), errs.Usage},
		"v3 flavour":    {second(SeuratV3(ok, nil, HVGOptions{Flavor: FlavorSeurat})), errs.Usage},
		"v3 batches":    {second(SeuratV3(ok, nil, HVGOptions{})), errs.Data},
		"v3 lengths":    {second(SeuratV3(ok, []V3Batch{{}}, HVGOptions{})), errs.Usage},
		"pearson n":     {second(PearsonHVG(ok, [][]float64{{1, 2}}, HVGOptions{})), errs.Usage},
		"pearson genes": {second(PearsonHVG(ok, [][]float64{{1}}, HVGOptions{NTopGenes: 1})), errs.Usage},
		"pearson none":  {second(PearsonHVG(ok, nil, HVGOptions{NTopGenes: 1})), errs.Data},
	} {
		if !errors.Is(c.err, c.kind) {
			t.Errorf("%s: %v, want %v", name, c.err, c.kind)
		}
	}
	if _, _, err := V3Limits(Moments{N: 1, Mean: []float64{1}, Var: []float64{0}}, 0); !errors.Is(err, errs.Data) {
		t.Error(err)
	}
}

func TestWarnsOfTooFewGenes(t *testing.T) {
	m := Moments{N: 9, Mean: []float64{1, 2, 0}, Var: []float64{1, 3, 0}}
	res, err := SeuratHVG([]Moments{m}, HVGOptions{NTopGenes: 3, NBins: 1})
	if err != nil || len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0], "3 genes were asked for, and 2") {
		t.Error(res, err)
	}
	if !slices.Equal(res.HighlyVariable, []bool{true, true, false}) {
		t.Error(res.HighlyVariable)
	}
}

func second(_ *HVGResult, err error) error { return err }

// Pooling the moments of parts gives those of the whole.
func TestMergeMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all [2]float64
		var parts []Moments
		n := int64(0)
		for range rapid.IntRange(1, 5).Draw(t, "parts") {
			x := rapid.SliceOfN(rapid.Float64Range(0, 100), 0, 20).Draw(t, "x")
			var s, q float64
			cells := int64(0)
			for _, v := range x {
				s += v
				q += v * v
				if v > 0 {
					cells++
				}
			}
			all[0] += s
			all[1] += q
			n += int64(len(x))
			m := Moments{N: int64(len(x)), Mean: []float64{0}, Var: []float64{0}, Cells: []int64{cells}}
			if len(x) > 0 {
				m = MomentsOf(m.N, []float64{s}, []float64{q})
				m.Cells = []int64{cells}
			}
			parts = append(parts, m)
		}
		got := MergeMoments(parts)
		if n == 0 {
			return
		}
		want := MomentsOf(n, all[:1], all[1:])
		if got.N != n || math.Abs(got.Mean[0]-want.Mean[0]) > 1e-9 || math.Abs(got.Var[0]-want.Var[0]) > 1e-7 {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
	if m := MergeMoments(nil); m.N != 0 {
		t.Error(m)
	}
}

// The zero part is the plain sum over cells, with the same bits for any number
// of processors.
// TestPearsonZeroSumsStops holds that a cancelled context ends the sums.
func TestPearsonZeroSumsStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := PearsonZeroSums(ctx, []float64{1}, []int64{1}, []float64{1}, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPearsonZeroSums(t *testing.T) {
	totals, counts := []float64{0, 3, 10, 250}, []int64{1, 2, 5, 1}
	share := []float64{0, 0.5, 0.01, 1e-5, 0.2, 0.3, 0.05}
	for _, theta := range []float64{100, 2, math.Inf(1)} {
		sum, sq, _ := PearsonZeroSums(t.Context(), totals, counts, share, theta, 2)
		for g, p := range share {
			var s, q float64
			for i, total := range totals {
				mu := total * p
				if mu == 0 {
					continue
				}
				z := max(-mu/math.Sqrt(mu+mu*mu/theta), -2)
				s += float64(counts[i]) * z
				q += float64(counts[i]) * z * z
			}
			if math.Abs(sum[g]-s) > 1e-12 || math.Abs(sq[g]-q) > 1e-12 {
				t.Errorf("theta %v, gene %d: %v %v, want %v %v", theta, g, sum[g], sq[g], s, q)
			}
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	a, b, _ := PearsonZeroSums(t.Context(), totals, counts, share, 0, 3)
	runtime.GOMAXPROCS(5)
	c, d, _ := PearsonZeroSums(t.Context(), totals, counts, share, 0, 3)
	if !slices.Equal(a, c) || !slices.Equal(b, d) {
		t.Error("other bits with other processors")
	}
	if s, _, _ := PearsonZeroSums(t.Context(), nil, nil, nil, 0, 1); len(s) != 0 {
		t.Error(s)
	}
}

func BenchmarkSeuratHVG(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	m := Moments{N: 1000, Mean: make([]float64, 30000), Var: make([]float64, 30000)}
	for g := range m.Mean {
		m.Mean[g] = r.ExpFloat64()
		m.Var[g] = m.Mean[g] * (1 + r.Float64())
	}
	for b.Loop() {
		if _, err := SeuratHVG([]Moments{m}, HVGOptions{NTopGenes: 2000}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPearsonZeroSums(b *testing.B) {
	totals, counts, share := make([]float64, 1000), make([]int64, 1000), make([]float64, 1000)
	for i := range totals {
		totals[i], counts[i], share[i] = float64(i+500), 1, 1e-3
	}
	for b.Loop() {
		if _, _, err := PearsonZeroSums(b.Context(), totals, counts, share, 100, 30); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/term")
}
