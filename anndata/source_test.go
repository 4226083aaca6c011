package anndata

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// readWhole reads a source with workers readers and joins what they got.
func readWhole(t testing.TB, s chunk.Source, workers int) (indptr []int64, idx []uint32, x []float64) {
	t.Helper()
	spans := s.Spans()
	got := make([]chunk.Chunk, len(spans))
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				if err := s.Read(context.Background(), i, &got[i]); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for i := range spans {
		next <- i
	}
	close(next)
	wg.Wait()
	indptr = []int64{0}
	row := int64(0)
	for i := range got {
		c := &got[i]
		if c.Row0 != row || int64(c.Rows) != spans[i].Rows || spans[i].Row0 != row {
			t.Fatalf("span %d begins at row %d with %d rows, expected %v", i, c.Row0, c.Rows, spans[i])
		}
		if c.NNZ() > spans[i].NNZ {
			t.Fatalf("span %d holds %d values, announced %d", i, c.NNZ(), spans[i].NNZ)
		}
		base := indptr[len(indptr)-1]
		for r := range c.Rows {
			indptr = append(indptr, base+c.Indptr[r+1])
		}
		idx = append(idx, c.Indices[:c.NNZ()]...)
		for k := range c.NNZ() {
			x = append(x, c.Value(k))
		}
		row += int64(c.Rows)
	}
	return indptr, idx, x
}

func variants() []matrixFile {
	var out []matrixFile
	k := 0
	for _, format := range []string{"csr", "csc", "dense"} {
		for _, data := range []num{i32, i64, u16, f32, f64, u8, i8} {
			for _, comp := range []hdf5.CompressionKind{hdf5.None, hdf5.Gzip, hdf5.LZF, hdf5.Zstd} {
				m := matrixFile{format: format, data: data, comp: comp, chunkCols: []int64{3, 13, 40}[k%3]}
				m.index = []num{i32, i64, u16, u32, u64, u8, i16}[k%7]
				m.chunk = []int64{7, 64, 0, 1000, 1}[k%5]
				size := [][2]int{{40, 31}, {0, 5}, {9, 0}, {123, 40}, {1, 1}}[k%11%5]
				m.rows, m.cols = size[0], size[1]
				m.sorted, m.whole = k%3 == 0, k%2 == 0
				out = append(out, m)
				k++
			}
		}
	}
	return out
}

// TestSource reads matrices of every layout, type and filter, in spans of every
// size, and compares them with a plain reading of what was written.
func TestSource(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	for i, m := range variants() {
		t.Run(m.String(), func(t *testing.T) {
			ts := m.random(uint64(i))
			if m.data == i8 || m.data == u8 {
				ts = slices.DeleteFunc(ts, func(x triple) bool { return x.x > 20 }) // sums fit
			}
			wantPtr, wantIdx, wantX := canonicalOf(ts, m.rows)
			path := filepath.Join(dir, fmt.Sprint(i))
			m.write(t, path, ts)
			l := memory.New(64 << 20)
			f, err := Open(ctx, path, Options{Ledger: l, Tmp: dir, Threads: 3})
			must(t, err)
			defer f.Close()
			for _, o := range []SourceOptions{{}, {SpanRows: 1}, {SpanRows: 7}, {SpanNNZ: 1}, {SpanNNZ: 50}, {SpanNNZ: 300}} {
				x, err := f.Matrix("X")
				must(t, err)
				s, err := x.Source(ctx, o)
				must(t, err)
				held := l.Used(memory.Host)
				for pass := range 2 {
					ptr, idx, v := readWhole(t, s, 1+2*pass)
					if !slices.Equal(ptr, wantPtr) || !slices.Equal(idx, wantIdx) || !slices.Equal(v, wantX) {
						t.Fatalf("%+v: content differs: %d values, expected %d", o, len(v), len(wantX))
					}
				}
				if peak, most := l.PeakOf(memory.Host), s.Memory(3); m.format != "csc" && peak-held > most {
					t.Errorf("%+v: %d bytes reserved, announced were %d", o, peak-held, most)
				}
				must(t, s.Close())
			}
			if left := l.Leaks(); len(left) > 0 {
				t.Errorf("reserved still: %v", left)
			}
		})
	}
}

