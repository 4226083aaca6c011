package hdf5

import (
	"bytes"
	"fmt"

	"github.com/gpusc/gpusc/internal/errs"
)

// maxTypeDepth bounds the nesting of a datatype.
const maxTypeDepth = 16

// maxTypeSize bounds the bytes of one element, as the format's 32 bits allow
// more than any file of ours has.
const maxTypeSize = 1 << 28

func badType(format string, a ...any) error {
	return errs.New(errs.Corrupt, "datatype: "+format, a...)
}

// decodeDatatype reads a datatype message's body.
func decodeDatatype(b []byte) (*Datatype, error) {
	t, _, err := parseType(b, 0)
	return t, err
}

// parseType reads one type from the start of b and says how long it was.
func parseType(b []byte, depth int) (*Datatype, int, error) {
	if depth > maxTypeDepth {
		return nil, 0, errs.New(errs.Limit, "datatype is nested more than %d deep", maxTypeDepth)
	}
	if len(b) < 8 {
		return nil, 0, badType("%d bytes, want at least 8", len(b))
	}
	p := &typeParser{b: b, pos: 8, depth: depth, version: int(b[0] >> 4)}
	p.bits = uint32(b[1]) | uint32(b[2])<<8 | uint32(b[3])<<16
	if p.version < 1 || p.version > 5 {
		return nil, 0, errs.New(errs.Unsupported, "datatype message version %d is not known", p.version)
	}
	size := le.Uint32(b[4:])
	if size == 0 || size > maxTypeSize {
		return nil, 0, badType("element size %d is outside 1..%d", size, maxTypeSize)
	}
	p.t = &Datatype{Size: int(size)}
	if err := p.class(int(b[0] & 15)); err != nil {
		return nil, 0, err
	}
	p.t.Raw = append([]byte(nil), b[:p.pos]...)
	return p.t, p.pos, nil
}

// typeParser reads the properties that follow a type's first 8 bytes.
type typeParser struct {
	b       []byte
	pos     int
	depth   int
	version int
	bits    uint32
	t       *Datatype
}

// take gives the next n bytes.
func (p *typeParser) take(n int) ([]byte, error) {
	if n < 0 || n > len(p.b)-p.pos {
		return nil, badType("ends early (have %d of %d bytes)", len(p.b)-p.pos, n)
	}
	s := p.b[p.pos : p.pos+n]
	p.pos += n
	return s, nil
}

// sub reads a nested type.
func (p *typeParser) sub() (*Datatype, error) {
	t, n, err := parseType(p.b[p.pos:], p.depth+1)
	p.pos += n
	return t, err
}

// name reads a NUL-ended name, padded to 8 bytes before version 3.
func (p *typeParser) name() (string, error) {
	n := bytes.IndexByte(p.b[p.pos:], 0)
	if n < 0 {
		return "", badType("a name has no end")
	}
	s := string(p.b[p.pos : p.pos+n])
	n++
	if p.version < 3 {
		n = (n + 7) &^ 7
	}
	_, err := p.take(n)
	return s, err
}

func (p *typeParser) class(c int) (err error) {
	t := p.t
	switch c {
	case typeFixed, typeBitfield:
		return p.fixed(c)
	case typeFloat:
		return p.float()
	case typeTime:
		t.Class = ClassTime
		_, err = p.take(2)
	case typeString:
		t.Class = ClassString
		t.StrPad, t.Charset = uint8(p.bits&15), uint8(p.bits>>4&15)
	case typeOpaque:
		t.Class = ClassOpaque
		var tag []byte
		if tag, err = p.take(int(p.bits & 0xff)); err == nil {
			t.Tag = string(bytes.TrimRight(tag, "\x00"))
		}
	case typeCompound:
		return p.compound()
	case typeReference:
		return p.reference()
	case typeEnum:
		return p.enum()
	case typeVLen:
		return p.vlen()
	case typeArray:
		return p.array()
	case typeComplex:
		t.Class = ClassComplex
		t.Base, err = p.sub()
		if err == nil && t.Base.Size*2 != t.Size {
			err = badType("complex of %d bytes with parts of %d", t.Size, t.Base.Size)
		}
	default:
		err = errs.New(errs.Unsupported, "datatype class %d is not known", c)
	}
	return err
}

func (p *typeParser) fixed(c int) error {
	t := p.t
	t.Class = ClassInt
	if c == typeBitfield {
		t.Class = ClassBitfield
	}
	t.BigEndian, t.Signed = p.bits&1 != 0, p.bits&8 != 0
	b, err := p.take(4)
	if err != nil {
		return err
	}
	if off, prec := int(le.Uint16(b)), int(le.Uint16(b[2:])); off != 0 || prec != 8*t.Size {
		t.odd = fmt.Sprintf("integer of %d bits at bit %d of %d bytes", prec, off, t.Size)
	} else if t.Size > 8 {
		t.odd = fmt.Sprintf("integer of %d bytes", t.Size)
	}
	return nil
}

func (p *typeParser) float() error {
	t := p.t
	t.Class, t.BigEndian = ClassFloat, p.bits&1 != 0
	b, err := p.take(12)
	if err != nil {
		return err
	}
	f, ok := ieeeOf(t.Size)
	same := ok && p.bits&0x40 == 0 && p.bits>>4&3 == 2 && int(p.bits>>8&0xff) == 8*t.Size-1 &&
		le.Uint16(b) == 0 && int(le.Uint16(b[2:])) == 8*t.Size &&
		int(b[4]) == f.exp && int(b[5]) == f.expBits && b[6] == 0 && int(b[7]) == f.manBits &&
		le.Uint32(b[8:]) == f.bias
	if !same {
		t.odd = fmt.Sprintf("float of %d bytes that is not IEEE 754", t.Size)
	}
	return nil
}

