package hdf5

import (
	"context"

	"github.com/gpusc/gpusc/internal/errs"
)

// blockBytes is how much of a dataset the whole-dataset reads take at once.
const blockBytes = 4 << 20

// blockRows is how many rows a whole-dataset read takes at once: whole rows of
// chunks, so that no chunk is decoded twice.
func (d *Dataset) blockRows() int64 {
	n := max(1, blockBytes/max(1, d.RowBytes()))
	if d.at.class == Chunked {
		c := d.at.chunk[0]
		n = max(1, n/c) * c
	}
	return min(n, max(1, d.rows()))
}

// within checks that a result of Len elements of size bytes each, and the
// values themselves, keep to a limit; 0 is the File's MaxAlloc.
func (d *Dataset) within(limit int64, size int) (int64, error) {
	if limit <= 0 {
		limit = d.f.limits.MaxAlloc
	}
	n, over := mul(d.space.len, int64(max(size, d.typ.Size)), false)
	if over || n > limit {
		return 0, errs.New(errs.Limit, "%d elements of %d bytes are over the limit of %d bytes", d.space.len, size, limit).
			Do("raise the limit")
	}
	return limit, nil
}

// blocks reads the dataset in blocks of rows and gives each to use.
func (d *Dataset) blocks(ctx context.Context, dec *Decoder, use func(raw []byte) error) error {
	rows, step := d.rows(), d.blockRows()
	if d.space.null || d.space.len == 0 {
		return nil
	}
	buf := make([]byte, step*d.RowBytes())
	for lo := int64(0); lo < rows; lo += step {
		hi := min(lo+step, rows)
		b := buf[:(hi-lo)*d.RowBytes()]
		if err := d.ReadRows(ctx, dec, b, lo, hi); err != nil {
			return err
		}
		if err := use(b); err != nil {
			return d.fail(err)
		}
	}
	return nil
}

// readAll reads a whole dataset through a conversion of raw elements.
func readAll[T any](d *Dataset, limit int64, size int, conv func([]T, []byte) ([]T, error)) ([]T, error) {
	if _, err := d.within(limit, size); err != nil {
		return nil, d.fail(err)
	}
	out := make([]T, 0, d.space.len)
	err := d.blocks(context.Background(), NewDecoder(), func(raw []byte) (err error) {
		out, err = conv(out, raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ReadInt64s reads a whole dataset of integers, enums or bools, row-major.
// limit bounds the result in bytes; 0 is the File's MaxAlloc.
func (d *Dataset) ReadInt64s(limit int64) ([]int64, error) {
	return readAll(d, limit, 8, func(dst []int64, raw []byte) ([]int64, error) {
		return appendInts(dst, d.typ, raw)
	})
}

// ReadFloat64s reads a whole dataset of numbers of any kind, row-major. limit
// is as for ReadInt64s.
func (d *Dataset) ReadFloat64s(limit int64) ([]float64, error) {
	return readAll(d, limit, 8, func(dst []float64, raw []byte) ([]float64, error) {
		return appendFloats(dst, d.typ, raw)
	})
}

// ReadBools reads a whole dataset of bools, or of integers of which those that
// are not zero are true. limit is as for ReadInt64s.
func (d *Dataset) ReadBools(limit int64) ([]bool, error) {
	var tmp []int64
	return readAll(d, limit, 1, func(dst []bool, raw []byte) ([]bool, error) {
		var err error
		if tmp, err = appendInts(tmp[:0], d.typ, raw); err != nil {
			return nil, err
		}
		for _, v := range tmp {
			dst = append(dst, v != 0)
		}
		return dst, nil
	})
}

// ReadStrings reads a whole dataset of strings of fixed or variable length.
// limit bounds their bytes plus 16 for each.
func (d *Dataset) ReadStrings(limit int64) ([]string, error) {
	limit, err := d.within(limit, stringHeader)
	if err != nil {
		return nil, d.fail(err)
	}
	h, b := &globalHeap{f: d.f}, &budget{limit}
	return readAll(d, limit, stringHeader, func(dst []string, raw []byte) ([]string, error) {
		return appendStrings(dst, h, d.typ, raw, b)
	})
}

// ReadRefs reads a whole dataset of object references, for File.Deref; a null
// reference is 0. limit is as for ReadInt64s.
func (d *Dataset) ReadRefs(limit int64) ([]uint64, error) {
	return readAll(d, limit, 8, func(dst []uint64, raw []byte) ([]uint64, error) {
		return appendRefs(dst, d.typ, raw)
	})
}

// ReadBytes reads the raw bytes of a whole dataset, in the file's byte order.
// limit bounds them; 0 is the File's MaxAlloc.
func (d *Dataset) ReadBytes(limit int64) ([]byte, error) {
	if _, err := d.within(limit, d.typ.Size); err != nil {
		return nil, d.fail(err)
	}
	if d.space.null {
		return nil, nil
	}
	out := make([]byte, d.space.len*int64(d.typ.Size))
	if err := d.ReadRows(context.Background(), NewDecoder(), out, 0, d.rows()); err != nil {
		return nil, err
	}
	return out, nil
}

// StringReader turns raw elements of a string type into strings. It keeps the
// heap blocks read last and belongs to one goroutine.
type StringReader struct {
	d *Dataset
	h globalHeap
}

// NewStringReader makes a StringReader for a dataset of strings, to be used
// with the bytes that ReadRows gives.
func (d *Dataset) NewStringReader() (*StringReader, error) {
	if !d.typ.IsString() {
		return nil, d.fail(wrongType(d.typ, "a string"))
	}
	return &StringReader{d: d, h: globalHeap{f: d.f}}, nil
}

// Append converts raw elements and appends them to dst. limit bounds their
// bytes plus 16 for each; 0 is the File's MaxAlloc.
func (r *StringReader) Append(dst []string, raw []byte, limit int64) ([]string, error) {
	if limit <= 0 {
		limit = r.d.f.limits.MaxAlloc
	}
	dst, err := appendStrings(dst, &r.h, r.d.typ, raw, &budget{limit})
	return dst, r.d.fail(err)
}
