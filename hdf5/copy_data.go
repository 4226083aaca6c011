package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

const (
	copyPiece   = 1 << 20  // bytes of a contiguous dataset copied at once
	maxRefBytes = 64 << 20 // of a dataset of references, which is kept until Commit
)

// dataset copies a dataset.
func (c *copier) dataset(g *GroupWriter, name string, src *Dataset) error {
	d := &DatasetWriter{
		outObject: outObject{w: c.w, path: childPath(g.path, name)},
		kind:      src.Type(), dims: src.Dims(), index: undef, closed: true,
	}
	if err := c.describe(d, src); err != nil {
		return err
	}
	if err := c.attrs(&d.outObject, src); err != nil {
		return err
	}
	var err error
	switch {
	case src.Null():
	case d.kind.hasRef():
		err = c.references(d, src)
	case src.Layout().Class == Chunked:
		err = c.chunks(d, src)
	default:
		err = c.plain(d, src)
	}
	if err != nil {
		return err
	}
	g.touch()
	g.kids[name] = &child{data: d}
	c.note(src, g.kids[name], &d.outObject)
	return nil
}

// describe takes over type, shape and fill value.
func (c *copier) describe(d *DatasetWriter, src *Dataset) error {
	var err error
	if d.typ, err = encodeType(d.kind); err != nil {
		return errs.InFile(err, c.w.path)
	}
	d.space = encodeSpace(d.dims, false)
	if src.Null() {
		d.space = nullSpace()
	} else if src.Layout().Class == Chunked && !d.kind.hasRef() {
		d.space = encodeLimits(d.dims, src.MaxDims())
	}
	fillValue := src.FillValue()
	if fillValue == nil {
		return nil
	}
	h := c.rehomer(d)
	if err := h.all(d.kind, fillValue); err != nil {
		return err
	}
	if len(h.refs) > 0 || len(fillValue) > maxMessage-6 {
		return d.fault(errs.Unsupported, "a fill value of this kind cannot be copied")
	}
	flags := byte(0x2a) // a value, allocated late
	if src.Layout().Class == Chunked {
		flags = 0x2b // allocated chunk by chunk
	}
	d.fillMsg = append(le.AppendUint32([]byte{3, flags}, uint32(len(fillValue))), fillValue...)
	return nil
}

func (c *copier) rehomer(d *DatasetWriter) *rehomer {
	return &rehomer{w: c.w, file: c.file, heap: c.heap, what: d.path}
}

// encodeLimits gives a dataspace with largest sizes, -1 for none.
func encodeLimits(dims, limits []int64) []byte {
	b := encodeSpace(dims, false)
	if len(limits) != len(dims) || len(dims) == 0 {
		return b
	}
	b[2] = 1
	for _, n := range limits {
		b = le.AppendUint64(b, uint64(n)) // -1 is the format's "unlimited"
	}
	return b
}

// plain copies a compact or contiguous dataset, piece by piece.
func (c *copier) plain(d *DatasetWriter, src *Dataset) error {
	w := c.w
	size := int64(d.kind.Size)
	d.bytes = src.Len() * size
	if d.bytes == 0 || (src.at.class == Contiguous && src.at.addr == undef) {
		return nil // nothing was ever written: the fill value holds
	}
	if err := w.pipe.drain(); err != nil {
		return w.fail(err)
	}
	d.data = w.space.alloc(d.bytes)
	h := c.rehomer(d)
	piece := max(copyPiece/size, 1) * size
	buf := make([]byte, min(piece, d.bytes))
	for at := int64(0); at < d.bytes; at += piece {
		if err := w.ready(); err != nil {
			return err
		}
		b := buf[:min(piece, d.bytes-at)]
		if src.at.class == Compact {
			copy(b, src.at.compact[at:])
		} else if err := src.f.src.data(b, src.at.addr+uint64(at), "values"); err != nil {
			return src.fail(err)
		}
		if err := h.all(d.kind, b); err != nil {
			return err
		}
		if err := w.space.write(d.data+at, b); err != nil {
			return w.fail(err)
		}
	}
	return nil
}

