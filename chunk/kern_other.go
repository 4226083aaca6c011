//go:build !amd64

package chunk

func scan(x []uint32) (falls int, top uint32) { return scanGo(x) }

func countsFloat32(dst []uint32, src []float32) int { return countsFloat32Go(dst, src) }

func countsFloat64(dst []uint32, src []float64) int { return countsFloat64Go(dst, src) }

func anyZero(x []uint32) bool { return anyZeroGo(x) }

func anyZeroF32(x []float32) bool { return anyZeroGo(x) }
