package chunk

import "math"

// The inner loops of reading, as Go. Each has a twin in assembly where the
// machine has AVX2, with the same bits as result.

// scanGo returns at how many places x does not rise, and the largest of x.
func scanGo(x []uint32) (falls int, top uint32) {
	if len(x) == 0 {
		return 0, 0
	}
	prev := x[0]
	top = prev
	for _, v := range x[1:] {
		if v <= prev {
			falls++
		}
		top = max(top, v)
		prev = v
	}
	return falls, top
}

// countsFloat32Go converts as far as the values are whole numbers from 1 to
// 2^32-1.
func countsFloat32Go(dst []uint32, src []float32) int {
	for i, v := range src {
		if !(v >= 1 && v < 1<<32) {
			return i
		}
		u := uint32(v)
		if float32(u) != v {
			return i
		}
		dst[i] = u
	}
	return len(src)
}

func countsFloat64Go(dst []uint32, src []float64) int {
	for i, v := range src {
		if !(v >= 1 && v <= math.MaxUint32) {
			return i
		}
		u := uint32(v)
		if float64(u) != v {
			return i
		}
		dst[i] = u
	}
	return len(src)
}

func anyZeroGo[V uint32 | float32](x []V) bool {
	for _, v := range x {
		if v == 0 {
			return true
		}
	}
	return false
}
