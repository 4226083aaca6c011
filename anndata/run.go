package anndata

import (
	"context"
	"sort"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
)

// run1 reads runs of a 1-D dataset of numbers, HDF5 chunk by HDF5 chunk.
type run1 struct {
	ds      *hdf5.Dataset
	t       num
	big     bool
	n       int64 // elements
	chunk   int64 // elements of an HDF5 chunk; 0: contiguous or compact
	bytes   int64 // decoded bytes of a chunk
	shared  *straddle
	bounds  func(i int64) int64 // first element of span i; bounds(spans) is the end
	spans   int64
	keyBase int64 // keeps the chunks of two datasets apart in shared
}

// window is how much of a contiguous dataset is read at a time when it cannot
// go straight to its place: it should stay in the second-level cache.
const window = 128 << 10

// newRun1 opens a dataset for runs.
func newRun1(file string, ds *hdf5.Dataset) (*run1, error) {
	if len(ds.Dims()) != 1 || ds.Null() {
		return nil, errs.At(errs.Corrupt, file, ds.Path(), "not a list: its shape is %v", ds.Dims())
	}
	r := &run1{ds: ds, t: numOf(ds.Type()), big: ds.Type().BigEndian, n: ds.Dims()[0]}
	if r.t == notNum {
		return nil, errs.At(errs.Unsupported, file, ds.Path(), "holds no numbers but %s", ds.Type().Class)
	}
	if err := stored(ds); err != nil {
		return nil, err
	}
	if lay := ds.Layout(); lay.Class == hdf5.Chunked {
		r.chunk, r.bytes = lay.Chunk[0], ds.ChunkBytes()
		if _, err := ds.NumChunks(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// scratchBytes is what one reader needs beside the place of the values.
func (r *run1) scratchBytes() int64 {
	if r.chunk == 0 {
		return window
	}
	return r.bytes
}

// each hands the elements [lo, hi) on in order, in pieces, as bytes in the
// machine's order, aligned. direct, when not nil, gives the place where the
// next n elements belong when they can be decoded into it.
func (r *run1) each(ctx context.Context, s *scratch, span, lo, hi int64,
	direct func(n int) []byte, put func(raw []byte) error,
) error {
	size := int64(r.t.Size())
	for at := lo; at < hi; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.chunk == 0 {
			n := min(hi-at, window/size)
			if err := r.rows(ctx, s, at, n, direct, put); err != nil {
				return err
			}
			at += n
			continue
		}
		c0 := at - at%r.chunk
		end := min(c0+r.chunk, hi)
		k := r.ds.FindChunk(at)
		whole := at == c0 && end == c0+r.chunk
		var err error
		switch {
		case k < 0: // never written: the fill value
			err = r.rows(ctx, s, at, end-at, direct, put)
		case whole:
			err = r.wholeChunk(s, k, int(end-at), direct, put)
		default:
			err = r.part(ctx, s, k, span, c0, at, end, put)
		}
		if err != nil {
			return err
		}
		at = end
	}
	return nil
}

// rows reads n elements from at through the dataset's own row reader.
func (r *run1) rows(ctx context.Context, s *scratch, at, n int64, direct func(int) []byte, put func([]byte) error) error {
	var b []byte
	if direct != nil {
		b = direct(int(n))
	}
	if b == nil {
		b = s.bytes(int(n) * r.t.Size())
	}
	if err := r.ds.ReadRows(ctx, s.dec, b, at, at+n); err != nil {
		return err
	}
	toHost(b, r.t.Size(), r.big)
	return put(b)
}

func (r *run1) wholeChunk(s *scratch, k, n int, direct func(int) []byte, put func([]byte) error) error {
	var b []byte
	if direct != nil {
		b = direct(n)
	}
	if b == nil {
		b = s.bytes(int(r.bytes))
	}
	if r.shared != nil {
		r.shared.count()
	}
	if err := r.ds.DecodeChunk(s.dec, k, b); err != nil {
		return err
	}
	toHost(b, r.t.Size(), r.big)
	return put(b)
}

// part hands on the elements [at, end) of the chunk that begins at c0.
func (r *run1) part(ctx context.Context, s *scratch, k int, span, c0, at, end int64, put func([]byte) error) error {
	size := int64(r.t.Size())
	decode := func(dst []byte) error {
		if err := r.ds.DecodeChunk(s.dec, k, dst); err != nil {
			return err
		}
		toHost(dst, r.t.Size(), r.big)
		return nil
	}
	give := func(b []byte) error { return put(b[(at-c0)*size : (end-c0)*size]) }
	if r.shared == nil {
		b := s.bytes(int(r.bytes))
		if err := decode(b); err != nil {
			return err
		}
		return give(b)
	}
	first, last := r.overlap(c0, min(c0+r.chunk, r.n))
	return r.shared.use(ctx, r.keyBase+int64(k), span, first, last, s.bytes(int(r.bytes)), decode, give)
}

// overlap finds the first and last span that hold an element of [lo, hi). There
// may be empty spans between them.
func (r *run1) overlap(lo, hi int64) (first, last int64) {
	f := sort.Search(int(r.spans), func(i int) bool { return r.bounds(int64(i)+1) > lo })
	l := sort.Search(int(r.spans), func(i int) bool { return r.bounds(int64(i)) >= hi }) - 1
	return int64(f), int64(l)
}
