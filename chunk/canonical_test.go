package chunk

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
)

// row is what a test says of a row: gene to value, the plain way.
type row map[uint32]float64

// rowsOf reads a chunk back the plain way.
func rowsOf(c *Chunk) []row {
	out := make([]row, c.Rows)
	for r := range out {
		out[r] = row{}
		for i := c.Indptr[r]; i < c.Indptr[r+1]; i++ {
			out[r][c.Indices[i]] = c.Value(i)
		}
	}
	return out
}

func wantCanonical(t rapid.TB, c *Chunk) {
	t.Helper()
	for r := range c.Rows {
		for i := c.Indptr[r]; i < c.Indptr[r+1]; i++ {
			if int(c.Indices[i]) >= c.Cols || c.Value(i) == 0 || i > c.Indptr[r] && c.Indices[i] <= c.Indices[i-1] {
				t.Fatalf("row %d is not canonical: %v", r, c)
			}
		}
	}
}

// wantKind checks that a chunk has the narrowest kind of its values.
func wantKind(t rapid.TB, c *Chunk) {
	t.Helper()
	want := Counts
	for i := range c.NNZ() {
		v := c.Value(i)
		switch {
		case v >= 1 && v <= math.MaxUint32 && v == math.Trunc(v):
		case math.IsNaN(v) || float64(float32(v)) == v:
			want = max(want, Float32)
		default:
			want = Float64
		}
	}
	// A count above 2^24 beside a float32 that is no count may need float64.
	if want == Float32 {
		for i := range c.NNZ() {
			if v := c.Value(i); !math.IsNaN(v) && float64(float32(v)) != v {
				want = Float64
			}
		}
	}
	if c.Kind != want {
		t.Fatalf("kind %v, not %v, of %v", c.Kind, want, c)
	}
}

func TestTidy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		cols := rapid.SampledFrom([]int{1, 5, 1000, 70000}).Draw(t, "cols")
		sorted := rapid.Bool().Draw(t, "sorted")
		most := rapid.SampledFrom([]int{30, 300}).Draw(t, "longest")
		pick := rapid.SampledFrom([][]float64{{1, 2, 3}, {0, 1, 2}, {1, 0.5, -1}, {4e9, 3}, {0.1, 1}, {5e9}}).Draw(t, "values")
		indptr, indices, values := []int64{0}, []uint32{}, []float64{}
		var want []row
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			var idx []uint32
			for range rng.IntN(most) {
				idx = append(idx, uint32(rng.IntN(cols)))
			}
			if sorted {
				slices.Sort(idx)
				idx = slices.Compact(idx)
			}
			w := row{}
			for _, g := range idx {
				v := pick[rng.IntN(len(pick))]
				values = append(values, v)
				if w[g] += v; w[g] == 0 {
					delete(w, g)
				}
			}
			indices = append(indices, idx...)
			indptr = append(indptr, int64(len(indices)))
			want = append(want, w)
		}
		m, err := FromCSR(indptr, indices, values, cols, MemOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantCanonical(t, &m.all)
		// Sums of a few decimals may differ in the last bit of another order.
		if d := cmp.Diff(want, rowsOf(&m.all), cmpopts.EquateEmpty(), cmpopts.EquateApprox(1e-12, 0)); d != "" {
			t.Fatal(d)
		}
		wantKind(t, &m.all)
		again := m.all
		again.Indptr, again.Indices = slices.Clone(again.Indptr), slices.Clone(again.Indices)
		if err := Tidy(&again); err != nil || !cmp.Equal(rowsOf(&again), rowsOf(&m.all)) {
			t.Fatal("a second time changes it")
		}
	})
}

func TestCountSumsOverflow(t *testing.T) {
	m, err := FromCSR([]int64{0, 3}, []uint32{4, 1, 4}, []uint32{1<<32 - 1, 7, 1}, 5, MemOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rowsOf(&m.all), []row{{1: 7, 4: 1 << 32}}); d != "" || m.all.Kind == Counts {
		t.Fatal(m.all.Kind, d)
	}
}

