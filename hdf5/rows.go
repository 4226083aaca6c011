package hdf5

import (
	"context"

	"github.com/gpusc/gpusc/internal/errs"
)

// ReadRows reads the raw bytes of rows [lo, hi) along axis 0 into dst, which
// must have (hi-lo)*RowBytes bytes, row-major and in the file's byte order.
// Places that were never written get the fill value. A scalar is one row. It
// works on the calling goroutine and looks at ctx between chunks.
func (d *Dataset) ReadRows(ctx context.Context, dec *Decoder, dst []byte, lo, hi int64) error {
	if lo < 0 || hi < lo || hi > d.rows() {
		return d.fail(errs.New(errs.Usage, "rows %d to %d of %d", lo, hi, d.rows()))
	}
	n, over := mul(hi-lo, d.RowBytes(), false)
	if over || int64(len(dst)) != n {
		return d.fail(errs.New(errs.Usage, "the buffer for rows %d to %d has %d bytes, want %d", lo, hi, len(dst), n))
	}
	if n == 0 {
		return nil
	}
	switch d.at.class {
	case Compact:
		copy(dst, d.at.compact[lo*d.RowBytes():])
		return nil
	case Contiguous:
		return d.fail(d.contiguous(ctx, dst, lo*d.RowBytes()))
	}
	return d.fail(d.chunkRows(ctx, dec, dst, lo, hi))
}

// readPiece is how much a contiguous read takes between looks at ctx.
const readPiece = 8 << 20

func (d *Dataset) contiguous(ctx context.Context, dst []byte, off int64) error {
	if d.at.addr == undef {
		fillWith(dst, d.fill)
		return nil
	}
	addr := d.at.addr + uint64(off)
	for len(dst) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(dst), readPiece)
		if err := d.f.src.data(dst[:n], addr, "values"); err != nil {
			return err
		}
		dst, addr = dst[n:], addr+uint64(n)
	}
	return nil
}

// fillWith repeats a fill value; nil stands for zeros.
func fillWith(dst, fill []byte) {
	if fill == nil {
		clear(dst)
		return
	}
	n := copy(dst, fill)
	for n < len(dst) {
		n += copy(dst[n:], dst[:n])
	}
}

// chunkRows reads rows of a chunked dataset.
func (d *Dataset) chunkRows(ctx context.Context, dec *Decoder, dst []byte, lo, hi int64) error {
	ix, err := d.load()
	if err != nil {
		return err
	}
	if uint64(len(ix.addr)) < ix.cells {
		fillWith(dst, d.fill)
	}
	// The stored chunks of the rows are neighbours in the index.
	perRow := uint64(1)
	for _, g := range ix.grid[1:] {
		perRow *= uint64(g)
	}
	c0 := d.at.chunk[0]
	first, end := ix.from(uint64(lo/c0)*perRow), ix.from(uint64((hi-1)/c0+1)*perRow)
	whole := true
	for k := 1; k < len(d.at.chunk); k++ {
		whole = whole && d.at.chunk[k] == d.space.dims[k]
	}
	for i := first; i < end; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		off := d.offset(ix, i)
		if whole && off[0] >= lo && off[0]+c0 <= hi {
			p := dst[(off[0]-lo)*d.RowBytes():]
			if err := d.decode(dec, ix, i, p[:d.chunkBytes:d.chunkBytes]); err != nil {
				return err
			}
			continue
		}
		b, err := dec.kept(d, ix, i)
		if err != nil {
			return err
		}
		d.copyChunk(dst, b, off, lo, hi)
	}
	return nil
}

// from gives the first stored chunk at or after a place of the grid.
func (x *chunkIndex) from(place uint64) int {
	if x.lin == nil {
		return int(min(place, uint64(len(x.addr))))
	}
	lo, hi := 0, len(x.lin)
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		if x.lin[m] < place {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// copyChunk copies what a decoded chunk has of rows [lo, hi) into dst.
func (d *Dataset) copyChunk(dst, chunk []byte, off []int64, lo, hi int64) {
	rank := len(off)
	b := box{
		elem: int64(d.typ.Size), ext: make([]int64, rank),
		srcDims: d.at.chunk, srcAt: make([]int64, rank),
		dstDims: d.space.dims, dstAt: make([]int64, rank),
	}
	for k, o := range off {
		from, to := o, min(o+d.at.chunk[k], d.space.dims[k])
		if k == 0 {
			from, to = max(from, lo), min(to, hi)
		}
		b.ext[k], b.srcAt[k], b.dstAt[k] = to-from, from-o, from
	}
	b.dstAt[0] -= lo
	b.copy(dst, chunk)
}

// box is a copy of a block of elements from one array into another.
type box struct {
	elem           int64 // bytes
	ext            []int64
	srcDims, srcAt []int64
	dstDims, dstAt []int64
}

// copy does the copy, in runs as long as both arrays have in one piece.
func (b *box) copy(dst, src []byte) {
	k := len(b.ext) - 1
	run := b.elem
	for k > 0 && b.ext[k] == b.srcDims[k] && b.ext[k] == b.dstDims[k] {
		run *= b.ext[k]
		k--
	}
	b.axis(0, k, dst, src, run)
}

// axis copies along axis i; k is the axis of the runs, of run bytes a step.
func (b *box) axis(i, k int, dst, src []byte, run int64) {
	ds, ss := b.elem, b.elem
	for j := i + 1; j < len(b.ext); j++ {
		ds *= b.dstDims[j]
		ss *= b.srcDims[j]
	}
	dst, src = dst[b.dstAt[i]*ds:], src[b.srcAt[i]*ss:]
	if i == k {
		copy(dst[:b.ext[k]*run], src)
		return
	}
	for n := range b.ext[i] {
		b.axis(i+1, k, dst[n*ds:], src[n*ss:], run)
	}
}
