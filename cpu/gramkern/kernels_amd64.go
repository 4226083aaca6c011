package gramkern

import "golang.org/x/sys/cpu"

//go:generate go run ./internal/gen

// Best returns the fastest level that this processor has.
func Best() Level {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ:
		return AVX512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return AVX2
	}
	return Portable
}

//go:noescape
func syrkAVX512(k int, a, b *float32, c *float64, ldc int)

//go:noescape
func syrkAVX2(k int, a, b *float32, c *float64, ldc int)

//go:noescape
func axpy1xAVX512(n int, at *uint32, val, d *float32, gs int, c *float64)

//go:noescape
func axpy2xAVX512(n int, at *uint32, val, d *float32, gs int, c *float64)

//go:noescape
func axpy4xAVX512(n int, at *uint32, val, d *float32, gs int, c *float64)

//go:noescape
func axpy1xAVX2(n int, at *uint32, val, d *float32, gs int, c *float64)

//go:noescape
func axpy2xAVX2(n int, at *uint32, val, d *float32, gs int, c *float64)

//go:noescape
func project1xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project2xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project3xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project4xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project5xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project6xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project7xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project8xAVX512(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project1xAVX2(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project2xAVX2(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project3xAVX2(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project4xAVX2(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project5xAVX2(n int, idx *uint32, val, w *float64, ldw int, out *float64)

//go:noescape
func project6xAVX2(n int, idx *uint32, val, w *float64, ldw int, out *float64)

// blockVector adds the product of two groups over k rows to c, by vector
// instructions of level l. See Block.
func blockVector(l Level, k int, a, b []float32, c []float64, ldc int) {
	if l == AVX512 {
		for i := 0; i < Group; i += 8 {
			syrkAVX512(k, &a[i], &b[0], &c[i*ldc], ldc)
		}
		return
	}
	for j := 0; j < Group; j += 16 {
		for i := 0; i < Group; i += 6 {
			syrkAVX2(k, &a[i], &b[j], &c[i*ldc+j], ldc)
		}
	}
}

// axpyVector adds to c for as many groups as one kernel takes and returns how
// many those were. See Axpy.
func axpyVector(l Level, groups int, at []uint32, val, d []float32, gs int, c []float64) int {
	n := len(at)
	switch {
	case l == AVX512 && groups >= 4:
		axpy4xAVX512(n, &at[0], &val[0], &d[0], gs, &c[0])
		return 4
	case l == AVX512 && groups >= 2:
		axpy2xAVX512(n, &at[0], &val[0], &d[0], gs, &c[0])
		return 2
	case l == AVX512:
		axpy1xAVX512(n, &at[0], &val[0], &d[0], gs, &c[0])
		return 1
	case groups >= 2:
		axpy2xAVX2(n, &at[0], &val[0], &d[0], gs, &c[0])
		return 2
	}
	axpy1xAVX2(n, &at[0], &val[0], &d[0], gs, &c[0])
	return 1
}

// projectVector adds to out for as many blocks of 8 columns as one kernel takes
// and returns how many those were. See ProjectRow.
func projectVector(l Level, blocks int, idx []uint32, val, w []float64, ldw int, out []float64) int {
	type kernel func(n int, idx *uint32, val, w *float64, ldw int, out *float64)
	wide := [...]kernel{
		project1xAVX512, project2xAVX512, project3xAVX512, project4xAVX512,
		project5xAVX512, project6xAVX512, project7xAVX512, project8xAVX512,
	}
	narrow := [...]kernel{
		project1xAVX2, project2xAVX2, project3xAVX2,
		project4xAVX2, project5xAVX2, project6xAVX2,
	}
	if l == AVX512 {
		b := min(blocks, len(wide))
		wide[b-1](len(idx), &idx[0], &val[0], &w[0], ldw, &out[0])
		return b
	}
	b := min(blocks, len(narrow))
	narrow[b-1](len(idx), &idx[0], &val[0], &w[0], ldw, &out[0])
	return b
}
