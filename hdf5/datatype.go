package hdf5

import "encoding/binary"

// Class is the kind of a Datatype.
type Class uint8

// The classes. ClassString is a string of fixed length; ClassVLenString one of
// any length, held in a global heap.
const (
	ClassInt Class = iota
	ClassFloat
	ClassString
	ClassCompound
	ClassReference
	ClassEnum
	ClassVLenString
	ClassVLen
	ClassArray
	ClassBitfield
	ClassOpaque
	ClassTime
	ClassComplex
)

var le = binary.LittleEndian

// String names the class.
func (c Class) String() string {
	names := [...]string{
		"integer", "float", "fixed string", "compound", "reference", "enum",
		"string", "variable-length sequence", "array", "bitfield", "opaque", "time", "complex",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// The values of Datatype.StrPad.
const (
	PadNullTerm = 0 // ends at the first NUL
	PadNull     = 1 // padded with NULs
	PadSpace    = 2 // padded with spaces
)

// The values of Datatype.Charset.
const (
	CharsetASCII = 0
	CharsetUTF8  = 1
)

// The values of Datatype.RefKind.
const (
	RefObject = 0 // 8 byte address of an object header
	RefRegion = 1 // 12 byte dataset region
	RefAny    = 2 // the opaque references of HDF5 1.12, never followed
)

// Datatype describes one element. The zero value is not a type; use a
// constructor, or the Type of a Dataset or Attr.
type Datatype struct {
	Class     Class
	Size      int  // bytes of one element in the file
	Signed    bool // ClassInt
	BigEndian bool // ClassInt, ClassFloat, ClassBitfield
	StrPad    uint8
	Charset   uint8
	RefKind   uint8 // ClassReference
	Members   []Member
	Enum      []EnumValue
	Base      *Datatype // enum, variable-length, array, complex
	Dims      []int     // array
	Tag       string    // opaque
	Raw       []byte    // the message body as found in a file, nil for a type made by a constructor

	// odd says why numbers of the type cannot be converted (a float that is
	// not IEEE 754, an integer of fewer bits than its bytes); "" if they can.
	odd string
}

// Member is one field of a compound.
type Member struct {
	Name   string
	Offset int
	Type   *Datatype
}

// EnumValue is one name of an enum.
type EnumValue struct {
	Name  string
	Value int64
}

func intType(size int, signed bool) *Datatype {
	return &Datatype{Class: ClassInt, Size: size, Signed: signed}
}

// Int8 is a signed integer of 1 byte.
func Int8() *Datatype { return intType(1, true) }

// Int16 is a little-endian signed integer of 2 bytes.
func Int16() *Datatype { return intType(2, true) }

// Int32 is a little-endian signed integer of 4 bytes.
func Int32() *Datatype { return intType(4, true) }

// Int64 is a little-endian signed integer of 8 bytes.
func Int64() *Datatype { return intType(8, true) }

// Uint8 is an unsigned integer of 1 byte.
func Uint8() *Datatype { return intType(1, false) }

// Uint16 is a little-endian unsigned integer of 2 bytes.
func Uint16() *Datatype { return intType(2, false) }

// Uint32 is a little-endian unsigned integer of 4 bytes.
func Uint32() *Datatype { return intType(4, false) }

// Uint64 is a little-endian unsigned integer of 8 bytes.
func Uint64() *Datatype { return intType(8, false) }

// Float16 is a little-endian IEEE 754 half.
func Float16() *Datatype { return &Datatype{Class: ClassFloat, Size: 2} }

// Float32 is a little-endian IEEE 754 single.
func Float32() *Datatype { return &Datatype{Class: ClassFloat, Size: 4} }

// Float64 is a little-endian IEEE 754 double.
func Float64() *Datatype { return &Datatype{Class: ClassFloat, Size: 8} }

// VLenString is a UTF-8 string of any length, as h5py writes str.
func VLenString() *Datatype {
	return &Datatype{Class: ClassVLenString, Size: 16, Charset: CharsetUTF8, Base: charType(CharsetUTF8)}
}

// charType is the base of a variable-length string: one character.
func charType(charset uint8) *Datatype {
	return &Datatype{Class: ClassString, Size: 1, Charset: charset}
}

// FixedString is a NUL-padded UTF-8 string of n bytes.
func FixedString(n int) *Datatype {
	return &Datatype{Class: ClassString, Size: n, StrPad: PadNull, Charset: CharsetUTF8}
}

// Bool is the enum of int8 {FALSE 0, TRUE 1} that h5py reads as bool.
func Bool() *Datatype {
	return &Datatype{
		Class: ClassEnum, Size: 1, Base: Int8(),
		Enum: []EnumValue{{"FALSE", 0}, {"TRUE", 1}},
	}
}

// ObjectRef is a reference to an object: the 8 byte address of its header.
func ObjectRef() *Datatype { return &Datatype{Class: ClassReference, Size: 8} }

// IsBool reports whether t is the enum that h5py uses for bool.
func (t *Datatype) IsBool() bool {
	return t.Class == ClassEnum && t.Size == 1 && len(t.Enum) == 2 &&
		t.Enum[0] == EnumValue{"FALSE", 0} && t.Enum[1] == EnumValue{"TRUE", 1}
}

// IsString reports whether t is a string, of fixed or variable length.
func (t *Datatype) IsString() bool { return t.Class == ClassString || t.Class == ClassVLenString }

// number gives the type that says how an element's bytes are a number: t
// itself, or an enum's base.
func (t *Datatype) number() *Datatype {
	if t.Class == ClassEnum && t.Base != nil {
		return t.Base
	}
	return t
}

// hasHeap reports whether elements hold addresses of a global heap, so that
// their bytes mean nothing outside their file.
func (t *Datatype) hasHeap() bool {
	switch t.Class {
	case ClassVLen, ClassVLenString:
		return true
	case ClassReference:
		return t.RefKind != RefObject
	case ClassArray:
		return t.Base.hasHeap()
	case ClassCompound:
		for _, m := range t.Members {
			if m.Type.hasHeap() {
				return true
			}
		}
	}
	return false
}

// hasRef reports whether elements hold references to objects.
func (t *Datatype) hasRef() bool {
	switch t.Class {
	case ClassReference:
		return true
	case ClassArray, ClassVLen:
		return t.Base.hasRef()
	case ClassCompound:
		for _, m := range t.Members {
			if m.Type.hasRef() {
				return true
			}
		}
	}
	return false
}
