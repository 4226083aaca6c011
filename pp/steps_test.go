package pp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
	"github.com/gpusc/gpusc/memory"
	"github.com/gpusc/gpusc/pass"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grid is a matrix in full, on which the steps are followed by hand.
type grid [][]float64

// newGrid draws cells: every sixth empty, the one before nearly so, genes rarer
// the higher their number, gene 5 never there. Kinds of values change along the
// rows, so that pieces of floats come between pieces of counts: with kinds 0
// there are only counts, with 1 float32 too, with 2 float64 too.
func newGrid(rows, genes, kinds int) grid {
	r := rand.New(rand.NewPCG(uint64(rows), uint64(kinds)))
	g := make(grid, rows)
	for i := range g {
		g[i] = make([]float64, genes)
		for c := range genes {
			if i%6 == 5 || c == 5 || i%6 == 4 && r.Float64() > 0.1 || r.Float64() > 0.9-float64(c)/float64(genes+5) {
				continue
			}
			x := 1 + math.Floor(r.ExpFloat64()*2)
			if r.IntN(30) == 0 {
				x *= 50
			}
			switch i / 4 % (kinds + 1) {
			case 1:
				x += 0.25
			case 2:
				x += 0.1
			}
			g[i][c] = x
		}
	}
	return g
}

