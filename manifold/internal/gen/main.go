// Command gen writes the assembly of package manifold. Run it with go generate in the
// package's folder.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// What the kernels share with the package: see lanePattern, moveArgs and forceTable.
const (
	patOff, patLimit, patFrom, patSel              = 0, 64, 128, 192
	patMask, patPulls, patLower, patBytes          = 256, 260, 264, 272
	argY, argTab, argPatterns, argBytes            = 0, 8, 16, 24
	argWindow, argFirst, argAlpha, argLimit        = 32, 36, 40, 44
	tableShift, tableLow, tableLast                = 18, (127 - 24) << 5, 1279
	golden                                  uint32 = 0x9E3779B9
)

type writer struct{ bytes.Buffer }

// p writes instructions, separated by semicolons.
func (w *writer) p(format string, a ...any) {
	for _, s := range strings.Split(fmt.Sprintf(format, a...), ";") {
		fmt.Fprintf(w, "\t%s\n", strings.TrimSpace(s))
	}
}

func (w *writer) label(s string) { fmt.Fprintf(w, "%s:\n", s) }

func (w *writer) data(name string, v []uint32) {
	for i, x := range v {
		fmt.Fprintf(w, "DATA %s<>+%d(SB)/4, $0x%08x\n", name, 4*i, x)
	}
	fmt.Fprintf(w, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 4*len(v))
}

func (w *writer) head(name, args string, frame, size int) {
	fmt.Fprintf(w, "\n// func %s(%s)\nTEXT ·%s(SB), NOSPLIT, $%d-%d\n", name, args, name, frame, size)
}

func series(n int, f func(i int) uint32) []uint32 {
	v := make([]uint32, n)
	for i := range v {
		v[i] = f(i)
	}
	return v
}

func constants(w *writer) {
	w.data("iota", series(16, func(i int) uint32 { return uint32(i) }))
	w.data("even", series(16, func(i int) uint32 { return uint32(2 * i) }))
	w.data("odd", series(16, func(i int) uint32 { return uint32(2*i + 1) }))
	w.data("counter", series(16, func(i int) uint32 { return uint32(i) * golden }))
	same := func(name string, x uint32) { w.data(name, series(8, func(int) uint32 { return x })) }
	same("mix1", 0x85ebca6b)
	same("mix2", 0xc2b2ae35)
	same("low", tableLow)
	same("last", tableLast)
	same("cell", ^uint32(1<<tableShift-1))
	same("sign", 1<<31)
	// For each mask of 8 lanes the lanes that are set, a byte each.
	for m := range 256 {
		x, k := uint64(0), 0
		for l := range 8 {
			if m>>l&1 == 1 {
				x |= uint64(l) << (8 * k)
				k++
			}
		}
		fmt.Fprintf(w, "DATA packed<>+%d(SB)/8, $0x%016x\n", 8*m, x)
	}
	fmt.Fprintf(w, "GLOBL packed<>(SB), RODATA|NOPTR, $2048\n")
}

const (
	fireArgs = "idx, rate, phase *uint32, n int, epoch uint32, out *uint32) (fired int"
	moveArgs = "a *moveArgs, i, self, ctr uint32, targets *uint32, n int, out *float32"
)

func fireHead(w *writer, name string) {
	w.head(name, fireArgs, 0, 56)
	w.p("MOVQ idx+0(FP), SI; MOVQ rate+8(FP), DI; MOVQ phase+16(FP), R8; MOVQ n+24(FP), DX; MOVQ out+40(FP), R9; MOVQ R9, R10")
}

func fireTail(w *writer) {
	w.p("SUBQ R10, R9; SHRQ $2, R9; MOVQ R9, fired+48(FP); VZEROUPPER; RET")
}

// fire512: 16 edges at a time; those whose sum carries are packed together.
func fire512(w *writer) {
	fireHead(w, "fireAVX512")
	w.p("MOVL epoch+32(FP), AX; VPBROADCASTD AX, Z0; KXNORW K2, K2, K2")
	w.label("loop")
	w.p("CMPQ DX, $16; JGE full; MOVQ DX, CX; MOVL $1, AX; SHLL CX, AX; DECL AX; KMOVW AX, K2")
	w.label("full")
	w.p("VMOVDQU32 (DI), Z1; VPMULLD Z0, Z1, Z2; VPADDD (R8), Z2, Z2; VPADDD Z1, Z2, Z3; VPCMPUD $1, Z2, Z3, K2, K1")
	w.p("VMOVDQU32 (SI), Z4; VPCOMPRESSD.Z Z4, K1, Z5; VMOVDQU32 Z5, (R9); KMOVW K1, AX; POPCNTL AX, AX; LEAQ (R9)(AX*4), R9")
	w.p("ADDQ $64, SI; ADDQ $64, DI; ADDQ $64, R8; SUBQ $16, DX; JG loop")
	fireTail(w)
}