// TestDecodedOnce counts decoded HDF5 chunks: one that several spans share is
// decoded once in a pass in order.
func TestDecodedOnce(t *testing.T) {
	m := matrixFile{format: "csr", data: f32, index: i32, comp: hdf5.Gzip, chunk: 37, rows: 200, cols: 50, sorted: true, whole: true}
	path := filepath.Join(t.TempDir(), "x")
	m.write(t, path, m.random(1))
	// Many threads: room for every loan, however the readers are scheduled.
	f, err := Open(context.Background(), path, Options{Threads: 64})
	must(t, err)
	defer f.Close()
	x, err := f.Matrix("X")
	must(t, err)
	for _, rows := range []int64{1, 3, 50} {
		src, err := x.Source(context.Background(), SourceOptions{SpanRows: rows})
		must(t, err)
		s := src.(*csrSource)
		n, err := s.data.ds.NumChunks()
		must(t, err)
		for pass := range int64(3) {
			readWhole(t, s, 1+int(pass))
			if want := (pass + 1) * int64(2*n); s.shared.decoded != want {
				t.Errorf("spans of %d rows, pass %d: %d chunks decoded, expected %d", rows, pass, s.shared.decoded, want)
			}
		}
		if len(s.shared.loans) != 0 {
			t.Errorf("%d chunks still on loan", len(s.shared.loans))
		}
		s.Close()
	}
}

// TestKinds checks that values are kept in the narrowest exact kind.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		t    num
		in   []float64
		kind chunk.Kind
	}{
		{f64, []float64{1, 2, 4294967295}, chunk.Counts},
		{f64, []float64{1, 2, 4294967296}, chunk.Float32},
		{f64, []float64{1, 2.5, 3}, chunk.Float32},
		{f64, []float64{16777217, 0.5}, chunk.Float64},
		{f64, []float64{1, 0.1}, chunk.Float64},
		{f64, []float64{0.5, 0.1, 7}, chunk.Float64},
		{f64, []float64{-1, 3}, chunk.Float32},
		{f64, []float64{math.NaN(), 3}, chunk.Float32},
		{f64, []float64{3, math.Inf(1)}, chunk.Float32},
		{f64, []float64{3, 1e300}, chunk.Float64},
		{i32, []float64{3, -1}, chunk.Float32},
		{i8, []float64{-1, 3}, chunk.Float32},
		{i64, []float64{1 << 40, 3}, chunk.Float32},
		{i64, []float64{1<<40 + 1, 3}, chunk.Float64},
		{f32, []float64{1, 2}, chunk.Counts},
		{u64, []float64{7, 9}, chunk.Counts},
	} {
		var raw []byte
		for _, x := range c.in {
			raw = appendNum(raw, c.t, x)
		}
		aligned := alloc(nil, len(raw))
		for _, start := range []chunk.Kind{chunk.Counts, chunk.Float32, chunk.Float64} {
			copy(aligned, raw)
			var v values
			var ch chunk.Chunk
			v.start(&ch, start, len(c.in))
			src := aligned
			if d := v.direct(c.t, len(c.in)); d != nil {
				copy(d, aligned)
				src = d
			}
			if bad := v.put(c.t, src); bad >= 0 {
				t.Fatalf("%v: value %d refused", c.in, bad)
			}
			v.finish()
			v.end(&ch)
			if ch.Kind != c.kind {
				t.Errorf("%v %v from %v: kind %v, expected %v", c.t, c.in, start, ch.Kind, c.kind)
			}
			ch.Rows, ch.Indptr = 1, []int64{0, int64(len(c.in))}
			for i, x := range c.in {
				if got := ch.Value(int64(i)); got != x && x == x {
					t.Errorf("%v %v from %v: value %d is %v", c.t, c.in, start, i, got)
				}
			}
		}
	}
	var v values
	v.start(&chunk.Chunk{}, chunk.Counts, 2)
	if bad := v.put(i64, bytesOf([]int64{1, 1<<53 + 1})); bad != 1 {
		t.Errorf("an integer that no float holds was taken: %d", bad)
	}
}

func TestFirstBad(t *testing.T) {
	c := &chunk.Chunk{Row0: 10, Rows: 4, Cols: 9, Kind: chunk.Float32, Indptr: []int64{0, 0, 2, 2, 4}, Indices: []uint32{1, 2, 3, 4}}
	for i, x := range []float32{-1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		c.F32 = []float32{0.5, 1, 2, 3}
		c.F32[i] = x
		row, col, v, ok := FirstBad(c)
		if want := int64(11 + i/2*2); !ok || row != want || col != int64(i+1) || v != float64(x) && x == x {
			t.Errorf("place %d: row %d column %d value %v %v", i, row, col, v, ok)
		}
	}
	c.F32 = []float32{0.5, 1, 2, 3}
	if _, _, _, ok := FirstBad(c); ok {
		t.Error("a chunk of positive values has a bad one")
	}
}

