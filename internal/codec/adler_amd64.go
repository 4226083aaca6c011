package codec

import "golang.org/x/sys/cpu"

func haveAdlerAVX2() bool { return cpu.X86.HasAVX2 }

// adlerAVX2 adds n bytes from p to the sums x and y without reducing them:
//
//	for each byte c { x += c; y += x }
//
// n is a multiple of 32, from 32 to adlerBlock.
//
//go:noescape
func adlerAVX2(p *byte, n int, x, y uint32) (x2, y2 uint32)
