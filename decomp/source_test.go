package decomp

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// cells is a matrix in memory, read in tiles.
type cells struct {
	rows, genes int
	kind        chunk.Kind
	ptr         []int64
	idx         []uint32
	val         []float64
	spans       []chunk.Span
	ownSlices   bool // Read gives slices of its own
	packed      bool // to be read as source, which has packed chunks
}

// source is c, or with packed chunks.
func (c *cells) source() chunk.Source {
	if c.packed {
		return packedCells{c}
	}
	return c
}

// packedCells is cells that can be had packed.
type packedCells struct{ *cells }

func (c packedCells) PackedSize(i int) int64 {
	b, _ := c.Packed(i, nil)
	return int64(len(b))
}

func (c packedCells) Packed(i int, buf []byte) ([]byte, error) {
	var k chunk.Chunk
	if err := c.Read(context.Background(), i, &k); err != nil {
		return nil, err
	}
	m := pack.Matrix{Rows: k.Rows, Cols: k.Cols, Kind: uint8(k.Kind), Indptr: k.Indptr, Indices: k.Indices, Counts: k.Counts, F32: k.F32, F64: k.F64}
	return pack.Append(buf[:0], m, &pack.Scratch{})
}

func (c *cells) Shape() (int64, int64) { return int64(c.rows), int64(c.genes) }
func (c *cells) Spans() []chunk.Span   { return c.spans }
func (c *cells) Close() error          { return nil }

func (c *cells) Read(_ context.Context, i int, dst *chunk.Chunk) error {
	s := c.spans[i]
	lo, hi := c.ptr[s.Row0], c.ptr[s.Row0+s.Rows]
	if c.ownSlices {
		*dst = chunk.Chunk{}
	}
	dst.Row0, dst.Rows, dst.Cols, dst.Kind = s.Row0, int(s.Rows), c.genes, c.kind
	dst.Indptr = dst.Indptr[:0]
	for _, p := range c.ptr[s.Row0 : s.Row0+s.Rows+1] {
		dst.Indptr = append(dst.Indptr, p-lo)
	}
	dst.Indices = append(dst.Indices[:0], c.idx[lo:hi]...)
	dst.Counts, dst.F32, dst.F64 = dst.Counts[:0], dst.F32[:0], dst.F64[:0]
	for _, v := range c.val[lo:hi] {
		switch c.kind {
		case chunk.Counts:
			dst.Counts = append(dst.Counts, uint32(v))
		case chunk.Float32:
			dst.F32 = append(dst.F32, float32(v))
		default:
			dst.F64 = append(dst.F64, v)
		}
	}
	return nil
}

// detected counts the cells of each gene.
func (c *cells) detected() []int64 {
	n := make([]int64, c.genes)
	for _, g := range c.idx {
		n[g]++
	}
	return n
}

// generate makes skewed counts with some structure: gene p is expressed with a
// probability between 0 and 0.98 that falls steeply over genes and depends on
// the cell's group. Gene 1 is constant, gene 2 never expressed.
func generate(seed uint64, rows, genes int, mean float64, tile int) *cells {
	rng := rand.New(rand.NewPCG(seed, 99))
	c := &cells{rows: rows, genes: genes, ptr: []int64{0}}
	prob := make([]float64, genes)
	sum := 0.0
	for g := range prob {
		prob[g] = math.Pow(rng.Float64(), 6)
		sum += prob[g]
	}
	const groups = 5
	effect := make([]float64, groups*genes)
	for i := range effect {
		effect[i] = math.Exp(rng.NormFloat64() * 0.7)
	}
	for r := range rows {
		depth := math.Exp(rng.NormFloat64()*0.3) * mean / sum
		e := effect[r%groups*genes:]
		for g := range genes {
			p := min(0.98, prob[g]*depth*e[g])
			switch {
			case g == 2:
				continue
			case g == 1:
				c.idx, c.val = append(c.idx, uint32(g)), append(c.val, 3)
			case rng.Float64() < p:
				v := 1.0
				for rng.Float64() < 0.3+0.6*p && v < 200 {
					v++
				}
				c.idx, c.val = append(c.idx, uint32(g)), append(c.val, v)
			}
		}
		c.ptr = append(c.ptr, int64(len(c.idx)))
	}
	c.split(tile)
	return c
}