// chunks copies a chunked dataset, in the order of its chunks: as they are
// stored, unless what they hold must be moved.
func (c *copier) chunks(d *DatasetWriter, src *Dataset) error {
	layout := src.Layout()
	d.chunk, d.filters = layout.Chunk, layout.Filters
	moved := d.kind.hasHeap()
	if moved {
		d.filters = encodable(d.filters, d.kind.Size)
	}
	n, err := src.NumChunks()
	if err != nil {
		return err
	}
	if err := c.w.pipe.begin(src.ChunkBytes(), moved); err != nil {
		return err
	}
	h := c.rehomer(d)
	for i := range n {
		if err := c.w.ready(); err != nil {
			return err
		}
		info := src.Chunk(i)
		place, inside, edge := d.locate(info.Offset)
		if !inside {
			continue
		}
		if moved {
			err = c.movedChunk(d, src, i, place, h)
		} else {
			mask := info.Mask
			if edge && src.at.rawEdges {
				mask = 1<<len(d.filters) - 1
			}
			err = c.storedChunk(d, src, i, place, info.Stored, mask)
		}
		if err != nil {
			return err
		}
	}
	if err := c.w.pipe.drain(); err != nil {
		return c.w.fail(err)
	}
	if d.index, err = d.writeIndex(); err != nil {
		return c.w.fail(err)
	}
	d.chunks = nil
	return nil
}

// locate gives the place of the chunk at an offset among all chunks, whether it
// lies within the shape, and whether it crosses its edge.
func (d *DatasetWriter) locate(offset []int64) (place int64, inside, edge bool) {
	inside = true
	for i, at := range offset {
		inside = inside && at < d.dims[i]
		edge = edge || at+d.chunk[i] > d.dims[i]
		if i > 0 {
			place *= (d.dims[i] + d.chunk[i] - 1) / d.chunk[i]
		}
		place += at / d.chunk[i]
	}
	return place, inside, edge
}

func (c *copier) storedChunk(d *DatasetWriter, src *Dataset, i int, place int64, size uint64, mask uint32) error {
	if size > 1<<32-1 {
		return d.fault(errs.Unsupported, "a chunk of %d bytes cannot be copied", size)
	}
	b, err := src.RawChunk(i, c.w.pipe.buffer(int(size)))
	if err != nil {
		return err
	}
	if err := c.w.pipe.stored(d, place, b, mask); err != nil {
		return c.w.fail(err)
	}
	return nil
}

func (c *copier) movedChunk(d *DatasetWriter, src *Dataset, i int, place int64, h *rehomer) error {
	b := c.w.pipe.buffer(int(src.ChunkBytes()))
	if err := src.DecodeChunk(c.dec, i, b); err != nil {
		return err
	}
	if err := h.all(d.kind, b); err != nil {
		return err
	}
	if err := c.w.pipe.submit(d, place, b); err != nil {
		return c.w.fail(err)
	}
	return nil
}

// encodable gives filters that the writer has: those of the source where it
// has them all, else gzip.
func encodable(fs []Filter, elem int) []Filter {
	for _, f := range fs {
		level := uint32(0)
		if len(f.Params) > 0 {
			level = f.Params[0]
		}
		switch {
		case f.ID == FilterShuffle && int(level) == elem:
		case f.ID == FilterDeflate && level >= 1 && level <= 9:
		case f.ID == FilterLZF, f.ID == FilterZstd && level >= 1 && level <= 22:
		default:
			return []Filter{{ID: FilterDeflate, Optional: true, Params: []uint32{DefaultGzipLevel}}}
		}
	}
	return fs
}

// references copies a dataset whose elements refer to objects. It becomes one
// run of bytes, kept until the addresses are known.
func (c *copier) references(d *DatasetWriter, src *Dataset) error {
	d.bytes = src.Len() * int64(d.kind.Size)
	if d.bytes > maxRefBytes {
		return d.fault(errs.Limit, "%d bytes of references are too many to copy", d.bytes)
	}
	if d.bytes == 0 {
		return nil
	}
	d.lateData = make([]byte, d.bytes)
	if err := src.ReadRows(c.w.o.Context, c.dec, d.lateData, 0, src.rows()); err != nil {
		return err
	}
	h := c.rehomer(d)
	if err := h.all(d.kind, d.lateData); err != nil {
		return err
	}
	d.late = h.refs
	return nil
}
