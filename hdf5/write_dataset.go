package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Spec describes a new dataset.
type Spec struct {
	Type *Datatype
	// Dims is the shape, nil for a scalar. Dims[0] of -1 means that the first
	// axis grows with Append; such a dataset has chunks.
	Dims []int64
	// Chunk is the shape of a chunk; nil means one run of bytes, without
	// compression. AutoChunk gives a good one.
	Chunk       []int64
	Compression Compression
}

// AutoChunk returns a chunk of whole rows of about 256 KiB, elem bytes an
// element; rest is the shape without the first axis. Rows longer than 1 MiB
// are cut along the second axis.
func AutoChunk(elem int, rest ...int64) []int64 {
	const want, most = 256 << 10, 1 << 20
	chunk := append([]int64{1}, rest...)
	row := int64(elem)
	for _, n := range rest {
		row = min(row*max(n, 1), 1<<40)
	}
	if row > most && len(rest) > 0 {
		inner := max(row/max(rest[0], 1), 1)
		chunk[1] = max(want/inner, 1)
		row = inner * chunk[1]
	}
	chunk[0] = max(want/row, 1)
	return chunk
}

// DatasetWriter takes the rows of one dataset.
type DatasetWriter struct {
	outObject
	typ      []byte
	kind     *Datatype
	space    []byte // the dataspace message where dims do not say it
	dims     []int64
	grows    bool
	chunk    []int64
	filters  []Filter
	fillMsg  []byte
	rows     int64 // appended so far
	rowBytes int64
	band     []byte // chunk[0] rows, being filled
	filled   int
	bands    int64
	chunks   []chunkRef
	data     int64 // contiguous: address
	bytes    int64 // contiguous: size
	index    uint64
	late     []refAt // references in lateData, known at the end
	lateData []byte
	closed   bool
	listed   bool // GroupWriter.collect has been here
	res      *memory.Reservation
}

const (
	maxChunkBytes = 1 << 30
	maxDataset    = int64(1) << 60
)

