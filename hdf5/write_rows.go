package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// Append adds whole rows, as raw little-endian elements; p may be used again
// afterwards. Complete chunks are compressed by other goroutines, but take
// their places in the order in which they became complete.
func (d *DatasetWriter) Append(p []byte) error {
	if err := d.accept(int64(len(p))); err != nil || len(p) == 0 {
		return err
	}
	if d.chunk == nil {
		at := d.data + d.rows*d.rowBytes
		d.rows += int64(len(p)) / d.rowBytes
		if err := d.w.space.write(at, p); err != nil {
			return d.w.fail(err)
		}
		return nil
	}
	d.rows += int64(len(p)) / d.rowBytes
	if d.band == nil {
		d.band = d.w.pipe.buffer(int(d.chunk[0] * d.rowBytes))
	}
	for len(p) > 0 {
		n := copy(d.band[d.filled:], p)
		p = p[n:]
		if d.filled += n; d.filled == len(d.band) {
			if err := d.flushBand(); err != nil {
				return d.w.fail(err)
			}
		}
	}
	return nil
}

// accept checks that n more bytes may come.
func (d *DatasetWriter) accept(n int64) error {
	if err := d.w.ready(); err != nil {
		return err
	}
	switch {
	case d.closed:
		return d.fault(errs.Usage, "the dataset is closed")
	case n > 0 && (d.rowBytes == 0 || n%d.rowBytes != 0):
		return d.fault(errs.Usage, "%d bytes are not a whole number of rows of %d bytes", n, d.rowBytes)
	case n == 0 || d.grows:
		return nil
	}
	want := int64(1)
	if len(d.dims) > 0 {
		want = d.dims[0]
	}
	if n/d.rowBytes > want-d.rows {
		return d.fault(errs.Usage, "%d more rows do not fit: %d of %d are written", n/d.rowBytes, d.rows, want)
	}
	return nil
}

// flushBand hands the full band over, as one chunk or cut into several.
func (d *DatasetWriter) flushBand() error {
	p := d.w.pipe
	tiles := int64(1)
	for i := 1; i < len(d.dims); i++ {
		tiles *= (d.dims[i] + d.chunk[i] - 1) / d.chunk[i]
	}
	first := d.bands * tiles
	d.bands++
	d.filled = 0
	if tiles == 1 && int64(len(d.band)) == d.chunkBytes() {
		full := d.band
		d.band = nil
		if err := p.submit(d, first, full); err != nil {
			return err
		}
		d.band = p.buffer(len(full))
		return nil
	}
	at := make([]int64, len(d.dims))
	for t := range tiles {
		rest := t
		for i := len(d.dims) - 1; i > 0; i-- {
			n := (d.dims[i] + d.chunk[i] - 1) / d.chunk[i]
			at[i] = rest % n * d.chunk[i]
			rest /= n
		}
		tile := p.buffer(int(d.chunkBytes()))
		d.gather(tile, d.band, at)
		if err := p.submit(d, first+t, tile); err != nil {
			return err
		}
	}
	return nil
}

// gather copies the tile whose first element is at, zeros beyond the edge.
func (d *DatasetWriter) gather(tile, band []byte, at []int64) {
	clear(tile)
	// stride[i]: bytes of one step along axis i, in the tile and in the band.
	n := len(d.dims)
	ts, bs := make([]int64, n), make([]int64, n)
	ts[n-1], bs[n-1] = int64(d.kind.Size), int64(d.kind.Size)
	for i := n - 2; i >= 0; i-- {
		ts[i] = ts[i+1] * d.chunk[i+1]
		bs[i] = bs[i+1] * d.dims[i+1]
	}
	var walk func(axis int, t, b int64)
	walk = func(axis int, t, b int64) {
		count := d.chunk[axis]
		if axis > 0 {
			count = min(count, d.dims[axis]-at[axis])
			b += at[axis] * bs[axis]
		}
		if axis == n-1 {
			copy(tile[t:t+count*ts[axis]], band[b:])
			return
		}
		for i := range count {
			walk(axis+1, t+i*ts[axis], b+i*bs[axis])
		}
	}
	walk(0, 0, 0)
}

// WriteStrings adds strings to a dataset whose type is a string of variable
// length, or of a fixed length that holds them all.
func (d *DatasetWriter) WriteStrings(s []string) error {
	const batch = 1024
	if err := d.w.ready(); err != nil {
		return err
	}
	var buf []byte
	for len(s) > 0 {
		n := min(batch, len(s))
		buf = buf[:0]
		for _, x := range s[:n] {
			var err error
			if buf, err = d.appendString(buf, x); err != nil {
				return err
			}
		}
		if err := d.Append(buf); err != nil {
			return err
		}
		s = s[n:]
	}
	return nil
}

func (d *DatasetWriter) appendString(b []byte, s string) ([]byte, error) {
	switch d.kind.Class {
	case ClassVLenString:
		b, err := d.w.heap.ref(b, []byte(s), len(s))
		if err != nil {
			return b, d.w.fail(err)
		}
		return b, nil
	case ClassString:
		if len(s) > d.kind.Size {
			return b, d.fault(errs.Data, "%q is longer than %d bytes", s, d.kind.Size)
		}
		return padTo(append(b, s...), len(b)+d.kind.Size), nil
	}
	return b, d.fault(errs.Usage, "the dataset does not hold strings")
}

// Scalar makes a dataset with a value of its own, of the types that SetAttr
// takes; a list makes one axis.
func (g *GroupWriter) Scalar(name string, v any) (*DatasetWriter, error) {
	d, err := g.small(name)
	if err != nil {
		return nil, err
	}
	var a attrWriter
	a.name = name
	if err := a.set(&d.outObject, v); err != nil {
		return nil, err
	}
	d.typ, d.space, d.late = a.typ, a.space, a.refs
	d.bytes = int64(len(a.data))
	switch {
	case len(a.refs) > 0:
		d.lateData = a.data
	case len(a.data) > 0:
		if err := g.w.pipe.drain(); err != nil {
			return nil, g.w.fail(err)
		}
		if d.data, err = g.w.space.put(a.data); err != nil {
			return nil, g.w.fail(err)
		}
	}
	g.touch()
	g.kids[name] = &child{data: d}
	return d, nil
}

// Null makes a dataset with an empty dataspace, which stands for no value.
func (g *GroupWriter) Null(name string) (*DatasetWriter, error) {
	d, err := g.small(name)
	if err != nil {
		return nil, err
	}
	if d.typ, err = encodeType(Float32()); err != nil {
		return nil, err
	}
	d.space = nullSpace()
	g.touch()
	g.kids[name] = &child{data: d}
	return d, nil
}

// small begins a dataset that is complete at once.
func (g *GroupWriter) small(name string) (*DatasetWriter, error) {
	if err := g.w.ready(); err != nil {
		return nil, err
	}
	if err := g.vacant(name); err != nil {
		return nil, err
	}
	return &DatasetWriter{outObject: outObject{w: g.w, path: childPath(g.path, name)}, index: undef, closed: true}, nil
}
