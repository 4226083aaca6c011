//go:build !amd64

package gramkern

// Best returns the fastest level that this processor has.
func Best() Level { return Portable }

func blockVector(_ Level, k int, a, b []float32, c []float64, ldc int) {
	blockPortable(k, a, b, c, ldc)
}

func axpyVector(_ Level, groups int, at []uint32, val, d []float32, gs int, c []float64) int {
	axpyPortable(groups, at, val, d, gs, c)
	return groups
}

func projectVector(_ Level, blocks int, idx []uint32, val, w []float64, ldw int, out []float64) int {
	projectPortable(blocks, idx, val, w, ldw, out)
	return blocks
}
