package anndata

import (
	"context"
	"encoding/binary"
	"os"
	"sync/atomic"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// turnedSource reads a CSC matrix by rows.
//
// The matrix is read once, column after column. Every stored value goes, with
// its row and column, to the bucket of its row: a run of rows of about a quarter
// of a span. Buckets are buffered and their full buffers are appended to one
// scratch file, which has no name any more. Read gathers the buckets of a span
// and sorts by row; columns rise within a row because they came in that order.
type turnedSource struct {
	m       *Matrix
	t       num
	plan    []chunk.Span
	rows    int64 // rows of a bucket
	buckets []bucket
	file    *os.File
	size    int64
	res     *memory.Reservation // of the scratch file
	kind    atomic.Uint32
	maxSpan int64
}

// bucket is where the values of some rows lie in the scratch file.
type bucket struct {
	n       int64 // values
	extents []extent
	buf     []byte
}

type extent struct{ at, n int64 }

// maxBuckets bounds the buffers; bucketBuf is the least size of one.
const (
	maxBuckets = 4096
	bucketBuf  = 4 << 10
	bucketMax  = 256 << 10
)

func newTurned(ctx context.Context, m *Matrix, o SourceOptions) (*turnedSource, error) {
	cols := &csrSource{m: m}
	if err := cols.open(); err != nil {
		return nil, err
	}
	if m.Rows > 1<<32 {
		return nil, m.errorf(errs.Limit, "%d rows; a csc matrix may have 2^32", m.Rows)
	}
	if m.Rows == 0 && m.NNZ > 0 {
		return nil, m.errorf(errs.Corrupt, "%d values in a matrix without rows", m.NNZ)
	}
	s := &turnedSource{m: m, t: cols.data.t}
	s.split(o)
	if err := s.bucketise(ctx); err != nil {
		s.Close()
		return nil, err
	}
	p := planner{o: o}
	s.planSpans(&p)
	s.plan = p.spans
	for _, sp := range s.plan {
		s.maxSpan = max(s.maxSpan, s.gathered(sp))
	}
	return s, nil
}

// record is the bytes of one value in a bucket: row in the bucket, column, value
// as it is in the file.
func (s *turnedSource) record() int { return 8 + s.t.Size() }

// split chooses the rows of a bucket.
func (s *turnedSource) split(o SourceOptions) {
	rows := s.m.Rows
	if s.m.NNZ > 0 {
		rows = int64(float64(s.m.Rows) * float64(o.SpanNNZ) / 4 / float64(s.m.NNZ))
	}
	if o.SpanRows > 0 {
		rows = min(rows, o.SpanRows)
	}
	rows = max(rows, 1, (s.m.Rows+maxBuckets-1)/maxBuckets)
	s.rows = min(rows, max(s.m.Rows, 1))
	s.buckets = make([]bucket, (s.m.Rows+s.rows-1)/s.rows)
}

// planSpans makes spans of whole buckets, or of the rows that were asked for.
func (s *turnedSource) planSpans(p *planner) {
	if p.o.SpanRows > 0 {
		for r := int64(0); r < s.m.Rows; r += p.o.SpanRows {
			sp := chunk.Span{Row0: r, Rows: min(p.o.SpanRows, s.m.Rows-r)}
			sp.NNZ = s.gathered(sp) // at most: the buckets may hold other rows too
			p.spans = append(p.spans, sp)
		}
		return
	}
	for i := range s.buckets {
		n := min(s.rows, s.m.Rows-int64(i)*s.rows)
		if p.cur.Rows > 0 && (p.cur.NNZ+s.buckets[i].n > p.o.SpanNNZ || p.cur.Rows+n > max(p.o.SpanNNZ, s.rows)) {
			p.flush()
		}
		p.cur.Rows += n
		p.cur.NNZ += s.buckets[i].n
	}
	p.flush()
}

// gathered counts the values in the buckets that a span touches.
func (s *turnedSource) gathered(sp chunk.Span) (n int64) {
	if sp.Rows == 0 {
		return 0
	}
	for b := sp.Row0 / s.rows; b <= (sp.Row0+sp.Rows-1)/s.rows; b++ {
		n += s.buckets[b].n
	}
	return n
}

// scratchFile makes a file under the folder of scratch files and takes its name
// away, so that it goes when the process does.
func (s *turnedSource) scratchFile() error {
	f, err := os.CreateTemp(s.m.file.o.Tmp, "gpusc-turn-*")
	if err != nil {
		return errs.New(errs.Resource, "no scratch file for turning %s", s.m.Path).Because(err).Do("choose another folder with --tmp")
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return errs.New(errs.Resource, "scratch file %s", f.Name()).Because(err)
	}
	s.res, err = s.m.file.ledger().Reserve(memory.Scratch, "csc matrix turned to rows", s.m.NNZ*int64(s.record()))
	return err
}

// bucketise reads the matrix once.
func (s *turnedSource) bucketise(ctx context.Context) error {
	if s.m.NNZ == 0 {
		return s.walkColumns(ctx, func(int64, uint32, []byte) error { return nil })
	}
	if err := s.scratchFile(); err != nil {
		return err
	}
	l := s.m.file.ledger()
	each := min(bucketMax, max(bucketBuf, l.Free()/4/int64(len(s.buckets))))
	each -= each % int64(s.record())
	res, err := l.Reserve(memory.Host, "buckets of rows for a csc matrix", each*int64(len(s.buckets)))
	if err != nil {
		return err
	}
	defer res.Release()
	rec := s.record()
	err = s.walkColumns(ctx, func(col int64, row uint32, value []byte) error {
		b := &s.buckets[int64(row)/s.rows]
		if b.buf == nil {
			b.buf = make([]byte, 0, each)
		}
		n := len(b.buf)
		b.buf = b.buf[:n+rec]
		to := b.buf[n:]
		binary.LittleEndian.PutUint32(to, uint32(int64(row)%s.rows))
		binary.LittleEndian.PutUint32(to[4:], uint32(col))
		copy(to[8:], value)
		b.n++
		if int64(len(b.buf)) == each {
			return s.spill(b)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range s.buckets {
		if err := s.spill(&s.buckets[i]); err != nil {
			return err
		}
		s.buckets[i].buf = nil
	}
	return nil
}

// spill appends a bucket's buffer to the scratch file.
func (s *turnedSource) spill(b *bucket) error {
	if len(b.buf) == 0 {
		return nil
	}
	if _, err := s.file.WriteAt(b.buf, s.size); err != nil {
		return errs.New(errs.Resource, "scratch file for turning %s", s.m.Path).Because(err).Do("choose another folder with --tmp")
	}
	n := int64(len(b.buf))
	if k := len(b.extents); k > 0 && b.extents[k-1].at+b.extents[k-1].n == s.size {
		b.extents[k-1].n += n
	} else {
		b.extents = append(b.extents, extent{s.size, n})
	}
	s.size += n
	b.buf = b.buf[:0]
	return nil
}

func (s *turnedSource) Shape() (rows, cols int64) { return s.m.Rows, s.m.Cols }

func (s *turnedSource) Spans() []chunk.Span { return s.plan }

func (s *turnedSource) Memory(workers int) int64 {
	return int64(workers) * s.perRead(s.maxSpan)
}

// perRead is what gathering n values takes: the values sorted by row, and a
// window of the scratch file.
func (s *turnedSource) perRead(n int64) int64 { return n*int64(s.t.Size()) + window }

func (s *turnedSource) Close() error {
	s.res.Release()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// records calls fn for every value of the span's rows, in order of columns
// within a bucket. row counts from the start of the span.
func (s *turnedSource) records(ctx context.Context, sp chunk.Span, fn func(row int64, col uint32, value []byte)) error {
	if sp.Rows == 0 {
		return nil
	}
	rec := s.record()
	win := make([]byte, window-window%rec)
	for b := sp.Row0 / s.rows; b <= (sp.Row0+sp.Rows-1)/s.rows; b++ {
		base := b*s.rows - sp.Row0
		for _, e := range s.buckets[b].extents {
			if err := ctx.Err(); err != nil {
				return err
			}
			for e.n > 0 {
				w := win[:min(e.n, int64(len(win)))]
				if _, err := s.file.ReadAt(w, e.at); err != nil {
					return errs.New(errs.Resource, "scratch file for turning %s", s.m.Path).Because(err)
				}
				e.at, e.n = e.at+int64(len(w)), e.n-int64(len(w))
				for ; len(w) >= rec; w = w[rec:] {
					row := base + int64(binary.LittleEndian.Uint32(w))
					if row >= 0 && row < sp.Rows {
						fn(row, binary.LittleEndian.Uint32(w[4:]), w[8:rec])
					}
				}
			}
		}
	}
	return nil
}

// Read fills dst with span i.
func (s *turnedSource) Read(ctx context.Context, i int, dst *chunk.Chunk) error {
	sp := s.plan[i]
	res, err := s.m.file.ledger().Reserve(memory.Host, "values of a span of a csc matrix", s.perRead(sp.NNZ))
	if err != nil {
		return err
	}
	defer res.Release()
	dst.Row0, dst.Rows, dst.Cols = sp.Row0, int(sp.Rows), int(s.m.Cols)
	dst.Indptr = sized(dst.Indptr, dst.Rows+1)
	clear(dst.Indptr)
	if err := s.records(ctx, sp, func(row int64, _ uint32, _ []byte) { dst.Indptr[row+1]++ }); err != nil {
		return err
	}
	for r := range dst.Rows {
		dst.Indptr[r+1] += dst.Indptr[r]
	}
	n := int(dst.Indptr[dst.Rows])
	size := s.t.Size()
	raw := alloc(nil, n*size)
	dst.Indices = sized(dst.Indices, n)
	err = s.records(ctx, sp, func(row int64, col uint32, value []byte) {
		at := dst.Indptr[row]
		dst.Indptr[row]++
		dst.Indices[at] = col
		copy(raw[int(at)*size:], value)
	})
	if err != nil {
		return err
	}
	copy(dst.Indptr[1:], dst.Indptr[:dst.Rows])
	dst.Indptr[0] = 0
	var v values
	v.start(dst, chunk.Kind(s.kind.Load()), n)
	if bad := v.put(s.t, raw); bad >= 0 {
		return s.m.errorf(errs.Data, "row %d: a whole number beyond 2^53, which no float holds exactly",
			sp.Row0+rowOf(dst.Indptr, int64(bad)))
	}
	if err := fill(s.m, dst, &v, s.t, 0); err != nil {
		return err
	}
	s.kind.Store(uint32(dst.Kind))
	return nil
}
