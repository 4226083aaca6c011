package hdf5

import (
	"bytes"
	"math"

	"github.com/gpusc/gpusc/internal/errs"
)

// budget counts down the memory that one result may take.
type budget struct{ left int64 }

func (b *budget) take(n int64) error {
	if n > b.left {
		return errs.New(errs.Limit, "the values take more memory than the limit").Do("raise the limit")
	}
	b.left -= n
	return nil
}

func wrongType(t *Datatype, want string) error {
	if t.odd != "" {
		return errs.New(errs.Unsupported, "%s cannot be read as %s", t.odd, want)
	}
	return errs.New(errs.Data, "is %s, want %s", t.Class, want)
}

// appendInts converts raw elements of any integer, enum or bitfield type.
// Unsigned 8 byte values above the signed range are refused.
func appendInts(dst []int64, t *Datatype, raw []byte) ([]int64, error) {
	n := t.number()
	if n.Class != ClassInt && n.Class != ClassBitfield || n.odd != "" {
		return nil, wrongType(n, "an integer")
	}
	for ; len(raw) >= n.Size; raw = raw[n.Size:] {
		v := intAt(n, raw)
		if v < 0 && !n.Signed {
			return nil, errs.New(errs.Data, "%d does not fit in a signed integer", uint64(v))
		}
		dst = append(dst, v)
	}
	return dst, nil
}

// appendFloats converts raw elements of any number type.
func appendFloats(dst []float64, t *Datatype, raw []byte) ([]float64, error) {
	n := t.number()
	if n.odd != "" {
		return nil, wrongType(n, "a number")
	}
	switch n.Class {
	case ClassFloat:
		for ; len(raw) >= n.Size; raw = raw[n.Size:] {
			dst = append(dst, floatAt(n, raw))
		}
	case ClassInt, ClassBitfield:
		for ; len(raw) >= n.Size; raw = raw[n.Size:] {
			v := intAt(n, raw)
			if v < 0 && !n.Signed {
				dst = append(dst, float64(uint64(v)))
			} else {
				dst = append(dst, float64(v))
			}
		}
	default:
		return nil, wrongType(n, "a number")
	}
	return dst, nil
}

// floatAt reads an IEEE 754 number of 2, 4 or 8 bytes.
func floatAt(t *Datatype, b []byte) float64 {
	var u uint64
	for i := range t.Size {
		k := i
		if !t.BigEndian {
			k = t.Size - 1 - i
		}
		u = u<<8 | uint64(b[k])
	}
	switch t.Size {
	case 2:
		return halfToFloat(uint16(u))
	case 4:
		return float64(math.Float32frombits(uint32(u)))
	}
	return math.Float64frombits(u)
}

// halfToFloat widens an IEEE 754 half, which is exact.
func halfToFloat(h uint16) float64 {
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exp, man := int(h>>10&31), float64(h&0x3ff)
	switch exp {
	case 0:
		return sign * math.Ldexp(man, -24)
	case 31:
		if man == 0 {
			return sign * math.Inf(1)
		}
		return math.NaN()
	}
	return sign * math.Ldexp(1024+man, exp-25)
}

// appendRefs converts raw object references; null is 0.
func appendRefs(dst []uint64, t *Datatype, raw []byte) ([]uint64, error) {
	if t.Class != ClassReference {
		return nil, wrongType(t, "object references")
	}
	if t.RefKind != RefObject {
		return nil, errs.New(errs.Unsupported, "is a reference to a region or of HDF5 1.12, only object references are read")
	}
	for ; len(raw) >= 8; raw = raw[8:] {
		v := le.Uint64(raw)
		if v == undef {
			v = 0
		}
		dst = append(dst, v)
	}
	return dst, nil
}

// stringHeader is what a string costs beside its bytes.
const stringHeader = 16

// appendStrings converts raw elements of strings of fixed or variable length.
func appendStrings(dst []string, h *globalHeap, t *Datatype, raw []byte, b *budget) ([]string, error) {
	if !t.IsString() {
		return nil, wrongType(t, "a string")
	}
	for ; len(raw) >= t.Size; raw = raw[t.Size:] {
		s := raw[:t.Size]
		if t.Class == ClassVLenString {
			var err error
			if s, err = h.sequence(s, 1); err != nil {
				return nil, err
			}
		}
		s = trim(t, s)
		if err := b.take(stringHeader + int64(len(s))); err != nil {
			return nil, err
		}
		dst = append(dst, string(s))
	}
	return dst, nil
}

// trim cuts the padding of a string. Variable-length strings keep what they
// have but for a NUL that some writers count in the length.
func trim(t *Datatype, s []byte) []byte {
	switch {
	case t.Class == ClassVLenString:
		if i := bytes.IndexByte(s, 0); i >= 0 {
			s = s[:i]
		}
	case t.StrPad == PadSpace:
		s = bytes.TrimRight(s, " ")
	case t.StrPad == PadNull:
		s = bytes.TrimRight(s, "\x00")
	default:
		if i := bytes.IndexByte(s, 0); i >= 0 {
			s = s[:i]
		}
	}
	return s
}
