package anndata

import (
	"math"
	"sort"
	"unsafe"
)

// narrowIndices stores column numbers of any integer type as uint32. It returns
// the place of the first one outside [0, cols), else -1. Numbers of 4 bytes or
// fewer are only copied here: canonical looks at the largest of each row, and a
// negative one is large as uint32.
func narrowIndices(dst []uint32, t num, raw []byte, cols int64) int {
	switch t {
	case i32:
		if cols > math.MaxInt32 {
			return checked(dst, view[int32](raw), cols)
		}
		copied(dst, view[uint32](raw))
	case u32:
		copied(dst, view[uint32](raw))
	case u8:
		return checked(dst, view[uint8](raw), cols)
	case u16:
		return checked(dst, view[uint16](raw), cols)
	case i8:
		return checked(dst, view[int8](raw), cols)
	case i16:
		return checked(dst, view[int16](raw), cols)
	case i64:
		return checked(dst, view[int64](raw), cols)
	default:
		return checked(dst, view[uint64](raw), cols)
	}
	return -1
}

// copied is copy, and nothing when src was decoded into dst.
func copied(dst, src []uint32) {
	if len(src) > 0 && unsafe.SliceData(dst) != unsafe.SliceData(src) {
		copy(dst, src)
	}
}

func checked[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint64](dst []uint32, src []T, cols int64) int {
	dst = dst[:len(src)]
	for i, x := range src {
		if uint64(x) >= uint64(cols) || x < 0 {
			return i
		}
		dst[i] = uint32(x)
	}
	return -1
}

// rowOf finds the row that holds stored value at.
func rowOf(indptr []int64, at int64) int64 {
	return int64(sort.Search(len(indptr)-1, func(r int) bool { return indptr[r+1] > at }))
}
