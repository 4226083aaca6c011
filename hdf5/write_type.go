package hdf5

import (
	"encoding/binary"

	"github.com/gpusc/gpusc/internal/errs"
)

// encodeType gives the body of a datatype message. A type that was read from a
// file keeps the bytes it had there.
func encodeType(t *Datatype) ([]byte, error) {
	if t == nil {
		return nil, errs.New(errs.Usage, "a type is missing")
	}
	if len(t.Raw) >= 8 {
		return t.Raw, nil
	}
	switch t.Class {
	case ClassInt, ClassFloat:
		return encodeNumber(t)
	case ClassString:
		return typeHeader(3, 1, uint32(t.StrPad&15)|uint32(t.Charset&15)<<4, t.Size), nil
	case ClassVLenString:
		b := typeHeader(9, 1, 1|uint32(t.StrPad&15)<<4|uint32(t.Charset&15)<<8, heapRefLen)
		return append(b, typeHeader(3, 1, uint32(t.Charset&15)<<4, 1)...), nil
	case ClassReference:
		return typeHeader(7, 1, 0, 8), nil
	case ClassEnum:
		return encodeEnum(t)
	case ClassCompound:
		return encodeCompound(t)
	}
	return nil, errs.New(errs.Unsupported, "cannot write a new dataset of class %v", t.Class)
}

// typeHeader is the part that all datatype messages begin with.
func typeHeader(class, version byte, bits uint32, size int) []byte {
	b := []byte{version<<4 | class, byte(bits), byte(bits >> 8), byte(bits >> 16)}
	return binary.LittleEndian.AppendUint32(b, uint32(size))
}

func encodeNumber(t *Datatype) ([]byte, error) {
	var order uint32
	if t.BigEndian {
		order = 1
	}
	if t.Class == ClassInt {
		if t.Signed {
			order |= 8
		}
		b := typeHeader(0, 1, order, t.Size)
		b = binary.LittleEndian.AppendUint16(b, 0)
		return binary.LittleEndian.AppendUint16(b, uint16(8*t.Size)), nil
	}
	// IEEE 754: bits of the exponent and of the fraction.
	var exponent, fraction int
	switch t.Size {
	case 2:
		exponent, fraction = 5, 10
	case 4:
		exponent, fraction = 8, 23
	case 8:
		exponent, fraction = 11, 52
	default:
		return nil, errs.New(errs.Unsupported, "no float of %d bytes", t.Size)
	}
	b := typeHeader(1, 1, order|0x20|uint32(8*t.Size-1)<<8, t.Size)
	b = append(b, 0, 0, byte(8*t.Size), 0, byte(fraction), byte(exponent), 0, byte(fraction))
	return binary.LittleEndian.AppendUint32(b, uint32(1)<<(exponent-1)-1), nil
}

func encodeEnum(t *Datatype) ([]byte, error) {
	base, err := encodeType(t.Base)
	if err != nil {
		return nil, err
	}
	if len(t.Enum) > 1<<16-1 {
		return nil, errs.New(errs.Limit, "an enumeration of %d values", len(t.Enum))
	}
	b := append(typeHeader(8, 1, uint32(len(t.Enum)), t.Base.Size), base...)
	for _, e := range t.Enum {
		b = append(b, e.Name...)
		b = append(b, make([]byte, 8-len(e.Name)%8)...)
	}
	for _, e := range t.Enum {
		var v [8]byte
		binary.LittleEndian.PutUint64(v[:], uint64(e.Value))
		if t.Base.BigEndian {
			binary.BigEndian.PutUint64(v[:], uint64(e.Value)<<(64-8*t.Base.Size))
		}
		b = append(b, v[:t.Base.Size]...)
	}
	return b, nil
}

func encodeCompound(t *Datatype) ([]byte, error) {
	width := 1
	for n := t.Size; n > 255; n >>= 8 {
		width++
	}
	b := typeHeader(6, 3, uint32(len(t.Members)), t.Size)
	for _, m := range t.Members {
		b = append(append(b, m.Name...), 0)
		var at [8]byte
		binary.LittleEndian.PutUint64(at[:], uint64(m.Offset))
		b = append(b, at[:width]...)
		mt, err := encodeType(m.Type)
		if err != nil {
			return nil, err
		}
		b = append(b, mt...)
	}
	return b, nil
}

// unlimited is the largest size of an axis that may grow without end.
const unlimited = ^uint64(0)

// encodeSpace gives the body of a dataspace message: dims nil for a scalar,
// grows for a first axis without a largest size.
func encodeSpace(dims []int64, grows bool) []byte {
	if dims == nil {
		return []byte{2, 0, 0, 0}
	}
	b := []byte{2, byte(len(dims)), 0, 1}
	for _, d := range dims {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	if !grows {
		return b
	}
	b[2] = 1
	b = binary.LittleEndian.AppendUint64(b, unlimited)
	for _, d := range dims[1:] {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	return b
}

// nullSpace is the dataspace message of a dataset without elements.
func nullSpace() []byte { return []byte{2, 0, 0, 2} }