// TestLies opens matrices whose lists contradict each other or the shape.
func TestLies(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	put := func(g *hdf5.GroupWriter, name string, v []int64) {
		d, err := g.Dataset(name, hdf5.Spec{Type: hdf5.Int64(), Dims: []int64{int64(len(v))}})
		must(t, err)
		must(t, d.Append(little(v)))
		must(t, d.Close())
	}
	for i, c := range []struct {
		shape                 []int64
		data, indices, indptr []int64
		want                  string
	}{
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{0, 1, 2}, ""},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{1, 1, 2}, "starts at 1"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{0, 2, 1}, "place 2: 1 follows 2"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{0, 1, 1}, "ends at 1"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{0, 1, 9}, "9 follows 1 in a list of 2"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{0, -5, 2}, "-5 follows 0"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1, 2}, []int64{0, 1, 2}, "data has 2 values, indices 3"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 1}, []int64{0, 2}, "has 2 entries, where a matrix of shape (2, 3) has 3"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{0, 3}, []int64{0, 1, 2}, "3 of a matrix of 3"},
		{[]int64{2, 3}, []int64{1, 2}, []int64{-1, 0}, []int64{0, 1, 2}, "-1 of a matrix of 3"},
		{[]int64{2, -3}, []int64{1, 2}, []int64{0, 1}, []int64{0, 1, 2}, "shape is [2 -3]"},
		{[]int64{2}, []int64{1, 2}, []int64{0, 1}, []int64{0, 1, 2}, "shape is [2]"},
	} {
		for _, format := range []string{"csr", "csc"} {
			path := filepath.Join(dir, fmt.Sprintf("%d%s", i, format))
			w, err := Create(path, WriterOptions{})
			must(t, err)
			must(t, w.SetObs(NewFrame([]string{"a", "b"})))
			must(t, w.SetVar(NewFrame([]string{"x", "y", "z"})))
			g, err := w.h.Root().Group("X")
			must(t, err)
			must(t, encode(g, format+"_matrix", "0.1.0"))
			shape := slices.Clone(c.shape)
			want := c.want
			if format == "csc" {
				slices.Reverse(shape)
				if strings.Contains(want, "shape") {
					want = "shape"
				}
			}
			must(t, g.SetAttr("shape", shape))
			put(g, "data", c.data)
			put(g, "indices", c.indices)
			put(g, "indptr", c.indptr)
			must(t, w.Commit())
			err = readX(ctx, path)
			if want == "" {
				must(t, err)
				continue
			}
			if !errors.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s %d: %v; expected %q", format, i, err, want)
			}
		}
	}
}

// readX reads all of X.
func readX(ctx context.Context, path string) error {
	f, err := Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := f.Matrix("X")
	if err != nil {
		return err
	}
	s, err := m.Source(ctx, SourceOptions{})
	if err != nil {
		return err
	}
	defer s.Close()
	var c chunk.Chunk
	for i := range s.Spans() {
		if err := s.Read(ctx, i, &c); err != nil {
			return err
		}
	}
	return nil
}

// TestBudget asks for chunks that the budget does not allow.
func TestBudget(t *testing.T) {
	m := matrixFile{format: "csr", data: f32, index: i32, comp: hdf5.Gzip, chunk: 100000, rows: 1000, cols: 400, sorted: true, whole: true}
	path := filepath.Join(t.TempDir(), "x")
	m.write(t, path, m.random(1))
	l := memory.New(100 << 10)
	f, err := Open(context.Background(), path, Options{Ledger: l})
	must(t, err)
	defer f.Close()
	x, err := f.Matrix("X")
	must(t, err)
	_, err = x.Source(context.Background(), SourceOptions{})
	if !errors.Is(err, errs.Budget) || !strings.Contains(err.Error(), "HDF5 chunk is 313 KiB") {
		t.Errorf("error %v", err)
	}
	if left := l.Leaks(); len(left) > 0 {
		t.Errorf("reserved still: %v", left)
	}
}
