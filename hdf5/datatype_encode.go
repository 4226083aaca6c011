package hdf5

// The class numbers of the file format, table "Datatype Message".
const (
	typeFixed     = 0
	typeFloat     = 1
	typeTime      = 2
	typeString    = 3
	typeBitfield  = 4
	typeOpaque    = 5
	typeCompound  = 6
	typeReference = 7
	typeEnum      = 8
	typeVLen      = 9
	typeArray     = 10
	typeComplex   = 11
)

// encode gives the datatype message's body. A type that came from a file is
// given back as it was found; others are written in the oldest version that
// can hold them (1, or 3 for compound and array), which every reader since
// HDF5 1.8 knows.
func (t *Datatype) encode() []byte {
	if t.Raw != nil {
		return append([]byte(nil), t.Raw...)
	}
	switch t.Class {
	case ClassInt, ClassBitfield:
		return t.encodeInt()
	case ClassFloat:
		return t.encodeFloat()
	case ClassString:
		return typeHead(1, typeString, uint32(t.StrPad)|uint32(t.Charset)<<4, t.Size)
	case ClassReference:
		return typeHead(1, typeReference, uint32(t.RefKind), t.Size)
	case ClassVLenString:
		base := charType(t.Charset)
		bits := 1 | uint32(t.StrPad)<<4 | uint32(t.Charset)<<8
		return append(typeHead(1, typeVLen, bits, 16), base.encode()...)
	case ClassVLen:
		return append(typeHead(1, typeVLen, 0, 16), t.Base.encode()...)
	case ClassEnum:
		return t.encodeEnum()
	case ClassCompound:
		return t.encodeCompound()
	case ClassArray:
		b := append(typeHead(3, typeArray, 0, t.Size), byte(len(t.Dims)))
		for _, d := range t.Dims {
			b = le.AppendUint32(b, uint32(d))
		}
		return append(b, t.Base.encode()...)
	case ClassOpaque:
		tag := append([]byte(t.Tag), 0)
		for len(tag)%8 != 0 {
			tag = append(tag, 0)
		}
		return append(typeHead(1, typeOpaque, uint32(len(tag)), t.Size), tag...)
	}
	return nil // time and complex are only ever copied through Raw
}

// typeHead is the 8 bytes that open every datatype message.
func typeHead(version, class int, bits uint32, size int) []byte {
	b := []byte{byte(version<<4 | class), byte(bits), byte(bits >> 8), byte(bits >> 16)}
	return le.AppendUint32(b, uint32(size))
}

func (t *Datatype) encodeInt() []byte {
	class, bits := typeFixed, uint32(0)
	if t.Class == ClassBitfield {
		class = typeBitfield
	}
	if t.BigEndian {
		bits |= 1
	}
	if t.Signed {
		bits |= 8
	}
	b := typeHead(1, class, bits, t.Size)
	b = le.AppendUint16(b, 0)
	return le.AppendUint16(b, uint16(8*t.Size))
}

// ieee is where an IEEE 754 format keeps its fields.
type ieee struct {
	exp, expBits, manBits int
	bias                  uint32
}

// ieeeOf gives the layout for a size in bytes; ok is false for other sizes.
func ieeeOf(size int) (f ieee, ok bool) {
	switch size {
	case 2:
		return ieee{10, 5, 10, 15}, true
	case 4:
		return ieee{23, 8, 23, 127}, true
	case 8:
		return ieee{52, 11, 52, 1023}, true
	}
	return ieee{}, false
}

func (t *Datatype) encodeFloat() []byte {
	f, ok := ieeeOf(t.Size)
	if !ok {
		return nil
	}
	bits := uint32(0x20) | uint32(8*t.Size-1)<<8 // implied leading 1, place of the sign
	if t.BigEndian {
		bits |= 1
	}
	b := typeHead(1, typeFloat, bits, t.Size)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, uint16(8*t.Size))
	b = append(b, byte(f.exp), byte(f.expBits), 0, byte(f.manBits))
	return le.AppendUint32(b, f.bias)
}

func (t *Datatype) encodeEnum() []byte {
	b := append(typeHead(1, typeEnum, uint32(len(t.Enum)), t.Base.Size), t.Base.encode()...)
	for _, e := range t.Enum {
		n := len(e.Name) + 1
		b = append(b, e.Name...)
		b = append(b, make([]byte, 1+(8-n%8)%8)...)
	}
	for _, e := range t.Enum {
		for i := range t.Base.Size {
			k := i
			if t.Base.BigEndian {
				k = t.Base.Size - 1 - i
			}
			b = append(b, byte(e.Value>>(8*min(k, 7))))
		}
	}
	return b
}

func (t *Datatype) encodeCompound() []byte {
	b := typeHead(3, typeCompound, uint32(len(t.Members)), t.Size)
	for _, m := range t.Members {
		b = append(append(b, m.Name...), 0)
		for i := range offsetBytes(t.Size) {
			b = append(b, byte(m.Offset>>(8*i)))
		}
		b = append(b, m.Type.encode()...)
	}
	return b
}

// offsetBytes is the width of a member offset in a version 3 compound: the
// fewest bytes that hold the compound's size.
func offsetBytes(size int) int {
	n := 1
	for size > 0xff {
		size >>= 8
		n++
	}
	return n
}
