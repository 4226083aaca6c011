package anndata

import (
	"context"
	"sync/atomic"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// denseSource reads a dense matrix of cells x genes and drops the zeros.
//
// It works in bands: the rows of one row of HDF5 chunks, or some rows of a
// contiguous matrix. Spans keep to whole bands where a band is not larger than a
// span; a band that several spans share is decoded once.
type denseSource struct {
	m      *Matrix
	ds     *hdf5.Dataset
	t      num
	plan   []chunk.Span
	band   int64 // rows of a band
	whole  bool  // bands are rows of HDF5 chunks
	shared *straddle
	pool   scratches
	kind   atomic.Uint32
}

func newDense(_ context.Context, m *Matrix, o SourceOptions) (*denseSource, error) {
	ds := m.obj.(*hdf5.Dataset)
	s := &denseSource{m: m, ds: ds, t: numOf(ds.Type())}
	rowBytes := m.Cols * int64(s.t.Size())
	if err := stored(ds); err != nil {
		return nil, err
	}
	lay := ds.Layout()
	if s.whole = lay.Class == hdf5.Chunked; s.whole {
		s.band = lay.Chunk[0]
		if _, err := ds.NumChunks(); err != nil {
			return nil, err
		}
	} else {
		s.band = max(1, window/max(rowBytes, 1))
	}
	s.band = min(s.band, max(m.Rows, 1))
	rows := o.SpanRows
	if rows == 0 {
		rows = max(1, o.SpanNNZ/max(m.Cols, 1))
		if s.whole && rows > s.band {
			rows -= rows % s.band
		}
	}
	for r := int64(0); r < m.Rows; r += rows {
		n := min(rows, m.Rows-r)
		s.plan = append(s.plan, chunk.Span{Row0: r, Rows: n, NNZ: n * m.Cols})
	}
	bandBytes := s.band * rowBytes
	extra := int64(0)
	if s.whole {
		extra = 3 * ds.ChunkBytes()
	}
	l := m.file.ledger()
	s.pool = scratches{ledger: l, each: bandBytes + rowBytes + extra}
	if err := m.mustFit(s.pool.each); err != nil {
		return nil, err
	}
	s.shared = newStraddle(l, min(int64(m.file.threads()+2)*bandBytes, l.Free()/4), func(int64) bool { return true })
	return s, nil
}

func (s *denseSource) Shape() (rows, cols int64) { return s.m.Rows, s.m.Cols }

func (s *denseSource) Spans() []chunk.Span { return s.plan }

func (s *denseSource) Memory(workers int) int64 {
	n := int64(workers) * s.pool.each
	if s.whole {
		n += s.shared.cap
	}
	return n
}

func (s *denseSource) Close() error {
	s.shared.close()
	s.pool.close()
	return nil
}

// Read fills dst with span i.
func (s *denseSource) Read(ctx context.Context, i int, dst *chunk.Chunk) error {
	sc, err := s.pool.get()
	if err != nil {
		return err
	}
	defer s.pool.put(sc)
	sp := s.plan[i]
	dst.Row0, dst.Rows, dst.Cols = sp.Row0, int(sp.Rows), int(s.m.Cols)
	dst.Indptr = sized(dst.Indptr, dst.Rows+1)
	dst.Indptr[0] = 0
	dst.Indices = dst.Indices[:0]
	var v values
	v.start(dst, chunk.Kind(s.kind.Load()), 0)
	row := 0
	take := func(raw []byte) error {
		w := int(s.m.Cols) * s.t.Size()
		for ; len(raw) > 0 && w > 0; raw = raw[w:] {
			dst.Indices = extend(dst.Indices, int(s.m.Cols))
			at := dst.Indices[v.n:]
			kept := s.nonzeros(sc.second(w), raw[:w], at)
			dst.Indices = dst.Indices[:v.n+kept]
			v.room(kept)
			if bad := v.put(s.t, sc.row[:kept*s.t.Size()]); bad >= 0 {
				return errs.At(errs.Data, "", s.m.Path, "row %d: a whole number beyond 2^53, which no float holds exactly", sp.Row0+int64(row))
			}
			row++
			dst.Indptr[row] = int64(v.n)
		}
		return nil
	}
	for r := sp.Row0; r < sp.Row0+sp.Rows; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r, err = s.bandPart(ctx, sc, int64(i), r, sp.Row0+sp.Rows, take); err != nil {
			return errs.InFile(err, s.m.file.Path())
		}
	}
	for ; row < dst.Rows; row++ { // a matrix without columns
		dst.Indptr[row+1] = int64(v.n)
	}
	v.finish()
	v.end(dst)
	s.kind.Store(uint32(dst.Kind))
	return nil
}

// bandPart hands on the rows from r to the end of its band or of the span.
func (s *denseSource) bandPart(ctx context.Context, sc *scratch, span, r, end int64, take func([]byte) error) (int64, error) {
	rowBytes := s.m.Cols * int64(s.t.Size())
	read := func(dst []byte, lo, hi int64) error {
		if err := s.ds.ReadRows(ctx, sc.dec, dst, lo, hi); err != nil {
			return err
		}
		toHost(dst, s.t.Size(), s.ds.Type().BigEndian)
		return nil
	}
	if !s.whole {
		hi := min(r+s.band, end)
		b := sc.bytes(int((hi - r) * rowBytes))
		if err := read(b, r, hi); err != nil {
			return 0, err
		}
		return hi, take(b)
	}
	b0 := r - r%s.band
	b1 := min(b0+s.band, s.m.Rows)
	hi := min(b1, end)
	per := s.plan[0].Rows
	err := s.shared.use(ctx, b0/s.band, span, b0/per, (b1-1)/per, sc.bytes(int((b1-b0)*rowBytes)),
		func(dst []byte) error { return read(dst, b0, b1) },
		func(b []byte) error { return take(b[(r-b0)*rowBytes : (hi-b0)*rowBytes]) })
	return hi, err
}

// nonzeros moves the values of a row that are not zero to the front of dst and
// their columns to idx; it returns how many there are.
func (s *denseSource) nonzeros(dst, row []byte, idx []uint32) int {
	switch s.t {
	case i8, u8:
		return pick(view[uint8](dst), view[uint8](row), idx)
	case i16, u16:
		return pick(view[uint16](dst), view[uint16](row), idx)
	case i32, u32:
		return pick(view[uint32](dst), view[uint32](row), idx)
	case i64, u64:
		return pick(view[uint64](dst), view[uint64](row), idx)
	case f16: // both zeros of a half
		return pickBits(view[uint16](dst), view[uint16](row), idx)
	case f32:
		return pick(view[float32](dst), view[float32](row), idx)
	default:
		return pick(view[float64](dst), view[float64](row), idx)
	}
}

func pick[T number](dst, row []T, idx []uint32) int {
	n := 0
	dst, idx = dst[:len(row)], idx[:len(row)]
	for c, x := range row {
		if x != 0 {
			dst[n], idx[n] = x, uint32(c)
			n++
		}
	}
	return n
}

func pickBits(dst, row []uint16, idx []uint32) int {
	n := 0
	for c, x := range row {
		if x&0x7fff != 0 {
			dst[n], idx[n] = x, uint32(c)
			n++
		}
	}
	return n
}
