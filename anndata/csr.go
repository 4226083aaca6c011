package anndata

import (
	"context"
	"sync/atomic"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
)

// csrSource reads a CSR matrix. See Matrix.Source.
type csrSource struct {
	m                     *Matrix
	data, indices, indptr *run1
	plan                  []chunk.Span
	lo                    []int64 // first stored value of each span, then the end
	shared                *straddle
	pool                  scratches
	kind                  atomic.Uint32 // chunk.Kind met last: where the next span starts
}

func newCSR(ctx context.Context, m *Matrix, o SourceOptions) (*csrSource, error) {
	s := &csrSource{m: m}
	if err := s.open(); err != nil {
		return nil, err
	}
	l := m.file.ledger()
	s.pool = scratches{ledger: l, each: s.perReader()}
	if err := m.mustFit(s.pool.each); err != nil {
		return nil, err
	}
	p := planner{o: o}
	if err := s.scan(ctx, &p); err != nil {
		s.pool.close()
		return nil, err
	}
	s.plan = p.spans
	s.lo = make([]int64, 0, len(s.plan)+1)
	at := int64(0)
	for _, sp := range s.plan {
		s.lo = append(s.lo, at)
		at += sp.NNZ
	}
	s.lo = append(s.lo, at)
	s.shared = newStraddle(l, min(s.sharedBytes(), l.Free()/4), func(i int64) bool { return s.lo[i] < s.lo[i+1] })
	for i, r := range []*run1{s.data, s.indices} {
		r.shared, r.spans = s.shared, int64(len(s.plan))
		r.bounds = func(i int64) int64 { return s.lo[i] }
		r.keyBase = int64(i) << 60
	}
	return s, nil
}

// open checks the three lists against each other and the shape.
func (s *csrSource) open() (err error) {
	m := s.m
	if s.data, s.indices, s.indptr, err = m.lists(); err != nil {
		return err
	}
	major := m.major()
	if s.indptr.n != major+1 {
		return errs.At(errs.Corrupt, "", m.Path+"/indptr", "has %d entries, where a matrix of shape (%d, %d) has %d",
			s.indptr.n, m.Rows, m.Cols, major+1)
	}
	if s.data.n != s.indices.n {
		return errs.At(errs.Corrupt, "", m.Path, "data has %d values, indices %d", s.data.n, s.indices.n)
	}
	return nil
}

