package hdf5

import (
	"slices"
	"sync"

	"github.com/gpusc/gpusc/internal/errs"
)

// Dataset is an open dataset. It is safe for concurrent use; decoding needs a
// Decoder per goroutine.
type Dataset struct {
	object
	typ        *Datatype
	space      space
	at         stored
	filters    []Filter
	fill       []byte // one element, nil: zeros
	chunkBytes int64

	mu    sync.Mutex
	index *chunkIndex // nil until loaded
}

// newDataset reads a dataset's description, but not its chunk index.
func newDataset(o object) (*Dataset, error) {
	d := &Dataset{object: o}
	var err error
	if d.typ, err = o.f.datatypeOf(o.h); err != nil {
		return nil, err
	}
	if err := d.readSpace(); err != nil {
		return nil, err
	}
	if o.h.find(msgExternal) != nil {
		return nil, unsupported(o.h.addr, "keeps its values in external files").
			Do("rewrite the file with h5repack")
	}
	m := o.h.find(msgLayout)
	b, err := o.f.body(m)
	if err != nil {
		return nil, err
	}
	if d.at, err = decodeLayout(b, m.addr); err != nil {
		return nil, err
	}
	if err := d.readFilters(); err != nil {
		return nil, err
	}
	if err := d.readFill(); err != nil {
		return nil, err
	}
	return d, d.check(m.addr)
}

func (d *Dataset) readSpace() error {
	m := d.h.find(msgDataspace)
	if m == nil {
		return corrupt(d.h.addr, "the dataset has no dataspace")
	}
	b, err := d.f.body(m)
	if err != nil {
		return err
	}
	d.space, err = decodeSpace(b)
	return atAddr(err, m.addr)
}

func (d *Dataset) readFilters() error {
	m := d.h.find(msgPipeline)
	if m == nil {
		return nil
	}
	b, err := d.f.body(m)
	if err != nil {
		return err
	}
	d.filters, err = decodePipeline(b)
	return atAddr(err, m.addr)
}

func (d *Dataset) readFill() error {
	m := d.h.find(msgFill)
	if m == nil {
		m = d.h.find(msgFillOld)
	}
	if m == nil {
		return nil
	}
	b, err := d.f.body(m)
	if err != nil {
		return err
	}
	d.fill, err = decodeFill(m.kind, b)
	if err == nil && d.fill != nil && len(d.fill) != d.typ.Size {
		err = errs.New(errs.Corrupt, "fill value of %d bytes for elements of %d", len(d.fill), d.typ.Size)
	}
	return atAddr(err, m.addr)
}

// check compares the messages with each other.
func (d *Dataset) check(addr uint64) error {
	total, over := mul(d.space.len, int64(d.typ.Size), false)
	if over {
		return corrupt(addr, "%d elements of %d bytes are more than a file can hold", d.space.len, d.typ.Size)
	}
	switch d.at.class {
	case Compact:
		if int64(len(d.at.compact)) < total {
			return corrupt(addr, "values truncated (have %d of %d bytes)", len(d.at.compact), total)
		}
	case Contiguous:
		if d.at.addr == undef {
			return nil
		}
		if d.at.size == undef {
			d.at.size = uint64(total)
		}
		if d.at.size < uint64(total) {
			return corrupt(addr, "values truncated (have %d of %d bytes)", d.at.size, total)
		}
		return d.f.src.check(d.at.addr, uint64(total), "values")
	case Chunked:
		return d.checkChunks(addr)
	}
	return nil
}

func (d *Dataset) checkChunks(addr uint64) error {
	if d.space.null {
		return nil
	}
	if len(d.at.chunk) != len(d.space.dims) {
		return corrupt(addr, "chunks of rank %d in a dataset of rank %d", len(d.at.chunk), len(d.space.dims))
	}
	if d.at.elem != int64(d.typ.Size) {
		return corrupt(addr, "chunks have elements of %d bytes, the datatype %d", d.at.elem, d.typ.Size)
	}
	d.chunkBytes = int64(d.typ.Size)
	var over bool
	for _, c := range d.at.chunk {
		d.chunkBytes, over = mul(d.chunkBytes, c, over)
	}
	if over || d.chunkBytes > d.f.limits.MaxChunkBytes {
		return errs.At(errs.Limit, "", atHex(addr), "a chunk of %d elements of %d bytes is over the limit of %d bytes",
			d.at.chunk, d.typ.Size, d.f.limits.MaxChunkBytes).Do("raise the chunk limit or rechunk the file")
	}
	return nil
}

// Type is the datatype of an element.
func (d *Dataset) Type() *Datatype { return d.typ }

// Dims is the shape, nil for a scalar.
func (d *Dataset) Dims() []int64 { return slices.Clone(d.space.dims) }

// MaxDims is the shape that the dataset may grow to; -1 is unlimited.
func (d *Dataset) MaxDims() []int64 { return slices.Clone(d.space.maxDims) }

// Null reports whether the dataset holds no value at all (h5py.Empty).
func (d *Dataset) Null() bool { return d.space.null }

// Len is the number of elements: 1 for a scalar, 0 for a null dataset.
func (d *Dataset) Len() int64 { return d.space.len }

// rows is the length of axis 0; a scalar is one row.
func (d *Dataset) rows() int64 {
	if len(d.space.dims) == 0 {
		return d.space.len
	}
	return d.space.dims[0]
}

// RowBytes is the bytes of one row along axis 0, of the whole for a scalar.
func (d *Dataset) RowBytes() int64 {
	n := int64(d.typ.Size)
	for _, v := range d.space.dims[min(1, len(d.space.dims)):] {
		n *= v
	}
	return n
}

// Layout is how the dataset is stored.
func (d *Dataset) Layout() Layout {
	return Layout{Class: d.at.class, Chunk: slices.Clone(d.at.chunk), Filters: slices.Clone(d.filters)}
}

// FillValue is the element that stands where nothing was written, as stored;
// nil means zeros.
func (d *Dataset) FillValue() []byte { return slices.Clone(d.fill) }

// StoredBytes is the size in the file of the values, without headers and
// indexes; 0 if the chunk index cannot be read.
func (d *Dataset) StoredBytes() int64 {
	switch d.at.class {
	case Compact:
		return int64(len(d.at.compact))
	case Contiguous:
		if d.at.addr == undef {
			return 0
		}
		return int64(d.at.size)
	}
	ix, err := d.load()
	if err != nil {
		return 0
	}
	var n uint64
	for i := range ix.addr {
		n += ix.stored(i)
	}
	return int64(n)
}
