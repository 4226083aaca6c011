package anndata

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gpusc/gpusc/hdf5"
)

// triple is one stored value.
type triple struct {
	row, col int
	x        float64
}

// matrixFile says how a test file keeps a matrix.
type matrixFile struct {
	format     string // csr, csc, dense
	data       num
	index      num
	comp       hdf5.CompressionKind
	chunk      int64 // elements of an HDF5 chunk; rows of one for dense; 0: one piece
	chunkCols  int64
	rows, cols int
	sorted     bool // else rows are stored in random order, with duplicates and zeros
	whole      bool // values are counts
}

func (m matrixFile) String() string {
	return fmt.Sprintf("%s-%v-%v-comp%d-chunk%d-%dx%d-sorted=%v-whole=%v", m.format, m.data, m.index, m.comp, m.chunk, m.rows, m.cols, m.sorted, m.whole)
}

// random draws stored values, in the order of the file.
func (m matrixFile) random(seed uint64) []triple {
	r := rand.New(rand.NewPCG(seed, 1))
	var ts []triple
	for i := range m.rows {
		for j := range m.cols {
			if r.IntN(4) != 0 || i%5 == 3 {
				continue
			}
			x := float64(1 + r.IntN(100))
			if !m.whole && m.data >= f16 {
				x += 0.25
			}
			ts = append(ts, triple{i, j, x})
			if !m.sorted && r.IntN(8) == 0 {
				ts = append(ts, triple{i, j, float64(1 + r.IntN(9))})
			}
			if !m.sorted && r.IntN(8) == 0 {
				ts[len(ts)-1].x = 0
			}
		}
	}
	if !m.sorted {
		r.Shuffle(len(ts), func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
	}
	return ts
}

// canonicalOf is the plain version of what a source gives.
func canonicalOf(ts []triple, rows int) (indptr []int64, idx []uint32, x []float64) {
	at := map[[2]int]float64{}
	for _, t := range ts {
		at[[2]int{t.row, t.col}] += t.x
	}
	var out []triple
	for k, v := range at {
		if v != 0 {
			out = append(out, triple{k[0], k[1], v})
		}
	}
	slices.SortFunc(out, func(a, b triple) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.col, b.col)) })
	indptr = make([]int64, rows+1)
	for _, t := range out {
		indptr[t.row+1]++
		idx, x = append(idx, uint32(t.col)), append(x, t.x)
	}
	for r := range rows {
		indptr[r+1] += indptr[r]
	}
	return indptr, idx, x
}

func appendNum(b []byte, t num, x float64) []byte {
	b, _ = appendAs(b, t, []float64{x})
	return b
}

// write makes a file with the matrix as X.
func (m matrixFile) write(t testing.TB, path string, ts []triple) {
	t.Helper()
	w, err := Create(path, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprint(i)
		}
		return out
	}
	must(t, w.SetObs(NewFrame(names(m.rows))))
	must(t, w.SetVar(NewFrame(names(m.cols))))
	if m.format == "dense" {
		m.writeDense(t, w, ts)
	} else {
		m.writeSparse(t, w, ts)
	}
	must(t, w.Commit())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (m matrixFile) writeDense(t testing.TB, w *Writer, ts []triple) {
	full := make([]float64, m.rows*m.cols)
	for _, x := range ts {
		full[x.row*m.cols+x.col] += x.x
	}
	var raw []byte
	for _, x := range full {
		raw = appendNum(raw, m.data, x)
	}
	s := hdf5.Spec{Type: m.data.datatype(), Dims: []int64{int64(m.rows), int64(m.cols)}}
	if m.chunk > 0 {
		s.Chunk = []int64{m.chunk, m.chunkCols}
		s.Compression.Kind = m.comp
	}
	d, err := w.h.Root().Dataset("X", s)
	must(t, err)
	must(t, encode(d, "array", "0.2.0"))
	must(t, d.Append(raw))
	must(t, d.Close())
}

func (m matrixFile) writeSparse(t testing.TB, w *Writer, ts []triple) {
	major := func(x triple) int { return x.row }
	minor := func(x triple) int { return x.col }
	n := m.rows
	if m.format == "csc" {
		major, minor, n = minor, major, m.cols
	}
	ts = slices.Clone(ts)
	slices.SortStableFunc(ts, func(a, b triple) int { return cmp.Compare(major(a), major(b)) })
	ptr := make([]int64, n+1)
	var data, idx, off []byte
	for _, x := range ts {
		data = appendNum(data, m.data, x.x)
		idx = appendNum(idx, m.index, float64(minor(x)))
		ptr[major(x)+1]++
	}
	for i := range n {
		ptr[i+1] += ptr[i]
	}
	for _, p := range ptr {
		off = binary.LittleEndian.AppendUint64(off, uint64(p))
	}
	g, err := w.h.Root().Group("X")
	must(t, err)
	must(t, encode(g, m.format+"_matrix", "0.1.0"))
	must(t, g.SetAttr("shape", []int64{int64(m.rows), int64(m.cols)}))
	for _, l := range []struct {
		name string
		t    num
		raw  []byte
		n    int
	}{{"data", m.data, data, len(ts)}, {"indices", m.index, idx, len(ts)}, {"indptr", i64, off, n + 1}} {
		s := hdf5.Spec{Type: l.t.datatype(), Dims: []int64{int64(l.n)}}
		if m.chunk > 0 {
			s.Chunk = []int64{m.chunk}
			s.Compression = hdf5.Compression{Kind: m.comp, Shuffle: m.comp == hdf5.Gzip}
		}
		d, err := g.Dataset(l.name, s)
		must(t, err)
		must(t, d.Append(l.raw))
		must(t, d.Close())
	}
}