func TestRefusesTorn(t *testing.T) {
	for name, c := range map[string]Chunk{
		"falling pointers": {Rows: 2, Cols: 9, Indptr: []int64{0, 2, 1}, Indices: []uint32{1, 2}, Counts: []uint32{1, 1}},
		"first not zero":   {Rows: 1, Cols: 9, Indptr: []int64{1, 2}, Indices: []uint32{1, 2}, Counts: []uint32{1, 1}},
		"no pointers":      {Rows: 1, Cols: 9},
		"gene beyond":      {Rows: 1, Cols: 9, Indptr: []int64{0, 1}, Indices: []uint32{9}, Counts: []uint32{1}},
		"too few values":   {Rows: 1, Cols: 9, Indptr: []int64{0, 1}, Indices: []uint32{1}},
		"too few genes":    {Rows: 1, Cols: 9, Indptr: []int64{0, 2}, Indices: []uint32{1}, Counts: []uint32{1, 1}},
	} {
		for _, f := range []func(*Chunk) error{Tidy, Canonical} {
			if err := f(&c); !errors.Is(err, errs.Corrupt) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := FromCSR([]int64{0, 1}, []uint32{1}, []int8{}, 5, MemOptions{}); !errors.Is(err, errs.Corrupt) {
		t.Error(err)
	}
	c := Chunk{Rows: 1, Cols: 9, Indptr: []int64{0, 1}, Indices: []uint32{1}, Counts: []uint32{0}}
	if _, err := FromChunk(&c, MemOptions{}); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
}

func TestKernels(t *testing.T) {
	special := []float64{
		0, math.Copysign(0, -1), 1, 2, 255, 1 << 24, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 33, 0.5, -1, 1.5,
		math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, 1<<31 - 1, math.Nextafter(3, 4),
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 200 {
		for _, v := range special {
			x, y, u := make([]float64, n), make([]float32, n), make([]uint32, n)
			for i := range x {
				x[i] = float64(1 + rng.IntN(9))
				if rng.IntN(20) == 0 {
					x[i] = 1 << 31
				}
			}
			if n > 0 {
				x[rng.IntN(n)] = v
			}
			for i := range x {
				y[i], u[i] = float32(x[i]), rng.Uint32()>>rng.IntN(32)
			}
			a, b := make([]uint32, n), make([]uint32, n)
			if p, q := CountsFromFloat64(a, x), countsFloat64Go(b, x); p != q || !slices.Equal(a[:p], b[:p]) {
				t.Fatalf("float64 %v: %d, %d of %d", v, p, q, n)
			}
			if p, q := CountsFrom(a, x), countsFloat64Go(b, x); p != q {
				t.Fatalf("any type %v: %d, %d of %d", v, p, q, n)
			}
			if p, q := CountsFromFloat32(a, y), countsFloat32Go(b, y); p != q || !slices.Equal(a[:p], b[:p]) {
				t.Fatalf("float32 %v: %d, %d of %d", v, p, q, n)
			}
			if anyZeroF32(y) != anyZeroGo(y) || anyZero(u) != anyZeroGo(u) {
				t.Fatal("zero")
			}
			f, top := scan(u)
			if g, top2 := scanGo(u); f != g || top != top2 {
				t.Fatalf("scan %d: %d %d, not %d %d", n, f, top, g, top2)
			}
		}
	}
}

func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lens := rapid.SliceOf(rapid.Int64Range(0, 50)).Draw(t, "lens")
		maxNNZ, maxRows := rapid.Int64Range(0, 100).Draw(t, "nnz"), rapid.Int64Range(0, 9).Draw(t, "rows")
		indptr := []int64{0}
		for _, n := range lens {
			indptr = append(indptr, indptr[len(indptr)-1]+n)
		}
		want, err := PlanSpans(indptr, maxNNZ, maxRows)
		if err != nil {
			t.Fatal(err)
		}
		p := NewSpanPlanner(maxNNZ, maxRows)
		for rest := indptr; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if err := p.Feed(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		got, rows, nnz, err := p.Finish()
		if err != nil || rows != int64(len(lens)) || nnz != indptr[len(lens)] || !slices.Equal(got, want) {
			t.Fatalf("%v, %v: %v, not %v", rows, nnz, got, want)
		}
		at := int64(0)
		for _, s := range got {
			if s.Row0 != at || s.Rows < 1 || s.NNZ != indptr[at+s.Rows]-indptr[at] ||
				maxRows > 0 && s.Rows > maxRows || maxNNZ > 0 && s.NNZ > maxNNZ && s.Rows > 1 {
				t.Fatalf("%v of %v", s, got)
			}
			at += s.Rows
		}
		if at != rows {
			t.Fatal("rows are left over")
		}
	})
	for _, bad := range [][]int64{{}, {1}, {0, 5, 4}, {0, -1}} {
		if _, err := PlanSpans(bad, 0, 0); !errors.Is(err, errs.Corrupt) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestMemSource(t *testing.T) {
	m, err := FromCSR([]int64{0, 1, 1, 3, 4}, []uint32{2, 0, 1, 2}, []float32{1, 2.5, 3, 4}, 3, MemOptions{SpanRows: 2})
	if err != nil {
		t.Fatal(err)
	}
	var c Chunk
	ctx := context.Background()
	for i, want := range []struct {
		kind Kind
		rows []row
	}{{Counts, []row{{2: 1}, {}}}, {Float32, []row{{0: 2.5, 1: 3}, {2: 4}}}} {
		if err := m.Read(ctx, i, &c); err != nil {
			t.Fatal(err)
		}
		if c.Kind != want.kind || c.Row0 != int64(2*i) || !cmp.Equal(rowsOf(&c), want.rows) {
			t.Errorf("span %d: %v", i, c)
		}
	}
	if err := m.Read(ctx, 2, &c); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := m.Read(ctx, 0, &c); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// big is a canonical chunk of a million float32 counts.
func big() *Chunk {
	rng := rand.New(rand.NewPCG(1, 1))
	c := &Chunk{Rows: 500, Cols: 28000, Kind: Float32, Indptr: make([]int64, 1)}
	for range c.Rows {
		for g := rng.IntN(14); g < c.Cols; g += 1 + rng.IntN(27) {
			c.Indices = append(c.Indices, uint32(g))
			c.F32 = append(c.F32, float32(1+rng.IntN(5)))
		}
		c.Indptr = append(c.Indptr, int64(len(c.Indices)))
	}
	return c
}

func BenchmarkTidy(b *testing.B) {
	c := big()
	n := float64(c.NNZ())
	report := func(b *testing.B) { b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gv/s") }
	b.Run("canonical", func(b *testing.B) {
		for b.Loop() {
			c.Kind = Float32
			if Tidy(c) != nil || c.Kind != Counts {
				b.Fatal("no counts")
			}
		}
		report(b)
	})
	b.Run("scan/asm", func(b *testing.B) {
		for b.Loop() {
			scan(c.Indices)
		}
		report(b)
	})
	b.Run("scan/go", func(b *testing.B) {
		for b.Loop() {
			scanGo(c.Indices)
		}
		report(b)
	})
	b.Run("counts/asm", func(b *testing.B) {
		for b.Loop() {
			countsFloat32(c.Counts, c.F32)
		}
		report(b)
	})
	b.Run("counts/go", func(b *testing.B) {
		for b.Loop() {
			countsFloat32Go(c.Counts, c.F32)
		}
		report(b)
	})
	b.Run("unsorted", func(b *testing.B) {
		back := slices.Clone(c.Indices)
		for b.Loop() {
			copy(c.Indices, back)
			for r := range c.Rows {
				row := c.Indices[c.Indptr[r]:c.Indptr[r+1]]
				for i := range row {
					j := (i * 7919) % len(row)
					row[i], row[j] = row[j], row[i]
				}
			}
			c.Kind = Float32
			if err := Tidy(c); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}
