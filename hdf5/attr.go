package hdf5

import (
	"slices"
	"strings"

	"github.com/gpusc/gpusc/internal/errs"
)

// Attr is one attribute with its value.
type Attr struct {
	Name string
	Type *Datatype
	Dims []int64 // nil: scalar
	Null bool    // there is no value

	o    *object
	n    int64 // elements
	data []byte
}

// Attr gives an attribute; ok is false if there is none of the name.
func (o *object) Attr(name string) (*Attr, bool, error) {
	var found *Attr
	err := o.eachAttr(func(n string) bool { return n == name }, func(a *Attr) { found = a })
	return found, found != nil, o.fail(err)
}

// Attrs gives all attributes, sorted by name.
func (o *object) Attrs() ([]*Attr, error) {
	var all []*Attr
	err := o.eachAttr(func(string) bool { return true }, func(a *Attr) { all = append(all, a) })
	if err != nil {
		return nil, o.fail(err)
	}
	slices.SortFunc(all, func(a, b *Attr) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// eachAttr decodes the attributes whose name is wanted, from the header and
// from dense storage.
func (o *object) eachAttr(want func(string) bool, use func(*Attr)) error {
	for i := range o.h.msgs {
		m := &o.h.msgs[i]
		var err error
		switch m.kind {
		case msgAttribute:
			var b []byte
			if b, err = o.f.body(m); err == nil {
				err = o.attr(b, m.addr, want, use)
			}
		case msgAttrInfo:
			err = o.denseAttrs(m, want, use)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// denseAttrs reads the attributes that lie in a fractal heap.
func (o *object) denseAttrs(m *message, want func(string) bool, use func(*Attr)) error {
	c := &cursor{b: m.body}
	version, flags := c.u8(), c.u8()
	if flags&1 != 0 {
		c.u16()
	}
	heap, tree := c.u64(), c.u64()
	if c.bad || version != 0 {
		return corrupt(m.addr, "attribute info message of version %d, %d bytes", version, len(m.body))
	}
	if heap == undef {
		return nil
	}
	h, err := o.f.fractalHeap(heap)
	if err != nil {
		return err
	}
	return o.f.btree2(tree, func(kind int, rec []byte) error {
		if kind != 8 || len(rec) < 9 {
			return corrupt(tree, "B-tree of attributes has records of kind %d", kind)
		}
		var b []byte
		var err error
		if rec[8]&flagShared != 0 {
			b, err = o.f.sharedHeap(msgAttribute, rec[:8], tree)
		} else {
			b, err = h.object(rec[:8])
		}
		if err != nil {
			return err
		}
		return o.attr(b, heap, want, use)
	})
}

// attrParts are the pieces of an attribute message.
type attrParts struct {
	name       string
	typ, space []byte
	sharedT    bool
	sharedS    bool
	data       []byte
	version    int
}

// splitAttr cuts an attribute message, versions 1 to 3, into its pieces.
func splitAttr(b []byte) (p attrParts, ok bool) {
	c := &cursor{b: b}
	version, flags := c.u8(), c.u8()
	n, nt, ns := c.u16(), c.u16(), c.u16()
	p.version = version
	pad := func(n int) int { return n }
	switch version {
	case 1:
		pad = func(n int) int { return (n + 7) &^ 7 }
	case 2, 3:
		p.sharedT, p.sharedS = flags&1 != 0, flags&2 != 0
		if version == 3 {
			c.u8()
		}
	default:
		return p, false
	}
	name := c.bytes(pad(n))
	typ, space := c.bytes(pad(nt)), c.bytes(pad(ns))
	if c.bad || n == 0 {
		return p, false
	}
	p.name, _, _ = strings.Cut(string(name[:n]), "\x00")
	p.typ, p.space = typ[:nt], space[:ns]
	p.data = c.bytes(c.left())
	return p, true
}

// attr decodes an attribute message if its name is wanted.
func (o *object) attr(b []byte, addr uint64, want func(string) bool, use func(*Attr)) error {
	p, ok := splitAttr(b)
	if !ok {
		return corrupt(addr, "attribute message of version %d, %d bytes", p.version, len(b))
	}
	if !want(p.name) {
		return nil
	}
	a, err := o.decodeAttr(p, addr)
	if err != nil {
		return atAddr(o.inAttr(p.name, err), addr)
	}
	use(a)
	return nil
}

// inAttr names the attribute in an error.
func (o *object) inAttr(name string, err error) error {
	if e, ok := err.(*errs.E); ok && e.File == "" {
		e.Msg = "attribute " + name + ": " + e.Msg
	}
	return err
}

func (o *object) decodeAttr(p attrParts, addr uint64) (a *Attr, err error) {
	if p.sharedT {
		if p.typ, err = o.f.sharedBody(msgDatatype, p.typ, addr, 0); err != nil {
			return nil, err
		}
	}
	if p.sharedS {
		if p.space, err = o.f.sharedBody(msgDataspace, p.space, addr, 0); err != nil {
			return nil, err
		}
	}
	a = &Attr{Name: p.name, o: o}
	if a.Type, err = decodeDatatype(p.typ); err != nil {
		return nil, err
	}
	s, err := decodeSpace(p.space)
	if err != nil {
		return nil, err
	}
	a.Dims, a.Null, a.n = s.dims, s.null, s.len
	need, over := mul(s.len, int64(a.Type.Size), false)
	if over || need > int64(len(p.data)) {
		return nil, errs.New(errs.Corrupt, "value truncated (have %d of %d bytes)", len(p.data), need)
	}
	a.data = p.data[:need]
	return a, nil
}

// Len is the number of elements: 1 for a scalar, 0 for a null value.
func (a *Attr) Len() int64 { return a.n }

// Raw is the value's bytes as stored, which for variable-length types are
// addresses in the file. They must not be changed.
func (a *Attr) Raw() []byte { return a.data }

func (a *Attr) fail(err error) error {
	if err == nil {
		return nil
	}
	return a.o.fail(a.o.inAttr(a.Name, err))
}

// one checks that there is exactly one element.
func (a *Attr) one() error {
	if a.n != 1 {
		return errs.New(errs.Data, "has %d elements, want 1", a.n)
	}
	return nil
}

// String gives a value of one string.
func (a *Attr) String() (string, error) {
	if err := a.one(); err != nil {
		return "", a.fail(err)
	}
	s, err := a.Strings()
	if err != nil {
		return "", err
	}
	return s[0], nil
}

// Strings gives a value of strings, of fixed or variable length.
func (a *Attr) Strings() ([]string, error) {
	b := &budget{left: a.o.f.limits.MaxAlloc}
	s, err := appendStrings(nil, &globalHeap{f: a.o.f}, a.Type, a.data, b)
	return s, a.fail(err)
}

// Int gives a value of one integer, enum or bool.
func (a *Attr) Int() (int64, error) {
	if err := a.one(); err != nil {
		return 0, a.fail(err)
	}
	v, err := a.Ints()
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

// Ints gives a value of integers.
func (a *Attr) Ints() ([]int64, error) {
	v, err := appendInts(nil, a.Type, a.data)
	return v, a.fail(err)
}

// Float gives a value of one number.
func (a *Attr) Float() (float64, error) {
	if err := a.one(); err != nil {
		return 0, a.fail(err)
	}
	v, err := a.Floats()
	if err != nil {
		return 0, err
	}
	return v[0], nil
}

// Floats gives a value of numbers, integers included.
func (a *Attr) Floats() ([]float64, error) {
	v, err := appendFloats(nil, a.Type, a.data)
	return v, a.fail(err)
}

// Bool gives a value of one bool: an enum or integer that is not zero is true.
func (a *Attr) Bool() (bool, error) {
	v, err := a.Int()
	return v != 0, err
}

// Refs gives the addresses in a value of object references, for File.Deref;
// a null reference is 0.
func (a *Attr) Refs() ([]uint64, error) {
	v, err := appendRefs(nil, a.Type, a.data)
	return v, a.fail(err)
}
