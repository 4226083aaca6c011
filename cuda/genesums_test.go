//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// TestOwnWords sees that sums in blocks' own memory are chosen where they can be and
// pay, and that no block is given more than its words can count.
func TestOwnWords(t *testing.T) {
	const h100, optIn = 132, 227 << 10
	for _, k := range []struct {
		name      string
		rows      int
		nnz, sums int64
		ok        bool
		blocks    int64
	}{
		{"a chunk of 20,000 cells", 20000, 40e6, 30000, true, 132},
		{"two groups do not fit", 20000, 40e6, 60000, false, 0},
		{"as much as fits", 200000, 400e6, optIn / 4, true, 132},
		{"one more", 200000, 400e6, optIn/4 + 1, false, 0},
		{"too few values", 20000, 7e6, 30000, false, 0},
		{"few rows", 64, 128e3, 30000, true, 2},
		{"many rows", 1e6, 2e9, 30000, true, 245},
		{"no rows", 0, 0, 30000, false, 0},
		{"no genes", 10, 0, 0, false, 0},
	} {
		o, ok := ownWords(k.rows, k.nnz, k.sums, h100, optIn)
		if ok != k.ok || ok && o.blocks != k.blocks {
			t.Errorf("%s: %v and %d blocks, want %v and %d", k.name, ok, o.blocks, k.ok, k.blocks)
		}
		if ok && (o.each > ownRows || o.each*o.blocks < int64(k.rows) || o.each*(o.blocks-1) >= int64(k.rows) || o.shared > optIn) {
			t.Errorf("%s: %+v", k.name, o)
		}
	}
}

// TestWorthScratch sees that scratch words are taken where a slice has more values
// than there are words, and not more of them than the limit.
func TestWorthScratch(t *testing.T) {
	for _, k := range []struct {
		rows      int
		nnz, sums int64
		ok        bool
	}{
		{20000, 40e6, 30000, true},
		{20000, 29999, 30000, false},
		{20000, 30000, 30000, true},
		{2 * sliceRows, 30000, 30000, false},
		{2 * sliceRows, 60000, 30000, true},
		{20000, 1 << 40, scratchLimit/32 + 1, false},
		{0, 0, 30000, false},
		{5, 0, 0, false},
	} {
		if ok := worthScratch(k.rows, k.nnz, k.sums, 32); ok != k.ok {
			t.Errorf("%+v: %v", k, ok)
		}
	}
}

// genestatsWays are the ways of genestats that are chosen by the shape of a chunk:
// words in scratch memory, and none.
func genestatsWays() map[string]func(s *stream, op device.Op) error {
	with := func(launch func(s *stream, g *geneSums, sum, cells ptr) error) func(s *stream, op device.Op) error {
		return func(s *stream, op device.Op) error {
			o, c := op.(*kernels.GeneStats), check{s: s}
			m := c.csr(o.X, "X")
			g := c.geneSums(m, c.groups(o.Group, m.rows, o.Groups), o.Groups)
			sum, cells := c.need(o.Sum, g.sums, 16, "Sum"), c.need(o.Cells, g.sums, 8, "Cells")
			if c.err != nil {
				return c.err
			}
			return launch(s, &g, sum, cells)
		}
	}
	return map[string]func(s *stream, op device.Op) error{
		"words": with((*stream).geneWords),
		"none": with(func(s *stream, g *geneSums, sum, cells ptr) error {
			return s.launch("genestats", "genestats_u32", warps(g.rows), append(g.rowArgs(0, g.rows), ptr(0), sum, cells)...)
		}),
	}
}

// TestNarrowFields fills the words that sums are kept in to their brim: as many rows
// as there are between two flushes, or in a block, each with the largest value that
// goes into a word and the next one.
func TestNarrowFields(t *testing.T) {
	w := newTwins(t)
	full := func(rows int, kind chunk.Kind, values ...float64) *chunk.Chunk {
		at := -1
		return made(rows, len(values), kind, nil, func(int) float64 { return 2 }, func() float64 {
			at++
			return values[at%len(values)]
		})
	}
	// made adds 1 to counts.
	counts := full(sliceRows, chunk.Counts, 0, 30, 31, 1<<24-2, 1<<24-1)
	multiprocessors, err := w.cuda.dev.(*backend).ctx.dev.Attribute(cu.MultiprocessorCount)
	if err != nil {
		t.Fatal(err)
	}
	block := full(multiprocessors*ownRows, chunk.Counts, 0, 254, 255, 256, 257)
	floats := full(sliceRows, chunk.Float32, 181, -181, 181.0193, -181.0193, 0.1, -0.1, 255.9, 40000)
	moments := twinMoments(func(*side, *chunk.Chunk) kernels.Transform { return kernels.Transform{} })
	for _, k := range []struct {
		name string
		c    *chunk.Chunk
		ops  func(d *side, c *chunk.Chunk, groups int) []device.Op
	}{
		{"genestats own", block, twinGeneStats},
		{"clippedmoments", counts, func(d *side, c *chunk.Chunk, groups int) []device.Op {
			ops := twinClipped(d, c, groups)
			ops[0].(*kernels.ClippedMoments).Clip = put(d, []float64{0, 1e9, 1e9, 1e9, 1e9})
			return ops
		}},
		{"clippedmoments floats", floats, twinClipped},
		{"moments", counts, moments},
		{"moments floats", floats, moments},
	} {
		t.Run(k.name, func(t *testing.T) { w.same(t, func(d *side) []device.Op { return k.ops(d, k.c, 1) }) })
	}
	for name, launch := range genestatsWays() {
		op := farOp{name: "genestats", launch: launch, make: func(d *side, c *chunk.Chunk, _ far) device.Op {
			return twinGeneStats(d, c, 1)[0]
		}}
		t.Run(fmt.Sprintf("genestats %s", name), func(t *testing.T) { w.farCase(t, op, counts, 0) })
	}
	if w.refused > 0 {
		t.Errorf("%d operations refused the values", w.refused)
	}
}

// TestNoScratch refuses memory to an operation that asks for scratch words: it does
// without, and the bits are the same.
func TestNoScratch(t *testing.T) {
	w := newTwins(t)
	b := w.cuda.dev.(*backend)
	full := func(s *stream, op device.Op) error {
		defer func(total int64) { b.total = total }(b.total)
		b.total = 1 // what may be allocated at once
		if err := s.Launch(op); err != nil {
			return err
		}
		if s.own.k != nil {
			return errors.New("the operation had scratch memory")
		}
		return nil
	}
	rng := rand.New(rand.NewPCG(6, 6))
	for kind := range chunk.Kind(3) {
		c := made(40, 90, kind, rng, func(int) float64 { return 0.5 }, func() float64 { return math.Exp(6 * rng.Float64()) })
		for _, op := range farOps()[:4] {
			op.launch = full
			t.Run(fmt.Sprintf("%s/%v", op.name, kind), func(t *testing.T) { w.farCase(t, op, c, 0) })
		}
	}
}
