package chunk

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
)

// Cached is a sealed Cache: a Source of its pieces, empty ones among them, in
// their order. Read and Packed may be called by several goroutines at once.
type Cached struct {
	c               *Cache
	spans           []Span
	rows, nnz       int64
	memory, scratch int64
	once            sync.Once
	err             error
}

// Shape implements Source.
func (d *Cached) Shape() (rows, cols int64) { return d.rows, d.c.o.Cols }

// Spans implements Source. Spans without rows stand for pieces without rows.
func (d *Cached) Spans() []Span { return d.spans }

// NNZ returns the number of stored values of all pieces.
func (d *Cached) NNZ() int64 { return d.nnz }

// Bytes returns how many packed bytes lie in memory and in the scratch file.
func (d *Cached) Bytes() (memory, scratch int64) { return d.memory, d.scratch }

// PackedSize returns the size of piece i, packed: what Packed needs as buffer.
// It is 0 where there is no such piece.
func (d *Cached) PackedSize(i int) int64 {
	p, err := d.at(i)
	if err != nil {
		return 0
	}
	return p.size
}

// Read implements Source. A scratch file that cannot be read is errs.Resource,
// one that holds other bytes than were written errs.Corrupt.
func (d *Cached) Read(ctx context.Context, i int, dst *Chunk) error {
	return d.read(ctx, i, dst, pack.Decode)
}

// ReadSelect is Read of some genes: gene c becomes genes[c], and is left out
// where that is negative; genes rises over those that stay, of which there are
// cols in the end. It is faster than Read and a choice afterwards.
func (d *Cached) ReadSelect(ctx context.Context, i int, genes []int32, cols int, dst *Chunk) error {
	return d.read(ctx, i, dst, func(b []byte, m *pack.Matrix, s *pack.Scratch) error {
		return pack.DecodeSelect(b, genes, cols, m, s)
	})
}

func (d *Cached) read(ctx context.Context, i int, dst *Chunk,
	decode func([]byte, *pack.Matrix, *pack.Scratch) error,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := d.at(i)
	if err != nil {
		return err
	}
	b := p.data
	if b == nil {
		buf, err := d.c.bufs.get(ctx, p.size)
		if err != nil {
			return err
		}
		defer d.c.bufs.put(buf)
		b = buf.data[:p.size]
		if err := d.load(b, p, i); err != nil {
			return err
		}
	}
	s := d.c.bufs.scratch()
	defer d.c.bufs.putScratch(s)
	m := pack.Matrix{Indptr: dst.Indptr, Indices: dst.Indices, Counts: dst.Counts, F32: dst.F32, F64: dst.F64}
	if err := decode(b, &m, s); errors.Is(err, errs.Usage) {
		return err
	} else if err != nil {
		return d.blame(err, i)
	}
	*dst = Chunk{
		Row0: d.spans[i].Row0, Rows: m.Rows, Cols: m.Cols, Kind: Kind(m.Kind),
		Indptr: m.Indptr, Indices: m.Indices, Counts: m.Counts, F32: m.F32, F64: m.F64,
	}
	return nil
}

// Packed returns the packed bytes of piece i, for whoever unpacks elsewhere.
// They are put into buf where it is large enough, else into a new slice.
func (d *Cached) Packed(i int, buf []byte) ([]byte, error) {
	p, err := d.at(i)
	if err != nil {
		return nil, err
	}
	if p.data != nil {
		return append(buf[:0], p.data...), nil
	}
	buf = slices.Grow(buf[:0], int(p.size))[:p.size]
	return buf, d.load(buf, p, i)
}

// View returns the packed bytes of piece i as they lie in memory, or false for
// a piece in the scratch file. They must not be changed, nor be used after
// Close: the memory is then gone.
func (d *Cached) View(i int) ([]byte, bool) {
	p, err := d.at(i)
	if err != nil || p.data == nil {
		return nil, false
	}
	return p.data[:p.size:p.size], true
}

// at returns where piece i lies.
func (d *Cached) at(i int) (*piece, error) {
	if i < 0 || i >= len(d.c.piece) {
		return nil, errs.New(errs.Usage, "no piece %d of %d, or the cache is closed", i, len(d.c.piece))
	}
	return &d.c.piece[i], nil
}

// load reads piece i from the scratch file and checks that it is that piece.
func (d *Cached) load(b []byte, p *piece, i int) error {
	if err := d.c.file.read(b, p.off); err != nil {
		return err
	}
	if err := pack.Verify(b); err != nil {
		return d.blame(err, i)
	}
	h, err := pack.ReadHeader(b)
	if err == nil && (int64(h.Rows) != p.rows || h.NNZ != p.nnz || h.Size != p.size || int64(h.Cols) != d.c.o.Cols) {
		err = errs.New(errs.Corrupt, "it is another piece: %d x %d with %d values", h.Rows, h.Cols, h.NNZ)
	}
	return d.blame(err, i)
}

// blame tells which piece went bad, in which folder.
func (d *Cached) blame(err error, i int) error {
	if err == nil {
		return nil
	}
	return errs.At(errs.Corrupt, d.c.o.Tmp, "", "piece %d of the cache has changed", i).Because(err).
		Do("check the disk, or give --tmp another folder")
}

// Close frees memory and scratch file. It implements Source; a second call
// does nothing.
func (d *Cached) Close() error {
	d.once.Do(func() { d.err = d.c.free() })
	return d.err
}
