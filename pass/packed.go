package pass

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

// packedSource is a source whose pieces can be had as they are packed;
// chunk.Cached is one. What Packed returns has been verified, where it left
// memory in between.
type packedSource interface {
	chunk.Source
	PackedSize(i int) int64
	Packed(i int, buf []byte) ([]byte, error)
}

// unpacks returns the sweep's source, where its pieces can go to the backend
// packed, to be unpacked there: a little over one byte a value is copied, not
// eight. It returns nil where a step looks at the values on the host, and where
// host memory need not be copied at all.
func (s *Sweep) unpacks(b device.Backend) packedSource {
	src, ok := s.Source.(packedSource)
	if !ok || b.Info().Unified || !b.Supports((*kernels.Unpack)(nil).Kernel()) {
		return nil
	}
	for _, st := range s.Steps {
		if h, ok := st.(HostReader); ok && h.NeedsHost() {
			return nil
		}
	}
	return src
}

// packed is the feed of a worker whose device unpacks.
type packed struct {
	r               *run
	w               *Worker
	src             packedSource
	staging         device.Host   // as large as the largest packed piece
	own             device.Buffer // its place on the device, when Resident has none
	indptr, indices device.Buffer
	values          [3]device.Buffer // by kind, made when one is first met
	host            chunk.Chunk
	keep            *resident // the piece at hand, on its way to Resident
}

func (r *run) newPacked(w *Worker, src packedSource) (feed, error) {
	p := &packed{r: r, w: w, src: src}
	size := int64(1)
	for i := range r.spans {
		size = max(size, src.PackedSize(i))
	}
	var err error
	if p.staging, err = w.Backend.HostAlloc(size, "packed piece"); err != nil {
		return p, err
	}
	for _, a := range []struct {
		b    *device.Buffer
		n    int64
		what string
	}{
		{&p.own, size, "packed piece"},
		{&p.indptr, int64(r.maxRows+1) * 8, "row pointers of a piece"},
		{&p.indices, max(r.maxNNZ, 1) * 4, "gene indices of a piece"},
		{&p.values[chunk.Counts], max(r.maxNNZ, 1) * 4, "values of a piece"},
	} {
		if *a.b, err = w.Backend.Alloc(a.n, a.what); err != nil {
			return p, err
		}
	}
	return p, nil
}

// bring implements feed.
func (p *packed) bring(ctx context.Context, i int) (*chunk.Chunk, kernels.CSR, error) {
	piece, err := p.onDevice(ctx, i)
	if err != nil {
		return nil, kernels.CSR{}, err
	}
	h := &piece.head
	kind := chunk.Kind(h.Kind)
	if p.values[kind] == nil {
		if p.values[kind], err = p.w.Backend.Alloc(max(p.w.MaxNNZ, 1)*int64(kind.Bytes()), "values of a piece"); err != nil {
			return nil, kernels.CSR{}, err
		}
	}
	p.host = chunk.Chunk{Row0: p.r.spans[i].Row0, Rows: h.Rows, Cols: h.Cols, Kind: kind}
	x := kernels.CSR{
		Rows: h.Rows, Cols: h.Cols, NNZ: h.NNZ, Kind: kernels.ValueKind(kind),
		Indptr: p.indptr, Indices: p.indices, Values: p.values[kind],
	}
	return &p.host, x, p.w.Stream.Launch(&kernels.Unpack{Packed: piece.buf, Bytes: h.Size, X: x})
}

// onDevice returns packed piece i on the device, with its upload queued where it
// was not there.
func (p *packed) onDevice(ctx context.Context, i int) (*resident, error) {
	if piece := p.r.Resident.find(place{p.w.Backend, p.src, i}); piece != nil {
		p.w.did.Resident++
		return piece, nil
	}
	piece := &resident{buf: p.own}
	err := p.r.hostWork(ctx, p.w, func() (err error) {
		piece.head, err = p.fetch(i)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.w.did.Packed++
	room, err := p.r.Resident.room(p.w.Backend, piece.head.Size)
	if err != nil {
		return nil, err
	}
	if room != nil {
		piece.buf, p.keep = room, piece
	}
	return piece, p.w.Stream.Upload(piece.buf, 0, p.staging, 0, piece.head.Size)
}

// fetch puts the packed bytes of piece i into staging memory.
func (p *packed) fetch(i int) (pack.Header, error) {
	to := p.staging.Bytes()
	b, err := p.src.Packed(i, to)
	if err != nil {
		return pack.Header{}, err
	}
	h, err := pack.ReadHeader(b)
	if err != nil {
		return h, err
	}
	if !same(b, to) || h.Size != int64(len(b)) || h.Rows > p.w.MaxRows || h.NNZ > p.w.MaxNNZ || h.Cols != p.w.Cols {
		return h, errs.New(errs.Corrupt, "packed piece %d has %d rows, %d genes, %d values and %d bytes, other than it was planned with",
			i, h.Rows, h.Cols, h.NNZ, len(b))
	}
	return h, nil
}

// done implements feed.
func (p *packed) done(i int) {
	if p.keep != nil {
		p.r.Resident.keep(place{p.w.Backend, p.src, i}, p.keep)
		p.keep = nil
	}
}

// free implements feed.
func (p *packed) free() {
	if p.keep != nil {
		p.r.Resident.forget(p.w.Backend, p.keep.buf)
	}
	if p.staging != nil {
		p.staging.Free()
	}
	for _, b := range append(p.values[:], p.own, p.indptr, p.indices) {
		if b != nil {
			b.Free()
		}
	}
}
