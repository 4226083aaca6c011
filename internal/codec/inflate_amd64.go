package codec

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// fastArgs is the state of inflateAVX2, in the order that inflate_amd64.s knows.
type fastArgs struct {
	in, inEnd         unsafe.Pointer // next byte; the last place where a turn may start
	out, outEnd, base unsafe.Pointer // the same of the output; its first byte
	acc, nbits        uint64
	tab               *tables
}

// inflateAVX2 is fastGo with BMI2 and AVX2. It returns 0 when a margin is met,
// 1 at the end of the block, 2 for an invalid code, 3 for an invalid distance.
//
//go:noescape
func inflateAVX2(a *fastArgs) int

// fast runs the fast loop, see fastGo.
func (f *Inflater) fast() (done bool, err error) {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasBMI2 || f.noAsm {
		return f.fastGo()
	}
	s := &f.s
	sp, dp := unsafe.Pointer(unsafe.SliceData(s.src)), unsafe.Pointer(unsafe.SliceData(s.dst))
	a := fastArgs{
		in: unsafe.Add(sp, s.pos), inEnd: unsafe.Add(sp, len(s.src)-fastIn),
		out: unsafe.Add(dp, s.out), outEnd: unsafe.Add(dp, len(s.dst)-fastOut), base: dp,
		acc: s.acc, nbits: uint64(s.nbits), tab: &f.tables,
	}
	code := inflateAVX2(&a)
	s.pos, s.out = int(uintptr(a.in)-uintptr(sp)), int(uintptr(a.out)-uintptr(dp))
	s.acc, s.nbits = a.acc, uint(a.nbits)
	switch code {
	case 2:
		return false, errCode()
	case 3:
		return false, errDistance()
	}
	return code == 1, nil
}