// split cuts the rows into tiles.
func (c *cells) split(tile int) {
	c.spans = nil
	for r := 0; r < c.rows; r += tile {
		n := min(tile, c.rows-r)
		c.spans = append(c.spans, chunk.Span{Row0: int64(r), Rows: int64(n), NNZ: c.ptr[r+n] - c.ptr[r]})
	}
}

// scales makes row factors as normalize_total does.
func (c *cells) scales() []float64 {
	s := make([]float64, c.rows)
	for r := range s {
		t := 0.0
		for i := c.ptr[r]; i < c.ptr[r+1]; i++ {
			t += c.val[i]
		}
		s[r] = 1e3 / max(t, 1)
	}
	return s
}

// dense returns what is analysed, cell by cell, in plain float64.
func (c *cells) dense(v *Values) []float64 {
	x := make([]float64, c.rows*c.genes)
	for r := range c.rows {
		row := x[r*c.genes : (r+1)*c.genes]
		for i := c.ptr[r]; i < c.ptr[r+1]; i++ {
			y := c.val[i]
			if c.kind == chunk.Float32 {
				y = float64(float32(y))
			}
			if v.Scale != nil {
				y *= v.Scale[r]
			}
			if v.Log1p {
				y = kernels.Log1p(y)
				if v.LnBase != 0 {
					y /= v.LnBase
				}
			}
			row[c.idx[i]] = y
		}
		for g := range row {
			if v.Std == nil {
				break
			}
			if !v.NoCentre {
				row[g] -= v.Mean[g]
			}
			row[g] /= v.Std[g]
			if v.Max > 0 {
				row[g] = min(row[g], v.Max)
				if !v.NoCentre {
					row[g] = max(row[g], -v.Max)
				}
			}
		}
	}
	return x
}

// moments of a dense matrix, two passes in float64.
func naive(x []float64, rows, genes int) (mean, products []float64) {
	mean, products = make([]float64, genes), make([]float64, genes*genes)
	for r := range rows {
		for g, v := range x[r*genes : (r+1)*genes] {
			mean[g] += v
		}
	}
	for g := range mean {
		mean[g] /= float64(rows)
	}
	d := make([]float64, genes)
	for r := range rows {
		for g, v := range x[r*genes : (r+1)*genes] {
			d[g] = v - mean[g]
		}
		for i, a := range d {
			p := products[i*genes : (i+1)*genes]
			for j, b := range d {
				p[j] += a * b
			}
		}
	}
	return mean, products
}

// withMoments sets Mean and Std from the values.
func (c *cells) withMoments(v Values, scaled bool) Values {
	x := c.dense(&Values{Scale: v.Scale, Log1p: v.Log1p, LnBase: v.LnBase})
	mean, products := naive(x, c.rows, c.genes)
	v.Mean = mean
	if scaled {
		v.Std = make([]float64, c.genes)
		for g := range v.Std {
			v.Std[g] = math.Sqrt(products[g*c.genes+g] / float64(max(c.rows-1, 1)))
			if v.Std[g] < 1e-9 {
				v.Std[g] = 1
			}
		}
	}
	return v
}

// openCPU returns a backend with n streams.
func openCPU(t testing.TB, n int, opt cpu.Options) (device.Backend, []device.Stream) {
	t.Helper()
	dev, err := cpu.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	var streams []device.Stream
	for range n {
		s, err := dev.Stream()
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	t.Cleanup(func() {
		for _, s := range streams {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return dev, streams
}
