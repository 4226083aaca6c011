package manifold

import "golang.org/x/sys/cpu"

//go:generate go run ./internal/gen

// best returns the fastest level that this processor has.
func best() level {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT:
		return avx512
	case cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT:
		return avx2
	}
	return portable
}

//go:noescape
func fireAVX512(idx, rate, phase *uint32, n int, epoch uint32, out *uint32) (fired int)

//go:noescape
func fireAVX2(idx, rate, phase *uint32, n int, epoch uint32, out *uint32) (fired int)

//go:noescape
func move2AVX512(a *moveArgs, i, self, ctr uint32, targets *uint32, n int, out *float32)

//go:noescape
func move2AVX2(a *moveArgs, i, self, ctr uint32, targets *uint32, n int, out *float32)

//go:noescape
func move3AVX512(a *moveArgs, i, self, ctr uint32, targets *uint32, n int, out *float32)

//go:noescape
func move3AVX2(a *moveArgs, i, self, ctr uint32, targets *uint32, n int, out *float32)

func fireVector(l level, idx, rate, phase *uint32, n int, epoch uint32, out *uint32) int {
	if l == avx512 {
		return fireAVX512(idx, rate, phase, n, epoch, out)
	}
	return fireAVX2(idx, rate, phase, n, epoch, out)
}

func moveVector(l level, dims int, a *moveArgs, i, self, ctr uint32, targets *uint32, n int, out *float32) {
	switch {
	case l == avx512 && dims == 2:
		move2AVX512(a, i, self, ctr, targets, n, out)
	case l == avx512:
		move3AVX512(a, i, self, ctr, targets, n, out)
	case dims == 2:
		move2AVX2(a, i, self, ctr, targets, n, out)
	default:
		move3AVX2(a, i, self, ctr, targets, n, out)
	}
}
