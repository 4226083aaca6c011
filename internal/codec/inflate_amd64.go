package codec

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// fastArgs is the state of the assembly loops, in the order that they know.
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

// inflateVBMI is the same with AVX-512 VBMI (Ice Lake, Zen 4 and later).
//
//go:noescape
func inflateVBMI(a *fastArgs, t *vbmiTables) int

// vbmiTables are constants of inflateVBMI, in the order that it knows. Row
// 2*d+k belongs to a match at distance d after k literals; 64 stands for all
// distances from there on, which are loaded.
type vbmiTables struct {
	index [130][64]byte // which of the last 64 bytes goes where
	near  [130]uint64   // the places that index fills
	far   [130]uint64   // the places that are loaded; the rest is the literal
	count [128]byte     // 0, 1, 2, ...
	step  [64]byte      // the largest multiple of d up to 64
}

func makeVBMITables() *vbmiTables {
	t := new(vbmiTables)
	for i := range t.count {
		t.count[i] = byte(i)
	}
	for k := range 2 {
		t.far[128+k] = ^uint64(k)
		for d := 1; d < 64; d++ {
			t.step[d] = byte(64 / d * d)
			row := 2*d + k
			for i := k; i < 64; i++ {
				// Where byte i is first found, relative to the next byte of output.
				if from := (i-k)%d + k - d; from < 0 {
					t.index[row][i] = byte(64 + from)
					t.near[row] |= 1 << i
				}
			}
		}
	}
	return t
}

// vbmi is a constant table: never written after the package is loaded.
var vbmi = makeVBMITables()

// fast runs the fast loop, see fastGo.
func (f *Inflater) fast() (done bool, err error) {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasBMI2 || f.loop == loopGo {
		return f.fastGo()
	}
	s := &f.s
	sp, dp := unsafe.Pointer(unsafe.SliceData(s.src)), unsafe.Pointer(unsafe.SliceData(s.dst))
	a := fastArgs{
		in: unsafe.Add(sp, s.pos), inEnd: unsafe.Add(sp, len(s.src)-fastIn),
		out: unsafe.Add(dp, s.out), outEnd: unsafe.Add(dp, len(s.dst)-fastOut), base: dp,
		acc: s.acc, nbits: uint64(s.nbits), tab: &f.tables,
	}
	var code int
	if cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512BW && f.loop == loopBest {
		code = inflateVBMI(&a, vbmi)
	} else {
		code = inflateAVX2(&a)
	}
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