// fire2: 8 edges at a time; a sum that is not the larger of itself and its parts carried.
func fire2(w *writer) {
	fireHead(w, "fireAVX2")
	w.p("VBROADCASTSS epoch+32(FP), Y0; LEAQ packed<>(SB), R11")
	w.label("loop")
	w.p("VMOVDQU (DI), Y1; VPMULLD Y0, Y1, Y2; VPADDD (R8), Y2, Y2; VPADDD Y1, Y2, Y3; VPMAXUD Y2, Y3, Y4; VPCMPEQD Y3, Y4, Y4")
	w.p("VMOVMSKPS Y4, AX; XORL $0xFF, AX; CMPQ DX, $8; JGE full; MOVQ DX, CX; MOVL $1, BX; SHLL CX, BX; DECL BX; ANDL BX, AX")
	w.label("full")
	w.p("VPMOVZXBD (R11)(AX*8), Y5; VMOVDQU (SI), Y6; VPERMD Y6, Y5, Y6; VMOVDQU Y6, (R9); POPCNTL AX, AX; LEAQ (R9)(AX*4), R9")
	w.p("ADDQ $32, SI; ADDQ $32, DI; ADDQ $32, R8; SUBQ $8, DX; JG loop")
	fireTail(w)
}

// moveHead loads what both move kernels keep: R8 positions, R9 table, R10 pattern, R11 its
// end, R12 the first, BX arguments, SI targets, DX lanes left, DI result.
func moveHead(w *writer, name string, frame int) {
	w.head(name, moveArgs, frame, 48)
	w.p("MOVQ a+0(FP), BX; MOVQ %d(BX), R8; MOVQ %d(BX), R9; MOVQ %d(BX), R10; MOVQ R10, R12; MOVQ R10, R11; ADDQ %d(BX), R11", argY, argTab, argPatterns, argBytes)
	w.p("MOVQ targets+24(FP), SI; MOVQ n+32(FP), DX; MOVQ out+40(FP), DI")
}

// own loads the cell's position, broadcast, into registers 0 and up.
func own(w *writer, reg string, dims int) {
	w.p("MOVL i+8(FP), AX")
	if dims == 3 {
		w.p("ADDQ AX, AX")
	}
	for q := range dims {
		w.p("VBROADCASTSS %d(R8)(AX*8), %s%d", 4*q, reg, q)
	}
}

// finish adds up 8 lanes, clips the sum, moves the cell, and steps to the next group. sum
// and tmp name a register for each axis; limit and negative are X registers.
func finish(w *writer, reg string, dims int, sum, tmp []int, limit, negative, alpha int) {
	for q := range dims {
		s, t := sum[q], tmp[q]
		w.p("VEXTRACTF128 $1, Y%d, X%d; VADDPS X%d, X%d, X%d; VPERMILPS $0x0E, X%d, X%d; VADDPS X%d, X%d, X%d; VPERMILPS $0x01, X%d, X%d; VADDSS X%d, X%d, X%d",
			s, t, t, s, s, s, t, t, s, s, s, t, t, s, s)
		w.p("VMINSS X%d, X%d, X%d; VMAXSS X%d, X%d, X%d; VMULSS X%d, X%d, X%d; VADDSS X%d, X%d, X%d; VBROADCASTSS X%d, %s%d",
			limit, s, s, negative, s, s, alpha, s, s, s, q, s, s, reg, q)
	}
	w.p("ADDQ $%d, R10; CMPQ R10, R11; JLT same; MOVQ R12, R10", patBytes)
	w.label("same")
	w.p("SUBQ $16, DX; JG loop")
	for q := range dims {
		w.p("VMOVSS X%d, %d(DI)", q, 4*q)
	}
	w.p("VZEROUPPER; RET")
}

// groupStep takes the counters past a group.
const groupStep = 16 * uint64(golden) & 0xffffffff

func main() {
	w := new(writer)
	w.WriteString("// Code generated by internal/gen. DO NOT EDIT.\n\n#include \"textflag.h\"\n\n")
	constants(w)
	fire512(w)
	fire2(w)
	for dims := 2; dims <= 3; dims++ {
		move512(w, dims)
		move2(w, dims)
	}
	if err := os.WriteFile("kernels_amd64.s", w.Bytes(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