func (p *typeParser) reference() error {
	p.t.Class = ClassReference
	kind := p.bits & 15
	switch {
	case kind == 0 && p.t.Size != 8, kind == 1 && p.t.Size != 12:
		return badType("reference of kind %d with %d bytes", kind, p.t.Size)
	case kind > 1:
		p.t.RefKind = RefAny
	default:
		p.t.RefKind = uint8(kind)
	}
	return nil
}

func (p *typeParser) vlen() (err error) {
	t := p.t
	t.Class = ClassVLen
	if t.Size != 16 {
		return badType("variable-length element of %d bytes, want 16", t.Size)
	}
	switch p.bits & 15 {
	case 0:
	case 1:
		t.Class = ClassVLenString
		t.StrPad, t.Charset = uint8(p.bits>>4&15), uint8(p.bits>>8&15)
	default:
		return badType("variable-length kind %d", p.bits&15)
	}
	t.Base, err = p.sub()
	return err
}

func (p *typeParser) array() error {
	t := p.t
	t.Class = ClassArray
	b, err := p.take(1)
	if err != nil {
		return err
	}
	rank := int(b[0])
	if rank == 0 || rank > maxRank {
		return badType("array of rank %d", rank)
	}
	if p.version < 3 {
		if _, err = p.take(3); err != nil {
			return err
		}
	}
	d, err := p.take(4 * rank)
	if err != nil {
		return err
	}
	if p.version < 3 {
		if _, err = p.take(4 * rank); err != nil {
			return err
		}
	}
	n := 1
	for i := range rank {
		v := int(le.Uint32(d[4*i:]))
		if v == 0 || v > t.Size/n {
			return badType("array dimension %d of an element of %d bytes", v, t.Size)
		}
		n *= v
		t.Dims = append(t.Dims, v)
	}
	if t.Base, err = p.sub(); err == nil && n*t.Base.Size != t.Size {
		err = badType("array of %d times %d bytes in %d", n, t.Base.Size, t.Size)
	}
	return err
}

func (p *typeParser) enum() error {
	t := p.t
	t.Class = ClassEnum
	n := int(p.bits & 0xffff)
	var err error
	if t.Base, err = p.sub(); err != nil {
		return err
	}
	if t.Base.Class != ClassInt || t.Base.Size != t.Size || t.Size > 8 {
		return badType("enum of %d bytes over %s of %d", t.Size, t.Base.Class, t.Base.Size)
	}
	t.BigEndian, t.Signed = t.Base.BigEndian, t.Base.Signed
	for range n {
		s, err := p.name()
		if err != nil {
			return err
		}
		t.Enum = append(t.Enum, EnumValue{Name: s})
	}
	b, err := p.take(n * t.Size)
	if err != nil {
		return err
	}
	for i := range t.Enum {
		t.Enum[i].Value = intAt(t.Base, b[i*t.Size:])
	}
	return nil
}

// intAt reads an integer of 1 to 8 bytes; unsigned 8 byte values wrap.
func intAt(t *Datatype, b []byte) int64 {
	var u uint64
	for i := range t.Size {
		k := i
		if !t.BigEndian {
			k = t.Size - 1 - i
		}
		u = u<<8 | uint64(b[k])
	}
	shift := 64 - 8*t.Size
	if t.Signed {
		return int64(u<<shift) >> shift
	}
	return int64(u)
}

func (p *typeParser) compound() error {
	t := p.t
	t.Class = ClassCompound
	for range int(p.bits & 0xffff) {
		m, err := p.member()
		if err != nil {
			return err
		}
		if m.Offset < 0 || m.Offset > t.Size || m.Type.Size > t.Size-m.Offset {
			return badType("member %q does not fit in %d bytes", m.Name, t.Size)
		}
		t.Members = append(t.Members, m)
	}
	return nil
}

// member reads one field; before version 2 a field could be an array itself.
func (p *typeParser) member() (m Member, err error) {
	if m.Name, err = p.name(); err != nil {
		return m, err
	}
	width := 4
	if p.version >= 3 {
		width = offsetBytes(p.t.Size)
	}
	b, err := p.take(width)
	if err != nil {
		return m, err
	}
	for i, v := range b {
		m.Offset |= int(v) << (8 * i)
	}
	var old []byte
	if p.version == 1 {
		if old, err = p.take(28); err != nil {
			return m, err
		}
	}
	if m.Type, err = p.sub(); err != nil || old == nil {
		return m, err
	}
	rank := int(old[0])
	if rank > 4 {
		return m, badType("member %q of rank %d", m.Name, rank)
	}
	for i := rank - 1; i >= 0; i-- {
		d := int(le.Uint32(old[12+4*i:]))
		if d == 0 || d > p.t.Size/m.Type.Size {
			return m, badType("member %q: dimension %d", m.Name, d)
		}
		m.Type = &Datatype{Class: ClassArray, Size: d * m.Type.Size, Base: m.Type, Dims: []int{d}}
	}
	return m, nil
}
