package chunk

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// mixed is a matrix in memory whose rows are of different kinds.
func mixed(rows, cols int, seed uint64) *Chunk {
	rng := rand.New(rand.NewPCG(seed, 9))
	c := &Chunk{Rows: rows, Cols: cols, Kind: Float64, Indptr: make([]int64, 1)}
	kind := 0
	for range rows {
		if rng.IntN(5) == 0 {
			kind = rng.IntN(4)
		}
		for g := rng.IntN(cols); g < cols; g += 1 + rng.IntN(9) {
			v := float64(1 + rng.IntN(6))
			switch kind {
			case 1:
				v += 0.5
			case 2:
				v /= 3
			case 3:
				v += 1 << 25 // a count that float32 does not hold
			}
			c.Indices = append(c.Indices, uint32(g))
			c.F64 = append(c.F64, v)
		}
		c.Indptr = append(c.Indptr, int64(len(c.Indices)))
	}
	return c
}

// copyOf is a deep copy of what is in use.
func copyOf(c *Chunk) *Chunk {
	d := &Chunk{}
	copyRows(d, c, 0, c.Rows)
	d.Row0 = c.Row0
	return d
}

// rechunked gives all pieces of a source through a Rechunk.
func rechunked(t rapid.TB, src Source, rows int, l *memory.Ledger) []*Chunk {
	t.Helper()
	var out []*Chunk
	r, err := NewRechunk(RechunkOptions{Ledger: l, Rows: rows}, func(_ context.Context, i int, c *Chunk) error {
		if i != len(out) {
			t.Fatalf("piece %d after %d", i, len(out))
		}
		out = append(out, copyOf(c))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var c Chunk
	for i := range src.Spans() {
		if err := src.Read(context.Background(), i, &c); err != nil {
			t.Fatal(err)
		}
		if err := r.Put(context.Background(), &c); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if len(l.Leaks()) != 0 || r.Pieces() != len(out) {
		t.Fatal(l.Leaks())
	}
	return out
}

func TestRechunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(0, 60).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "cols")
		tile := rapid.IntRange(1, 25).Draw(t, "tile")
		all := mixed(rows, cols, rapid.Uint64().Draw(t, "seed"))
		var first []*Chunk
		for _, spanRows := range []int64{1, 3, 7, int64(tile), 1000} {
			src, err := FromChunk(all, MemOptions{SpanRows: spanRows})
			if err != nil {
				t.Fatal(err)
			}
			got := rechunked(t, src, tile, memory.New(0))
			if first == nil {
				first = got
			}
			// The same pieces, bit for bit, whatever the chunks were.
			if d := cmp.Diff(first, got); d != "" {
				t.Fatalf("chunks of %d rows: %s", spanRows, d)
			}
		}
		var joined []row
		for i, c := range first {
			if c.Row0 != int64(i*tile) || c.Rows != tile && i < len(first)-1 {
				t.Fatalf("piece %d has rows %d+%d", i, c.Row0, c.Rows)
			}
			wantCanonical(t, c)
			wantKind(t, c)
			joined = append(joined, rowsOf(c)...)
		}
		if !slices.EqualFunc(joined, rowsOf(all), func(a, b row) bool { return cmp.Equal(a, b) }) {
			t.Fatal("other values")
		}
	})
}

func TestRechunkBudget(t *testing.T) {
	l := memory.New(2000)
	r, err := NewRechunk(RechunkOptions{Ledger: l, Rows: 1000}, func(context.Context, int, *Chunk) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	c := mixed(100, 50, 1)
	for range 2 { // the error stays
		if err := r.Put(context.Background(), c); !errors.Is(err, errs.Budget) {
			t.Fatal(err)
		}
	}
	if err := r.Close(); !errors.Is(err, errs.Budget) || len(l.Leaks()) != 0 {
		t.Fatal(err, l.Leaks())
	}
	if _, err := NewRechunk(RechunkOptions{}, nil); !errors.Is(err, errs.Usage) {
		t.Fatal(err)
	}
}

func TestRechunkEmitFails(t *testing.T) {
	boom := errors.New("boom")
	r, _ := NewRechunk(RechunkOptions{Rows: 2}, func(context.Context, int, *Chunk) error { return boom })
	if err := r.Put(context.Background(), mixed(5, 5, 1)); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if err := r.Close(); !errors.Is(err, boom) {
		t.Fatal(err)
	}
}

func TestRechunkReusedSlices(t *testing.T) {
	// A ledger that never forgets: the peak is bounded by one piece.
	l := memory.New(0)
	src, err := FromChunk(mixed(600, 100, 4), MemOptions{SpanRows: 7})
	if err != nil {
		t.Fatal(err)
	}
	rechunked(t, src, 10, l)
	// 10 rows of 100 genes at most: 1000 values of 20 bytes, once more while growing.
	if l.Peak() > 60000 {
		t.Fatalf("peak %d", l.Peak())
	}
}
