package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// sourceKey names an object of a file that is copied from.
type sourceKey struct {
	file *File
	addr uint64
}

// Copy makes a deep copy of a group or dataset, of this or any other open
// file, under the given name. Chunks are copied as they are stored, without
// decoding, whatever their filters; a contiguous dataset is copied in pieces.
// Strings and sequences of variable length move to this file's heaps. Soft
// links are kept as they are, hard links within the copy lead to one object
// again; external links are refused (errs.Unsupported).
//
// An object reference leads to the copy of its target, which must have been
// copied too, by this or another call, before Commit: else Commit fails with
// errs.Unsupported and names it. References to regions are refused.
func (g *GroupWriter) Copy(name string, src Object) error {
	if err := g.w.ready(); err != nil {
		return err
	}
	if err := g.vacant(name); err != nil {
		return err
	}
	c := &copier{w: g.w, dec: NewDecoder(), seen: map[uint64]*child{}}
	switch src := src.(type) {
	case *Group:
		c.file = src.f
	case *Dataset:
		c.file = src.f
	case *NamedType:
		c.file = src.f
	}
	c.heap = &globalHeap{f: c.file}
	return c.copy(g, name, src, 0)
}

// copier is one call of Copy.
type copier struct {
	w    *Writer
	file *File
	dec  *Decoder
	heap *globalHeap       // of the source
	seen map[uint64]*child // by address in the source
}

func (c *copier) copy(g *GroupWriter, name string, src Object, depth int) error {
	if depth > maxDepth {
		return errs.At(errs.Limit, c.w.path, src.Path(), "groups are nested too deeply")
	}
	if k := c.seen[src.Addr()]; k != nil {
		g.touch()
		g.kids[name] = k
		return nil
	}
	switch src := src.(type) {
	case *Group:
		return c.group(g, name, src, depth)
	case *Dataset:
		return c.dataset(g, name, src)
	case *NamedType:
		return c.namedType(g, name, src)
	}
	return errs.At(errs.Unsupported, c.w.path, src.Path(), "cannot copy this kind of object")
}

func (c *copier) group(g *GroupWriter, name string, src *Group, depth int) error {
	k, err := g.Group(name)
	if err != nil {
		return err
	}
	c.note(src, g.kids[name], &k.outObject)
	if err := c.attrs(&k.outObject, src); err != nil {
		return err
	}
	links, err := src.Links()
	if err != nil {
		return err
	}
	for _, l := range links {
		switch l.Kind {
		case Soft:
			k.kids[l.Name] = &child{soft: l.Target}
		case Hard:
			o, err := src.Lookup(l.Name)
			if err != nil {
				return err
			}
			if err := c.copy(k, l.Name, o, depth+1); err != nil {
				return err
			}
		default:
			return k.fault(errs.Unsupported, "the external link %s cannot be copied", l.Name)
		}
	}
	return nil
}

// namedType copies a datatype that is an object of its own.
func (c *copier) namedType(g *GroupWriter, name string, src *NamedType) error {
	t, err := encodeType(src.Type)
	if err != nil {
		return err
	}
	n := &typeWriter{outObject: outObject{w: c.w, path: childPath(g.path, name)}, typ: t}
	g.touch()
	g.kids[name] = &child{typ: n}
	c.note(src, g.kids[name], &n.outObject)
	return c.attrs(&n.outObject, src)
}

// typeWriter is a named datatype of the file under construction.
type typeWriter struct {
	outObject
	typ    []byte
	listed bool
}

func (n *typeWriter) plan() error { return n.place(4 + len(n.typ)) }
func (n *typeWriter) emit() error { return n.writeHeader(appendMessage(nil, msgDatatype, 0, n.typ)) }

// note remembers where an object was copied to.
func (c *copier) note(src Object, k *child, o *outObject) {
	addr := src.Addr()
	c.seen[addr] = k
	c.w.copied[sourceKey{c.file, addr}] = o
}

func (c *copier) attrs(o *outObject, src Object) error {
	as, err := src.Attrs()
	if err != nil {
		return err
	}
	for _, a := range as {
		if err := o.setRaw(a); err != nil {
			return err
		}
	}
	return nil
}

// SetRawAttr copies an attribute of an object of an open file, of any type;
// what it refers to is handled as Copy does.
func (g *GroupWriter) SetRawAttr(a *Attr) error {
	if err := g.w.ready(); err != nil {
		return err
	}
	g.touch()
	return g.setRaw(a)
}

// SetRawAttr copies an attribute as GroupWriter.SetRawAttr does.
func (d *DatasetWriter) SetRawAttr(a *Attr) error {
	if err := d.w.ready(); err != nil {
		return err
	}
	return d.setRaw(a)
}

func (o *outObject) setRaw(a *Attr) error {
	aw, err := o.w.rawAttr(a)
	if err != nil {
		return err
	}
	h := rehomer{w: o.w, file: a.o.f, heap: &globalHeap{f: a.o.f}, what: "attribute " + a.Name + " of " + o.path}
	if err := h.all(a.Type, aw.data); err != nil {
		return err
	}
	aw.refs = h.refs
	o.addAttr(aw)
	return nil
}

// rawAttr takes an attribute's bytes over as they are.
func (w *Writer) rawAttr(a *Attr) (*attrWriter, error) {
	t, err := encodeType(a.Type)
	if err != nil {
		return nil, err
	}
	aw := &attrWriter{name: a.Name, typ: t, space: encodeSpace(a.Dims, false)}
	if a.Null {
		aw.space = nullSpace()
	}
	aw.data = append([]byte(nil), a.data...)
	return aw, nil
}