// scan reads indptr from end to end, checks it, and plans the spans.
func (s *csrSource) scan(ctx context.Context, p *planner) error {
	sc, err := s.pool.get()
	if err != nil {
		return err
	}
	defer s.pool.put(sc)
	row, prev := int64(-1), int64(0)
	place := s.m.Path + "/indptr"
	var v []int64
	err = s.indptr.each(ctx, sc, 0, 0, s.indptr.n, nil, func(raw []byte) error {
		v = widenInts(v, s.indptr.t, raw)
		for _, x := range v {
			if row < 0 {
				if x != 0 {
					return errs.At(errs.Corrupt, "", place, "starts at %d, not at 0", x)
				}
			} else {
				if x < prev || x > s.data.n {
					return errs.At(errs.Corrupt, "", place, "row %d, place %d: %d follows %d in a list of %d values",
						row, row+1, x, prev, s.data.n)
				}
				p.row(x - prev)
			}
			prev = x
			row++
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.flush()
	if prev != s.data.n {
		return errs.At(errs.Corrupt, "", place, "ends at %d, but data has %d values", prev, s.data.n)
	}
	return nil
}

// widenInts gives integers of any width as int64; what does not fit becomes -1,
// which no list of offsets allows.
func widenInts(dst []int64, t num, raw []byte) []int64 {
	switch t {
	case i8:
		return widenTo(dst, view[int8](raw))
	case i16:
		return widenTo(dst, view[int16](raw))
	case i32:
		return widenTo(dst, view[int32](raw))
	case i64:
		return widenTo(dst, view[int64](raw))
	case u8:
		return widenTo(dst, view[uint8](raw))
	case u16:
		return widenTo(dst, view[uint16](raw))
	case u32:
		return widenTo(dst, view[uint32](raw))
	default:
		dst = widenTo(dst, view[uint64](raw))
		for i, x := range dst {
			if x < 0 {
				dst[i] = -1
			}
		}
		return dst
	}
}

func widenTo[T number](dst []int64, src []T) []int64 {
	dst = sized(dst, len(src))
	for i, x := range src {
		dst[i] = int64(x)
	}
	return dst
}

// perReader is the scratch of one reader: a decoded chunk, and as much again
// twice inside the decoder (stored bytes, and the other side of a filter).
func (s *csrSource) perReader() int64 {
	return 3 * max(s.data.scratchBytes(), s.indices.scratchBytes(), s.indptr.scratchBytes())
}

// sharedBytes is the most that chunks on loan take: one at either end of every
// span that is being read, of each of the two lists.
func (s *csrSource) sharedBytes() int64 {
	return int64(s.m.file.threads()+2) * (s.data.bytes + s.indices.bytes)
}

func (s *csrSource) Shape() (rows, cols int64) { return s.m.Rows, s.m.Cols }

func (s *csrSource) Spans() []chunk.Span { return s.plan }

func (s *csrSource) Memory(workers int) int64 {
	return int64(workers)*s.pool.each + s.shared.cap
}

func (s *csrSource) Close() error {
	s.shared.close()
	s.pool.close()
	return nil
}

// Read fills dst with span i.
func (s *csrSource) Read(ctx context.Context, i int, dst *chunk.Chunk) error {
	sc, err := s.pool.get()
	if err != nil {
		return err
	}
	defer s.pool.put(sc)
	sp := s.plan[i]
	dst.Row0, dst.Rows, dst.Cols = sp.Row0, int(sp.Rows), int(s.m.minor())
	if err := s.readIndptr(ctx, sc, i, dst); err != nil {
		return errs.InFile(err, s.m.file.Path())
	}
	lo, hi := s.lo[i], s.lo[i+1]
	if err := s.readIndices(ctx, sc, i, lo, hi, dst); err != nil {
		return errs.InFile(err, s.m.file.Path())
	}
	var v values
	v.start(dst, chunk.Kind(s.kind.Load()), int(hi-lo))
	err = s.data.each(ctx, sc, int64(i), lo, hi,
		func(n int) []byte { return v.direct(s.data.t, n) },
		func(raw []byte) error {
			from := v.n
			if bad := v.put(s.data.t, raw); bad >= 0 {
				return errs.At(errs.Data, "", s.m.Path+"/data", "place %d: a whole number beyond 2^53, which no float holds exactly",
					lo+int64(from+bad))
			}
			return nil
		})
	if err != nil {
		return errs.InFile(err, s.m.file.Path())
	}
	if err := fill(s.m, dst, &v, s.data.t, lo); err != nil {
		return err
	}
	s.kind.Store(uint32(dst.Kind))
	return nil
}

// readIndptr reads the offsets of span i and makes them start at 0. They were
// checked when the spans were planned; they are checked again because the file
// may have changed since.
func (s *csrSource) readIndptr(ctx context.Context, sc *scratch, i int, dst *chunk.Chunk) error {
	sp, lo, hi := s.plan[i], s.lo[i], s.lo[i+1]
	dst.Indptr = sized(dst.Indptr, int(sp.Rows)+1)
	at, prev := 0, lo
	var v []int64
	return s.indptr.each(ctx, sc, 0, sp.Row0, sp.Row0+sp.Rows+1, nil, func(raw []byte) error {
		v = widenInts(v, s.indptr.t, raw)
		for _, x := range v {
			if x < prev || x > hi || at == 0 && x != lo || at == int(sp.Rows) && x != hi {
				return errs.At(errs.Corrupt, "", s.m.Path+"/indptr", "changed while it was read, at row %d", sp.Row0+int64(at))
			}
			dst.Indptr[at] = x - lo
			prev = x
			at++
		}
		return nil
	})
}

// readIndices reads the column numbers of span i as uint32.
func (s *csrSource) readIndices(ctx context.Context, sc *scratch, i int, lo, hi int64, dst *chunk.Chunk) error {
	dst.Indices = sized(dst.Indices, int(hi-lo))
	t := s.indices.t
	at := 0
	direct := func(n int) []byte {
		if t != i32 && t != u32 {
			return nil
		}
		return bytesOf(dst.Indices[at : at+n])
	}
	return s.indices.each(ctx, sc, int64(i), lo, hi, direct, func(raw []byte) error {
		to := dst.Indices[at:]
		bad := narrowIndices(to, t, raw, s.m.minor())
		if bad >= 0 {
			place := lo + int64(at+bad)
			row := rowOf(dst.Indptr, int64(at+bad))
			got := widenInts(nil, t, raw)[bad]
			return badIndex("", s.m.Path+"/indices", dst.Row0+row, place, uint64(got), s.m.minor())
		}
		at += len(raw) / t.Size()
		return nil
	})
}

// Prefetch tells the system that span i will be read soon; see pass.Prefetcher.
func (s *csrSource) Prefetch(i int) {
	s.indices.ds.WillNeed(s.lo[i], s.lo[i+1])
	s.data.ds.WillNeed(s.lo[i], s.lo[i+1])
}