// Dataset makes a dataset in the group. Nothing is known of its rows yet:
// they come with Append or WriteStrings. A name in use, or a shape that HDF5
// cannot have, is an errs.Usage error; too little memory for the chunk buffers
// errs.Budget.
func (g *GroupWriter) Dataset(name string, s Spec) (*DatasetWriter, error) {
	if err := g.w.ready(); err != nil {
		return nil, err
	}
	if err := g.vacant(name); err != nil {
		return nil, err
	}
	d := &DatasetWriter{outObject: outObject{w: g.w, path: childPath(g.path, name)}, kind: s.Type}
	if err := d.shape(s); err != nil {
		return nil, errs.InFile(err, g.w.path)
	}
	if d.chunk != nil {
		var err error
		if d.filters, err = s.Compression.filters(d.kind.Size, int(d.chunkBytes())); err != nil {
			return nil, errs.InFile(err, g.w.path)
		}
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	g.touch()
	g.kids[name] = &child{data: d}
	return d, nil
}

// shape checks the spec and takes it over.
func (d *DatasetWriter) shape(s Spec) error {
	var err error
	if d.typ, err = encodeType(s.Type); err != nil {
		return err
	}
	if len(d.typ) > maxMessage || s.Type.Size <= 0 {
		return d.fault(errs.Usage, "the type is too large")
	}
	if len(s.Dims) > maxRank || (s.Chunk != nil && len(s.Chunk) != len(s.Dims)) {
		return d.fault(errs.Usage, "%d axes, and chunks of %d", len(s.Dims), len(s.Chunk))
	}
	if s.Dims != nil {
		d.dims = append([]int64{}, s.Dims...)
	}
	d.rowBytes = int64(s.Type.Size)
	empty := false
	for i, n := range s.Dims {
		if n == -1 && i == 0 {
			d.grows, d.dims[0] = true, 0
			continue
		}
		if n < 0 || (n > 0 && i > 0 && d.rowBytes > maxDataset/n) {
			return d.fault(errs.Usage, "%v cannot be a shape", s.Dims)
		}
		empty = empty || n == 0
		if i > 0 {
			d.rowBytes *= n
		}
	}
	if d.grows && (s.Chunk == nil || d.rowBytes == 0) {
		return d.fault(errs.Usage, "a dataset that grows needs chunks and rows that are not empty")
	}
	if len(s.Dims) > 0 && !d.grows && d.rowBytes > 0 && s.Dims[0] > maxDataset/d.rowBytes {
		return d.fault(errs.Usage, "%v is too large a shape", s.Dims)
	}
	if s.Chunk == nil || len(s.Dims) == 0 || empty {
		return nil
	}
	return d.cut(s.Chunk)
}

// cut takes over the shape of the chunks, no larger than the dataset.
func (d *DatasetWriter) cut(chunk []int64) error {
	d.chunk = append([]int64(nil), chunk...)
	total := int64(d.kind.Size)
	for i, c := range d.chunk {
		if i > 0 || !d.grows {
			c = min(c, d.dims[i])
		}
		if c <= 0 || total > maxChunkBytes/c {
			return d.fault(errs.Usage, "%v cannot be the shape of a chunk", chunk).
				Do("choose chunks of at most 1 GiB")
		}
		total *= c
		d.chunk[i] = c
	}
	if band := d.chunk[0]; d.rowBytes > maxDataset/band {
		return d.fault(errs.Usage, "%v is too large a shape", d.dims)
	}
	return nil
}

func (d *DatasetWriter) chunkBytes() int64 {
	n := int64(d.kind.Size)
	for _, c := range d.chunk {
		n *= c
	}
	return n
}

// begin sets space or buffers aside.
func (d *DatasetWriter) begin() error {
	w := d.w
	d.index = undef
	if d.chunk == nil {
		d.bytes = d.rowBytes
		if len(d.dims) > 0 {
			d.bytes *= d.dims[0]
		}
		if d.bytes > 0 {
			if err := w.pipe.drain(); err != nil {
				return w.fail(err)
			}
			d.data = w.space.alloc(d.bytes)
		}
		w.open = append(w.open, d)
		return nil
	}
	if err := w.pipe.begin(d.chunkBytes(), len(d.filters) > 0); err != nil {
		return err
	}
	band := d.chunk[0] * d.rowBytes
	if l := w.o.Ledger; l != nil {
		var err error
		if d.res, err = l.Reserve(memory.Host, "rows of "+d.path, band); err != nil {
			return err
		}
	}
	w.open = append(w.open, d)
	return nil
}

// drop gives the buffers back.
func (d *DatasetWriter) drop() {
	d.res.Release()
	d.res, d.band, d.closed = nil, nil, true
}

// forget takes a deleted dataset out of the open ones.
func (w *Writer) forget(d *DatasetWriter) {
	d.drop()
	for i, x := range w.open {
		if x == d {
			w.open = append(w.open[:i], w.open[i+1:]...)
			return
		}
	}
}

// Path returns the path of the dataset within the file.
func (d *DatasetWriter) Path() string { return d.path }

// Ref returns a reference to the dataset, for SetAttr.
func (d *DatasetWriter) Ref() Ref { return Ref{&d.outObject} }

// Rows returns the number of rows appended so far.
func (d *DatasetWriter) Rows() int64 { return d.rows }

// Close writes the last, partial chunk and the index of the chunks. Commit
// closes what is open. Fewer rows than the shape has are an errs.Usage error.
func (d *DatasetWriter) Close() error {
	if d.closed {
		return d.w.err
	}
	w := d.w
	if err := w.ready(); err != nil {
		return err
	}
	want := int64(1)
	if len(d.dims) > 0 {
		want = d.dims[0]
	}
	if !d.grows && d.rows != want && d.rowBytes > 0 {
		return d.fault(errs.Usage, "only %d of its %d rows were written", d.rows, want)
	}
	if d.chunk != nil {
		if err := d.finish(); err != nil {
			return w.fail(err)
		}
	}
	w.forget(d)
	return nil
}

// finish flushes the partial band and writes the index.
func (d *DatasetWriter) finish() error {
	if d.filled > 0 {
		clear(d.band[d.filled:])
		if err := d.flushBand(); err != nil {
			return err
		}
	}
	if err := d.w.pipe.drain(); err != nil {
		return err
	}
	if d.grows {
		d.dims[0] = d.rows
	}
	var err error
	d.index, err = d.writeIndex()
	d.chunks = nil
	return err
}

// messages gives all messages but the attributes.
func (d *DatasetWriter) messages() []byte {
	space := d.space
	if space == nil {
		space = encodeSpace(d.dims, d.grows)
	}
	m := appendMessage(nil, msgDataspace, 0, space)
	m = appendMessage(m, msgDatatype, 1, d.typ)
	fillMsg := d.fillMsg
	if fillMsg == nil {
		fillMsg = []byte{3, 0x0a} // allocated late, zeros unless a value is set
		if d.chunk != nil {
			fillMsg = []byte{3, 0x0b}
		}
	}
	m = appendMessage(m, msgFill, 1, fillMsg)
	if d.chunk == nil {
		at := undef
		if d.data != 0 {
			at = uint64(d.data)
		}
		l := le.AppendUint64([]byte{3, 1}, at)
		return appendMessage(m, msgLayout, 0, le.AppendUint64(l, uint64(d.bytes)))
	}
	l := le.AppendUint64([]byte{3, 2, byte(len(d.dims) + 1)}, d.index)
	for _, c := range d.chunk {
		l = le.AppendUint32(l, uint32(c))
	}
	m = appendMessage(m, msgLayout, 0, le.AppendUint32(l, uint32(d.kind.Size)))
	if len(d.filters) > 0 {
		m = appendMessage(m, msgPipeline, 1, encodeFilters(d.filters))
	}
	return m
}

// encodeFilters gives the body of a version 2 filter message.
func encodeFilters(fs []Filter) []byte {
	b := []byte{2, byte(len(fs))}
	for _, f := range fs {
		b = le.AppendUint16(b, f.ID)
		name := ""
		if f.ID >= 256 {
			if name = f.Name; name != "" {
				name += "\x00"
			}
			b = le.AppendUint16(b, uint16(len(name)))
		}
		b = le.AppendUint16(b, uint16(boolByte(f.Optional)))
		b = le.AppendUint16(b, uint16(len(f.Params)))
		b = append(b, name...)
		for _, p := range f.Params {
			b = le.AppendUint32(b, p)
		}
	}
	return b
}

func (d *DatasetWriter) plan() error {
	if d.lateData != nil {
		d.data = d.w.space.alloc(int64(len(d.lateData)))
	}
	return d.place(len(d.messages()))
}

func (d *DatasetWriter) emit() error {
	if d.lateData != nil {
		if err := fillRefs(d.w, d.lateData, d.late); err != nil {
			return err
		}
		if err := d.w.space.write(d.data, d.lateData); err != nil {
			return err
		}
	}
	return d.writeHeader(d.messages())
}
