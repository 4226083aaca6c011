package hdf5

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gpusc/gpusc/internal/errs"
)

// maxDepth bounds how deep Walk goes, as a path is kept for every level.
const maxDepth = 256

// Walk calls fn with every object that hard links lead to from the root,
// each once, groups before what is in them, names in order. What cannot be
// opened is given as nil with the error. An error that fn returns ends the
// walk and is returned.
func (f *File) Walk(fn func(o Object, err error) error) error {
	w := &walker{f: f, fn: fn, seen: map[uint64]bool{f.root.Addr(): true}}
	return w.visit(f.root, 0)
}

type walker struct {
	f    *File
	fn   func(Object, error) error
	seen map[uint64]bool
}

func (w *walker) visit(o Object, depth int) error {
	if err := w.fn(o, nil); err != nil {
		return err
	}
	g, ok := o.(*Group)
	if !ok {
		return nil
	}
	if depth > maxDepth {
		return w.fn(nil, errs.At(errs.Limit, w.f.name, g.path, "groups are nested more than %d deep", maxDepth))
	}
	links, err := g.Links()
	if err != nil {
		return w.fn(nil, err)
	}
	for _, l := range links {
		if l.Kind != Hard || w.seen[l.Addr] {
			continue
		}
		w.seen[l.Addr] = true
		o, err := w.f.open(l.Addr, g.join(l.Name))
		if err != nil {
			err = w.fn(nil, err)
		} else {
			err = w.visit(o, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// VerifyOptions says how Verify works. The zero value is one thread, silent.
type VerifyOptions struct {
	Threads int
	// Progress, if not nil, is told of every dataset that is done: its path
	// and the stored bytes that were read of it. One call at a time.
	Progress func(path string, stored int64)
}

// maxFaults is how many faults Verify collects before it gives up.
const maxFaults = 100

// Verify reads everything: every header, link, attribute, chunk and string,
// and with them every checksum that the file has. It collects up to 100 faults
// and returns them joined; an object that needs what the reader refuses counts
// as a fault of kind errs.Unsupported.
func (f *File) Verify(ctx context.Context, o VerifyOptions) error {
	v := &verifier{f: f, o: o}
	v.o.Threads = max(1, o.Threads)
	for range v.o.Threads {
		v.decs = append(v.decs, NewDecoder())
	}
	err := f.Walk(func(o Object, err error) error {
		if e := ctx.Err(); e != nil {
			return e
		}
		if err == nil {
			err = v.object(ctx, o)
		}
		return v.fault(ctx, err)
	})
	if err != nil && !errors.Is(err, errTooMany) {
		return err
	}
	return errors.Join(v.faults...)
}

var errTooMany = errors.New("too many faults")

type verifier struct {
	f      *File
	o      VerifyOptions
	decs   []*Decoder
	mu     sync.Mutex
	faults []error
}

// fault notes an error; it returns one if there is no point in going on.
func (v *verifier) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if e := ctx.Err(); e != nil {
		return e
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, err)
	if len(v.faults) >= maxFaults {
		return errTooMany
	}
	return nil
}

func (v *verifier) object(ctx context.Context, o Object) error {
	attrs, err := o.Attrs()
	if err != nil {
		return err
	}
	for _, a := range attrs {
		if err := a.verify(); err != nil {
			return err
		}
	}
	d, ok := o.(*Dataset)
	if !ok {
		return nil
	}
	if err := v.dataset(ctx, d); err != nil {
		return err
	}
	if v.o.Progress != nil {
		v.o.Progress(d.path, d.StoredBytes())
	}
	return nil
}

// verify follows the attribute's variable-length values.
func (a *Attr) verify() error {
	if !a.Type.hasHeap() {
		return nil
	}
	h := &heapCheck{h: globalHeap{f: a.o.f}, left: a.o.f.limits.MaxAlloc}
	return a.fail(h.elements(a.Type, a.data, 0))
}

func (v *verifier) dataset(ctx context.Context, d *Dataset) error {
	if d.at.class == Chunked && !d.space.null {
		return v.chunks(ctx, d)
	}
	if d.at.class == Contiguous && d.at.addr == undef {
		return nil
	}
	h := &heapCheck{h: globalHeap{f: d.f}, left: d.f.limits.MaxAlloc}
	return d.blocks(ctx, v.decs[0], func(raw []byte) error {
		if !d.typ.hasHeap() {
			return nil
		}
		return h.elements(d.typ, raw, 0)
	})
}

// chunks decodes every stored chunk, on all threads.
func (v *verifier) chunks(ctx context.Context, d *Dataset) error {
	n, err := d.NumChunks()
	if err != nil {
		return err
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for _, dec := range v.decs[:max(1, min(len(v.decs), n))] {
		g.Go(func() error {
			h := &heapCheck{h: globalHeap{f: d.f}, left: d.f.limits.MaxAlloc}
			for {
				i := int(next.Add(1) - 1)
				if i >= n || ctx.Err() != nil {
					return nil
				}
				if err := v.fault(ctx, d.verifyChunk(dec, h, i)); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// verifyChunk decodes a chunk and follows its variable-length values as far as
// they lie in the dataset's extent.
func (d *Dataset) verifyChunk(dec *Decoder, h *heapCheck, i int) error {
	ix, err := d.chunkAt(i)
	if err != nil {
		return err
	}
	b, err := dec.kept(d, ix, i)
	if err != nil || !d.typ.hasHeap() {
		return d.fail(err)
	}
	rank := len(ix.grid)
	x := box{
		elem: int64(d.typ.Size), ext: make([]int64, rank),
		srcDims: d.at.chunk, srcAt: make([]int64, rank), dstAt: make([]int64, rank),
	}
	x.dstDims = x.ext
	n := x.elem
	for k, o := range d.offset(ix, i) {
		x.ext[k] = min(d.at.chunk[k], d.space.dims[k]-o)
		n *= x.ext[k]
	}
	in := make([]byte, n)
	x.copy(in, b)
	return d.fail(h.elements(d.typ, in, 0))
}

// heapCheck follows variable-length values without converting them.
type heapCheck struct {
	h    globalHeap
	left int64 // bytes of nested values still allowed
}

func (h *heapCheck) elements(t *Datatype, raw []byte, depth int) error {
	if depth > maxTypeDepth || !t.hasHeap() {
		return nil
	}
	for ; len(raw) >= t.Size; raw = raw[t.Size:] {
		e := raw[:t.Size]
		var err error
		switch t.Class {
		case ClassVLenString:
			_, err = h.h.sequence(e, 1)
		case ClassVLen:
			var b []byte
			if b, err = h.h.sequence(e, t.Base.Size); err == nil && t.Base.hasHeap() {
				if h.left -= int64(len(b)); h.left < 0 {
					return errs.New(errs.Limit, "nested values are larger than the limit")
				}
				err = h.elements(t.Base, b, depth+1)
			}
		case ClassArray:
			err = h.elements(t.Base, e, depth+1)
		case ClassCompound:
			for _, m := range t.Members {
				if err = h.elements(m.Type, e[m.Offset:m.Offset+m.Type.Size], depth+1); err != nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
