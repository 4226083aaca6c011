package decomp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/internal/errs"
)

// run accumulates with so many streams; hot < 0 leaves the choice to PlanGram.
func (c *cells) run(t testing.TB, v Values, hot, streams int, opt cpu.Options) *Moments {
	t.Helper()
	return c.runOn(t, v, hot, onCPU(t, 1, streams, opt))
}

// onCPU opens so many devices with so many streams each.
func onCPU(t testing.TB, devices, streams int, opt cpu.Options) (out []GramDevice) {
	for range devices {
		dev, ss := openCPU(t, streams, opt)
		out = append(out, GramDevice{dev, ss})
	}
	return out
}

func (c *cells) runOn(t testing.TB, v Values, hot int, devices []GramDevice) *Moments {
	t.Helper()
	plan := PlanGram(c.detected(), int64(c.rows))
	if hot >= 0 {
		plan.Rank, plan.Hot = ranks(sortedDown(c.detected()), hot), hot
	}
	g := &Gram{Devices: devices, Source: c.source(), Values: v, Plan: plan}
	m, err := g.Accumulate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// compare returns the largest error of a product relative to the diagonal, and
// of a mean relative to the deviation.
func compare(t testing.TB, m *Moments, x []float64) (products, means float64) {
	t.Helper()
	p := m.Genes
	mean, want := naive(x, int(m.Cells), p)
	for i := range p {
		for j := range p {
			d := math.Sqrt(want[i*p+i]*want[j*p+j]) + 1e-30
			e := math.Abs(m.Products[i*p+j] - want[i*p+j])
			if want[i*p+i] < 1e-9 || want[j*p+j] < 1e-9 {
				d = 1
			}
			products = max(products, e/d)
		}
		sd := math.Sqrt(want[i*p+i]/float64(m.Cells)) + math.Abs(mean[i]) + 1e-3
		means = max(means, math.Abs(m.Mean[i]-mean[i])/sd)
	}
	return products, means
}

func TestGramAgainstNaive(t *testing.T) {
	for _, tc := range []struct {
		rows, genes int
		hot         int
		tile        int
	}{
		{1, 1, 0, 512},
		{1, 1, 1, 512},
		{5, 3, 3, 512},
		{700, 5, 0, 512},
		{700, 5, 5, 512},
		{1300, 47, 47, 512},
		{1300, 48, 48, 1024},
		{1300, 49, 48, 1024},
		{1300, 49, 0, 600},
		{2100, 150, 96, 1024},
		{2100, 150, 150, 1024},
		{3000, 400, -1, 4096},
		{3000, 400, 240, 1024},
	} {
		c := generate(uint64(tc.rows+tc.genes), tc.rows, tc.genes, float64(tc.genes)/6+1, tc.tile)
		log := Values{Scale: c.scales(), Log1p: true}
		clip := c.withMoments(log, true)
		clip.Max = 2
		clipUp := clip
		clipUp.NoCentre = true
		plain := c.withMoments(log, true)
		for name, v := range map[string]Values{
			"raw": {}, "log": c.withMoments(log, false), "log10, no mean": {Scale: log.Scale, Log1p: true, LnBase: math.Ln10},
			"scaled": plain, "clipped": clip, "clipped above": clipUp,
		} {
			m := c.run(t, v, tc.hot, 2, cpu.Options{})
			pe, me := compare(t, m, c.dense(&v))
			limit := 1e-6
			if v.Mean == nil { // sums are not kept small
				limit = 1e-4
			}
			if pe > limit || me > 1e-6 {
				t.Errorf("%d x %d, hot %d, %s: products off by %.2g, means by %.2g", tc.rows, tc.genes, tc.hot, name, pe, me)
			}
		}
	}
}

func TestGramKinds(t *testing.T) {
	c := generate(3, 900, 100, 20, 512)
	for i := range c.val {
		c.val[i] *= 0.37
	}
	for _, kind := range []chunk.Kind{chunk.Float32, chunk.Float64} {
		for _, own := range []bool{false, true} {
			c.kind, c.ownSlices = kind, own
			v := c.withMoments(Values{Log1p: true}, false)
			m := c.run(t, v, 48, 2, cpu.Options{})
			if pe, me := compare(t, m, c.dense(&v)); pe > 1e-6 || me > 1e-6 {
				t.Errorf("%v: products off by %.2g, means by %.2g", kind, pe, me)
			}
		}
	}
}

func TestGramSameBits(t *testing.T) {
	c := generate(5, 5000, 300, 60, 1024)
	v := c.withMoments(Values{Scale: c.scales(), Log1p: true}, true)
	v.Max = 4
	for _, hot := range []int{-1, 0, 144, 300} {
		want := c.run(t, v, hot, 1, cpu.Options{Threads: 1})
		for _, streams := range []int{2, 3, 7} {
			got := c.run(t, v, hot, streams, cpu.Options{Threads: 4, Delay: uint64(streams), Poison: true})
			if !slices.Equal(got.Products, want.Products) || !slices.Equal(got.Mean, want.Mean) {
				t.Errorf("hot %d: %d streams give other bits than one", hot, streams)
			}
		}
	}
}

func TestGramDenserThanExpected(t *testing.T) {
	c := generate(6, 2500, 60, 55, 512)
	for g := range c.val {
		c.val[g] = float64(1 + g%3)
	}
	// First tiles nearly empty, later ones full: buffers have to grow.
	m := c.run(t, Values{}, 0, 2, cpu.Options{})
	if pe, _ := compare(t, m, c.dense(&Values{})); pe > 3e-7 {
		t.Errorf("products off by %.2g", pe)
	}
}

func TestGramErrors(t *testing.T) {
	c := generate(7, 100, 10, 5, 512)
	dev, ss := openCPU(t, 1, cpu.Options{})
	plan := PlanGram(c.detected(), 100)
	short, twice, odd := plan, plan, plan
	short.Rank, twice.Rank, odd.Hot = plan.Rank[:5], make([]uint32, 10), 3
	for name, g := range map[string]*Gram{
		"no device":   {Source: c, Plan: plan},
		"no streams":  {Devices: []GramDevice{{Backend: dev}}, Source: c, Plan: plan},
		"short rank":  {Devices: []GramDevice{{dev, ss}}, Source: c, Plan: short},
		"twice":       {Devices: []GramDevice{{dev, ss}}, Source: c, Plan: twice},
		"hot":         {Devices: []GramDevice{{dev, ss}}, Source: c, Plan: odd},
		"zero std":    {Devices: []GramDevice{{dev, ss}}, Source: c, Plan: plan, Values: Values{Std: make([]float64, 10)}},
		"clip no std": {Devices: []GramDevice{{dev, ss}}, Source: c, Plan: plan, Values: Values{Max: 1}},
		"scale":       {Devices: []GramDevice{{dev, ss}}, Source: c, Plan: plan, Values: Values{Scale: make([]float64, 3)}},
	} {
		if _, err := g.Accumulate(context.Background()); !errors.Is(err, errs.Usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g := &Gram{Devices: []GramDevice{{dev, ss}}, Source: c, Plan: plan}
	if _, err := g.Accumulate(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	m := &Moments{Cells: 1}
	if _, err := m.Covariance(); !errors.Is(err, errs.Data) {
		t.Errorf("one cell: %v", err)
	}
}

func TestPlanGram(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	cells := make([]int64, 2000)
	for g := range cells {
		cells[g] = int64(1000 * math.Pow(rng.Float64(), 6))
	}
	plan := PlanGram(cells, 1000)
	rank, hot := plan.Rank, plan.Hot
	if hot == 0 || hot == len(cells) || hot%48 != 0 {
		t.Errorf("hot is %d", hot)
	}
	least, most := int64(1000), int64(0)
	last := [2]int64{-1, -1}
	for g, k := range rank {
		side := 0
		if int(k) < hot {
			least = min(least, cells[g])
		} else {
			most, side = max(most, cells[g]), 1
		}
		if int64(k) <= last[side] {
			t.Fatal("ranks do not rise with genes")
		}
		last[side] = int64(k)
	}
	if least < most {
		t.Errorf("a gene of %d cells is dense, one of %d is not", least, most)
	}
	for _, full := range []int64{0, 1000} { // nothing, and everything
		for g := range cells {
			cells[g] = full
		}
		if hot := PlanGram(cells, 1000).Hot; hot != int(full)*2 {
			t.Errorf("%d cells: hot is %d", full, hot)
		}
	}
	if PlanGram(nil, 0).Hot != 0 {
		t.Error("no genes")
	}
}

func BenchmarkGram(b *testing.B) {
	for _, tc := range []struct {
		genes int
		mean  float64
	}{{2000, 175}, {2000, 300}} {
		c := generate(1, 8192, tc.genes, tc.mean, TileRows(tc.genes))
		v := c.withMoments2(Values{Scale: c.scales(), Log1p: true})
		planned := PlanGram(c.detected(), int64(c.rows)).Hot
		for _, hot := range []int{planned, 192, 384, 768} {
			for _, streams := range []int{1, 2} {
				b.Run(fmt.Sprintf("p=%d/nnz=%.0f/hot=%d/streams=%d", tc.genes, float64(len(c.idx))/float64(c.rows), hot, streams), func(b *testing.B) {
					for range b.N {
						c.run(b, v, hot, streams, cpu.Options{})
					}
					b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(c.rows)*1e9, "ns/cell")
				})
			}
		}
	}
}

// withMoments2 sets the means only, without a dense copy.
func (c *cells) withMoments2(v Values) Values {
	v.Mean = make([]float64, c.genes)
	for r := range c.rows {
		for i := c.ptr[r]; i < c.ptr[r+1]; i++ {
			v.Mean[c.idx[i]] += math.Log1p(c.val[i]*v.Scale[r]) / float64(c.rows)
		}
	}
	return v
}
