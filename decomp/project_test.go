package decomp

import (
	"context"
	"testing"

	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/pass"
	"github.com/gpusc/gpusc/pp"
)

// rowFactors is the step that gives each piece its part of the factors.
type rowFactors struct{ scale []float64 }

func (rowFactors) Name() string                           { return "factors" }
func (rowFactors) End(context.Context, []pass.Work) error { return nil }

func (f rowFactors) Worker(w *pass.Worker) (pass.Work, error) {
	m, err := pass.NewMirror(w.Backend, int64(w.MaxRows)*8, "factors")
	return factorWork{f, m}, err
}

type factorWork struct {
	rowFactors
	m *pass.Mirror
}

func (k factorWork) Close() { k.m.Free() }

func (k factorWork) Chunk(_ context.Context, it *pass.Item) error {
	copy(pass.View[float64](k.m, it.X.Rows), k.scale[it.Row0:])
	it.Scale = k.m.Dev
	return k.m.Up(it.Worker.Stream, int64(it.X.Rows)*8)
}

// projection is the sweep that hands on the scores, as the pipeline runs it.
func (c *cells) projection(dev device.Backend, v Values, r *Result, workers int, put func([]float32)) *pass.Sweep {
	w, offset, stride := r.Weights(&v)
	var steps []pass.Step
	if v.Scale != nil {
		steps = append(steps, rowFactors{v.Scale})
	}
	return &pass.Sweep{
		Name: "project", Source: c, Backends: []device.Backend{dev}, Workers: workers,
		Steps: append(steps, &pp.Project{
			Log1p: v.Log1p, LnBase: v.LnBase, Scaled: v.clips(), Mean: v.Mean, Std: v.Std, NoCentre: v.NoCentre, Max: v.Max,
			K: r.K, Stride: stride, W: w, Offset: offset,
			Put: func(_ context.Context, rows []float32) error { put(rows); return nil },
		}),
	}
}

// scores returns the scores of all cells, cells x K.
func (c *cells) scores(t testing.TB, v Values, r *Result, workers int) []float32 {
	t.Helper()
	dev, _ := openCPU(t, 0, cpu.Options{})
	out := make([]float32, 0, c.rows*r.K)
	s := c.projection(dev, v, r, workers, func(rows []float32) { out = append(out, rows...) })
	if err := s.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(out) != c.rows*r.K {
		t.Fatalf("%d scores of %d cells", len(out), c.rows)
	}
	return out
}

func BenchmarkProject(b *testing.B) {
	c := generate(1, 8192, 2000, 175, 2048)
	v := c.withMoments2(Values{Scale: c.scales(), Log1p: true})
	r := &Result{Genes: 2000, K: 50, Components: make([]float64, 2000*50), Mean: v.Mean}
	dev, _ := openCPU(b, 0, cpu.Options{})
	for b.Loop() {
		if err := c.projection(dev, v, r, 1, func([]float32) {}).Run(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/8192*1e9, "ns/cell")
}
