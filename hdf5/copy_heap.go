package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// rehomer makes elements of another file good in this one: what they keep in
// global heaps moves, and references are noted to be filled in at the end.
type rehomer struct {
	w    *Writer
	file *File
	heap *globalHeap
	what string // for errors
	refs []refAt
	base int // where in the whole the bytes at hand begin
}

// all changes the elements in b, in place.
func (h *rehomer) all(t *Datatype, b []byte) error {
	if !t.hasHeap() && !t.hasRef() {
		return nil
	}
	if t.Size <= 0 {
		return h.fault(errs.Corrupt, "a type without a size")
	}
	for at := 0; at+t.Size <= len(b); at += t.Size {
		if err := h.element(t, b[at:at+t.Size], h.base+at); err != nil {
			return err
		}
	}
	return nil
}

func (h *rehomer) fault(kind error, format string, a ...any) error {
	return errs.At(kind, h.w.path, h.what, format, a...)
}

// element changes one element, which begins at the offset at of the whole.
func (h *rehomer) element(t *Datatype, b []byte, at int) error {
	switch t.Class {
	case ClassVLen, ClassVLenString:
		return h.sequence(t, b)
	case ClassReference:
		if t.RefKind != RefObject || len(b) != 8 {
			return h.fault(errs.Unsupported, "a reference to a region cannot be copied")
		}
		addr := le.Uint64(b)
		if addr == 0 || addr == undef {
			return nil
		}
		h.refs = append(h.refs, refAt{at: at, source: sourceKey{h.file, addr}, what: h.what})
	case ClassArray:
		for i := 0; i+t.Base.Size <= len(b) && t.Base.Size > 0; i += t.Base.Size {
			if err := h.element(t.Base, b[i:i+t.Base.Size], at+i); err != nil {
				return err
			}
		}
	case ClassCompound:
		for _, m := range t.Members {
			if m.Offset < 0 || m.Type.Size < 0 || m.Offset > len(b)-m.Type.Size {
				return h.fault(errs.Corrupt, "member %s lies outside its compound", m.Name)
			}
			if err := h.element(m.Type, b[m.Offset:m.Offset+m.Type.Size], at+m.Offset); err != nil {
				return err
			}
		}
	}
	return nil
}

// sequence moves what a 16-byte descriptor leads to.
func (h *rehomer) sequence(t *Datatype, b []byte) error {
	if len(b) != heapRefLen {
		return h.fault(errs.Unsupported, "descriptors of %d bytes", len(b))
	}
	n := le.Uint32(b)
	if n == 0 {
		clear(b)
		return nil
	}
	size := 1
	if t.Class == ClassVLen {
		size = t.Base.Size
		if t.Base.hasRef() {
			return h.fault(errs.Unsupported, "a sequence of references cannot be copied")
		}
	}
	data, err := h.heap.sequence(b, size)
	if err != nil {
		return err
	}
	if t.Class == ClassVLen && t.Base.hasHeap() {
		data = append([]byte(nil), data...)
		if err := h.all(t.Base, data); err != nil {
			return err
		}
	}
	d, err := h.w.heap.ref(make([]byte, 0, heapRefLen), data, int(n))
	if err != nil {
		return h.w.fail(err)
	}
	copy(b, d)
	return nil
}

// fillRefs puts the addresses of objects where they are referred to.
func fillRefs(w *Writer, data []byte, refs []refAt) error {
	for _, r := range refs {
		to := r.to
		if to == nil {
			to = w.copied[r.source]
		}
		if to == nil || to.addr == 0 {
			return errs.At(errs.Unsupported, w.path, r.what, "refers to an object that is not copied").
				Do("copy that object too, or leave this one out")
		}
		le.PutUint64(data[r.at:], uint64(to.addr))
	}
	return nil
}
