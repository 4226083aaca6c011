//go:build cuda

package cuda

import (
	stdcontext "context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/decomp"
	"github.com/gpusc/gpusc/device"
)

// counted is a matrix of counts in memory, in tiles.
type counted struct {
	rows, genes int
	ptr         []int64
	idx, val    []uint32
	spans       []chunk.Span
}

func (c *counted) Shape() (int64, int64) { return int64(c.rows), int64(c.genes) }
func (c *counted) Spans() []chunk.Span   { return c.spans }
func (c *counted) Close() error          { return nil }

func (c *counted) Read(_ stdcontext.Context, i int, dst *chunk.Chunk) error {
	s := c.spans[i]
	lo, hi := c.ptr[s.Row0], c.ptr[s.Row0+s.Rows]
	dst.Row0, dst.Rows, dst.Cols, dst.Kind = s.Row0, int(s.Rows), c.genes, chunk.Counts
	dst.Indptr = dst.Indptr[:0]
	for _, p := range c.ptr[s.Row0 : s.Row0+s.Rows+1] {
		dst.Indptr = append(dst.Indptr, p-lo)
	}
	dst.Indices, dst.Counts = append(dst.Indices[:0], c.idx[lo:hi]...), append(dst.Counts[:0], c.val[lo:hi]...)
	return nil
}

// count makes counts of which few genes are in most cells.
func count(rows, genes, tile int) *counted {
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(genes)))
	c := &counted{rows: rows, genes: genes, ptr: []int64{0}}
	for range rows {
		for g := range genes {
			if rng.Float64() < 0.95*math.Exp(-6*float64(g)/float64(genes)) {
				c.idx, c.val = append(c.idx, uint32(g)), append(c.val, 1+uint32(rng.ExpFloat64()))
			}
		}
		c.ptr = append(c.ptr, int64(len(c.idx)))
	}
	for r := 0; r < rows; r += tile {
		n := min(tile, rows-r)
		c.spans = append(c.spans, chunk.Span{Row0: int64(r), Rows: int64(n), NNZ: c.ptr[r+n] - c.ptr[r]})
	}
	return c
}

// components runs covariance and eigenvectors.
func components(t *testing.T, c *counted, hot int, eigen device.Backend, devices []decomp.GramDevice) (*decomp.Moments, *decomp.Result) {
	t.Helper()
	cells, mean := make([]int64, c.genes), make([]float64, c.genes)
	for i, g := range c.idx {
		cells[g]++
		mean[g] += math.Log1p(float64(c.val[i])) / float64(c.rows)
	}
	std := make([]float64, c.genes)
	for g := range std {
		std[g] = 0.3 + mean[g]
	}
	plan := decomp.PlanGram(cells, int64(c.rows))
	if hot >= 0 { // counts fall with genes
		plan.Hot = hot
		for g := range plan.Rank {
			plan.Rank[g] = uint32(g)
		}
	}
	g := decomp.Gram{
		Devices: devices, Source: c, Plan: plan, Threads: 2,
		Values: decomp.Values{Log1p: true, Mean: mean, Std: std, Max: 3},
	}
	m, err := g.Accumulate(stdcontext.Background())
	if err != nil {
		t.Fatal(err)
	}
	kept := decomp.Moments{Cells: m.Cells, Genes: m.Genes, Mean: m.Mean, Products: slices.Clone(m.Products)}
	r, err := decomp.PCA(m, decomp.PCAOptions{Components: 10, Device: eigen, Eigen: decomp.Options{Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return &kept, r
}

// TestComponents: the bits of package cpu from all devices together, whatever is
// held in full.
func TestComponents(t *testing.T) {
	n, err := Count()
	if err != nil {
		t.Skipf("no device: %v", err)
	}
	streams := func(b device.Backend, err error, n int) decomp.GramDevice {
		if err != nil {
			t.Fatal(err)
		}
		d := decomp.GramDevice{Backend: b}
		for range n {
			s, err := b.Stream()
			if err != nil {
				t.Fatal(err)
			}
			d.Streams = append(d.Streams, s)
		}
		t.Cleanup(func() {
			for _, s := range d.Streams {
				_ = s.Close()
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		return d
	}
	host, err := cpu.Open(cpu.Options{})
	plain := []decomp.GramDevice{streams(host, err, 2)}
	var ours []decomp.GramDevice
	for i := range n {
		b, err := Open(i, testOptions())
		ours = append(ours, streams(b, err, 1+(i+1)%2))
	}
	c := count(1500, 330, 1024)
	for _, hot := range []int{-1, 0, 96, 330} {
		want, wantR := components(t, c, hot, nil, plain)
		for k := 1; k <= n; k++ {
			got, r := components(t, c, hot, ours[0].Backend, ours[:k])
			if !slices.Equal(got.Products, want.Products) || !slices.Equal(got.Mean, want.Mean) {
				t.Errorf("hot %d, %d devices: other products than on the processor", hot, k)
			}
			if !slices.Equal(r.Components, wantR.Components) || !slices.Equal(r.Variance, wantR.Variance) {
				t.Errorf("hot %d, %d devices: other components than on the processor", hot, k)
			}
		}
	}
}