// source cuts the grid into pieces of so many rows.
func (g grid) source(t testing.TB, spanRows int) chunk.Source {
	t.Helper()
	ptr, idx, val, genes := []int64{0}, []uint32{}, []float64{}, 24
	for _, row := range g {
		for c, x := range row {
			if x != 0 {
				idx, val = append(idx, uint32(c)), append(val, x)
			}
		}
		ptr, genes = append(ptr, int64(len(idx))), len(row)
	}
	src, err := chunk.FromCSR(ptr, idx, val, genes, chunk.MemOptions{SpanRows: int64(spanRows)})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// run is a sweep on a cpu that brings mistakes to light. With 3 workers it has
// memory of its own, as a GPU; with 5 there are two such, and the pieces come
// from the packed cache.
func run(t testing.TB, src chunk.Source, workers int, steps ...pass.Step) error {
	t.Helper()
	ledger, delay := memory.New(0), uint64(workers)
	if len(src.Spans()) > 25 {
		delay = 0 // for the time it takes
	}
	var devs []device.Backend
	for range max(1, workers-3) {
		dev, err := cpu.Open(cpu.Options{Ledger: ledger, Delay: delay, Poison: true, Apart: workers >= 3})
		if err != nil {
			t.Fatal(err)
		}
		devs = append(devs, dev)
	}
	s := pass.Sweep{Name: "test", Source: src, Backends: devs, Workers: workers, Steps: steps}
	if workers == 5 {
		s.Source, s.Resident = packedOf(t, src), &pass.Resident{}
	}
	err := s.Run(context.Background())
	s.Resident.Close()
	for _, dev := range devs {
		if e := dev.Close(); e != nil {
			t.Errorf("left in the backend: %v", e)
		}
	}
	if left := ledger.Leaks(); len(left) > 0 {
		t.Errorf("left in the ledger: %v", left)
	}
	return err
}

// packedOf puts a source into a packed cache.
func packedOf(t testing.TB, src chunk.Source) chunk.Source {
	t.Helper()
	_, cols := src.Shape()
	c := chunk.NewCache(chunk.CacheOptions{MemoryLimit: 1 << 30, Spans: len(src.Spans()), Cols: cols})
	var one chunk.Chunk
	for i := range src.Spans() {
		if err := errors.Join(src.Read(t.Context(), i, &one), c.Put(t.Context(), i, &one)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := c.Seal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// everyWay runs f for some matrices, splits of their rows and workers.
func everyWay(t *testing.T, f func(t *testing.T, g grid, src chunk.Source, workers int)) {
	for _, rows := range []int{0, 1, 5, 61, 150} {
		for kinds := range 3 {
			g := newGrid(rows, 24, kinds)
			for _, span := range []int{1, 7, 1000} {
				for _, workers := range []int{1, 2, 3, 5} {
					t.Run(fmt.Sprintf("%d rows/kinds %d/span %d/%d workers", rows, kinds, span, workers), func(t *testing.T) {
						f(t, g, g.source(t, span), workers)
					})
				}
			}
		}
	}
}

// same compares results, to the bits.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// total adds up the genes of a row that count.
func total(row []float64, counts func(c int) bool) float64 {
	s := 0.0
	for c, x := range row {
		if counts == nil || counts(c) {
			s += x
		}
	}
	return s
}

// rowQC is QCObs by hand; gene c is in group q where bit q of of[c] is set.
func (g grid) rowQC(groups []string, of []uint32, topN []int) *QCObs {
	q := NewQCObs(int64(len(g)), groups, topN, Float64Counts)
	for r, row := range g {
		q.Total[r] = total(row, nil)
		for k := range groups {
			q.GroupTotal[k][r] = total(row, func(c int) bool { return of[c]>>k&1 != 0 })
		}
		sorted := slices.Clone(row)
		slices.SortFunc(sorted, func(a, b float64) int { return descending(a, b) })
		for k, n := range topN {
			q.Top[k][r] = total(sorted[:n], nil)
		}
		for _, x := range row {
			if x > 0 {
				q.Genes[r]++
			}
		}
	}
	return q
}

// add adds f of each stored value to the sums, in the group of its row.
func (g grid) add(s *GeneSums, group func(r int) int, f func(r int, x float64) float64) {
	for r, row := range g {
		for c, x := range row {
			k := group(r)
			if x == 0 || k < 0 {
				continue
			}
			i, v := k*s.Genes+c, f(r, x)
			s.Sum[i] = s.Sum[i].Add(kernels.ToFixed(v))
			if s.SumSq != nil {
				s.SumSq[i] = s.SumSq[i].Add(kernels.ToFixed(float64(v * v)))
			}
			if s.Cells != nil {
				s.Cells[i]++
			}
		}
	}
}

// packed keeps the pieces that Pack puts, in full.
type packed [][]grid

func (p packed) Put(_ context.Context, i int, c *chunk.Chunk) error {
	p[i] = append(p[i], full(c, nil))
	return nil
}

// all returns the rows in order.
func (p packed) all(t *testing.T) grid {
	t.Helper()
	g := grid{}
	for i, pieces := range p {
		if len(pieces) != 1 {
			t.Fatalf("piece %d was put %d times", i, len(pieces))
		}
		g = append(g, pieces[0]...)
	}
	return g
}

// full writes the rows of a piece in full, with values of another where given.
func full(c *chunk.Chunk, values []float32) grid {
	g := make(grid, c.Rows)
	for r := range g {
		g[r] = make([]float64, c.Cols)
		for i := c.Indptr[r]; i < c.Indptr[r+1]; i++ {
			if values != nil {
				g[r][c.Indices[i]] = float64(values[i])
			} else {
				g[r][c.Indices[i]] = c.Value(i)
			}
		}
	}
	return g
}

// compact keeps some rows.
func (g grid) compact(keep []bool) grid {
	out := grid{}
	for r, row := range g {
		if keep[r] {
			out = append(out, row)
		}
	}
	return out
}

// TestFirstSweep follows the steps that see the file: QC, filter, genes, cache.
func TestFirstSweep(t *testing.T) {
	groups, topN, of := []string{"mt", "ribo"}, []int{1, 3, 24}, make([]uint32, 24)
	for c := range of {
		of[c] = uint32(c % 4) // none, one, the other, both
	}
	minGenes, most := 8, 150.0
	filter := CellFilter{MinGenes: &minGenes, MaxCounts: &most, MaxPct: map[string]float64{"mt": 70}}
	everyWay(t, func(t *testing.T, g grid, src chunk.Source, workers int) {
		want := g.rowQC(groups, of, topN)
		keep, err := filter.Keep(want)
		if err != nil {
			t.Fatal(err)
		}
		genes := NewGeneSums(24, 2, false, true)
		g.add(genes, func(r int) int {
			if keep[r] {
				return 0
			}
			return 1
		}, func(_ int, x float64) float64 { return x })

		whole := true
		for _, row := range g {
			for _, x := range row {
				whole = whole && x == math.Trunc(x)
			}
		}
		n := len(g)
		check := &Check{}
		qc := &RowQC{GroupOf: of, Out: NewQCObs(int64(n), groups, topN, Float64Counts)}
		rows := &FilterRows{Filter: filter, Of: qc.Out, Out: make([]bool, n)}
		sums := &GeneQC{Out: NewGeneSums(24, 2, false, true)}
		to := make(packed, len(src.Spans()))
		if err := run(t, src, workers, check, qc, rows, sums, &Pack{To: to}); err != nil {
			t.Fatal(err)
		}
		same(t, "QC of cells", qc.Out, want)
		same(t, "kept cells", rows.Out, keep)
		same(t, "sums of genes", sums.Out, genes)
		same(t, "whole", check.Whole, whole)
		same(t, "packed cells", to.all(t), g.compact(keep))
	})
}

// TestPackAll: without a filter all rows are packed.
func TestPackAll(t *testing.T) {
	g := newGrid(30, 24, 2)
	src := g.source(t, 7)
	for _, workers := range []int{2, 3, 5} {
		to := make(packed, len(src.Spans()))
		if err := run(t, src, workers, &Pack{To: to}); err != nil {
			t.Fatal(err)
		}
		same(t, "packed cells", to.all(t), g)
	}
}

func TestCheck(t *testing.T) {
	const most = 1 << 26
	for _, tc := range []struct {
		value float64
		sign  bool
		says  string // empty: no error
	}{
		{1.5, false, ""},
		{most, false, ""},
		{-3, true, ""},
		{-2.5, true, ""},
		{-3, false, "a negative value (-3)"},
		{most + 0.5, false, "too large"},
		{-most - 0.5, true, "a negative value"},
		{math.NaN(), false, "NaN"},
		{math.NaN(), true, "NaN"},
		{math.Inf(1), true, "infinite"},
		{math.Inf(-1), false, "infinite"},
	} {
		for _, at := range []int{0, 11, 29} {
			g := newGrid(30, 24, 1)
			g[at][5] = tc.value
			check := &Check{
				AnySign: tc.sign, Place: "layers/raw",
				Cell: func(i int64) string { return fmt.Sprintf("cell-%d", i) },
				Gene: func(i int64) string { return fmt.Sprintf("gene-%d", i) },
			}
			err := run(t, g.source(t, 7), 3, check)
			if tc.says == "" {
				if err != nil || check.Whole {
					t.Errorf("%v: %v, whole %v", tc.value, err, check.Whole)
				}
				continue
			}
			if !errors.Is(err, errs.Data) {
				t.Errorf("%v: %v", tc.value, err)
				continue
			}
			for _, want := range []string{tc.says, fmt.Sprintf("cell %d (cell-%d)", at, at), "gene 5 (gene-5)", "layers/raw"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v in cell %d: %v, which does not say %q", tc.value, at, err, want)
				}
			}
		}
	}
}
