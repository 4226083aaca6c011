// Command gen writes the assembly of package neighbors. Run it with go generate in
// the package's folder.
//
// A panel is 48 rows of the data, dimension by dimension: value k of row c is at
// k*48+c. Both sides of a tile are read from panels.
package main

import (
	"bytes"
	"fmt"
	"os"
)

// isa is a vector instruction set and the tile that fits its registers.
type isa struct {
	tag, reg    string
	bytes       int // of a register
	rows        int // of the tile; it has 3 registers of columns
	colReg, tmp int // first register of columns, first of the two others
}

type writer struct{ bytes.Buffer }

func (w *writer) p(format string, a ...any) { fmt.Fprintf(w, "\t"+format+"\n", a...) }

func (w *writer) head(name, args string, size int, params ...string) {
	fmt.Fprintf(w, "\n// func %s(%s)\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, args, name, size)
	for i := 0; i < len(params); i += 2 {
		w.p("MOVQ %s(FP), %s", params[i], params[i+1])
	}
}

// product leaves hb plus the inner products of the tile in the first 3*rows
// registers: row r and column register c in 3*r+c.
func product(w *writer, s isa) {
	for c := range 3 {
		w.p("VMOVUPS %d(R8), %s%d", s.bytes*c, s.reg, c)
	}
	for r := 1; r < s.rows; r++ {
		for c := range 3 {
			w.p("VMOVAPS %s%d, %s%d", s.reg, c, s.reg, 3*r+c)
		}
	}
	fmt.Fprintln(w, "loop:")
	for c := range 3 {
		w.p("VMOVUPS %d(DI), %s%d", s.bytes*c, s.reg, s.colReg+c)
	}
	for r := range s.rows {
		t := s.tmp
		if s.reg == "Z" {
			t += r % 2
		}
		w.p("VBROADCASTSS %d(SI), %s%d", 4*r, s.reg, t)
		for c := range 3 {
			w.p("VFMADD231PS %s%d, %s%d, %s%d", s.reg, s.colReg+c, s.reg, t, s.reg, 3*r+c)
		}
	}
	w.p("ADDQ $192, SI")
	w.p("ADDQ $192, DI")
	w.p("DECQ CX")
	w.p("JNZ loop")
}

// compare stores which of acc are at least in register y, as bits at byte off of mem,
// and collects them in R11.
func compare(w *writer, s isa, y, acc, free, off int, mem string) {
	if s.reg == "Z" {
		w.p("VCMPPS $0x1D, Z%d, Z%d, K1", y, acc)
		w.p("KMOVW K1, AX")
		w.p("MOVW AX, %d(%s)", off, mem)
	} else {
		w.p("VCMPPS $0x1D, Y%d, Y%d, Y%d", y, acc, free)
		w.p("VMOVMSKPS Y%d, AX", free)
		w.p("MOVB AX, %d(%s)", off, mem)
	}
	w.p("ORL AX, R11")
}

// filter: which products reach the threshold of their row.
func filter(w *writer, s isa) {
	w.head("filter"+s.tag, "d int, a, b, hb, t *float32, m *uint8) (some uint32", 52,
		"d+0", "CX", "a+8", "SI", "b+16", "DI", "hb+24", "R8", "t+32", "R9", "m+40", "R10")
	product(w, s)
	w.p("XORL R11, R11")
	for r := range s.rows {
		w.p("VBROADCASTSS %d(R9), %s%d", 4*r, s.reg, s.tmp)
		for c := range 3 {
			compare(w, s, s.tmp, 3*r+c, s.colReg, 6*r+c*s.bytes/32, "R10")
		}
	}
	w.p("MOVL R11, some+48(FP)")
	w.p("VZEROUPPER")
	w.p("RET")
}

// both: which products reach the threshold of their row, or of their column.
func both(w *writer, s isa) {
	w.head("both"+s.tag, "d int, a, b, hb, t, s, ha *float32, m, mc *uint8) (some uint32", 76,
		"d+0", "CX", "a+8", "SI", "b+16", "DI", "hb+24", "R8", "t+32", "R9", "s+40", "R12", "ha+48", "R13", "m+56", "R10", "mc+64", "BX")
	product(w, s)
	w.p("XORL R11, R11")
	for r := range s.rows {
		w.p("VBROADCASTSS %d(R9), %s%d", 4*r, s.reg, s.tmp)
		for c := range 3 {
			compare(w, s, s.tmp, 3*r+c, s.colReg, 6*r+c*s.bytes/32, "R10")
		}
		w.p("VBROADCASTSS %d(R13), %s%d", 4*r, s.reg, s.tmp)
		for c := range 3 {
			w.p("VADDPS %d(R12), %s%d, %s%d", s.bytes*c, s.reg, s.tmp, s.reg, s.colReg+1)
			compare(w, s, s.colReg+1, 3*r+c, s.colReg, 6*r+c*s.bytes/32, "BX")
		}
	}
	w.p("MOVL R11, some+72(FP)")
	w.p("VZEROUPPER")
	w.p("RET")
}

// canonical: one sum in 16 lanes for each listed row; dot says which.
func canonical(w *writer, s isa, name string, dot bool) {
	w.head(name+s.tag, "x, base *float32, idx *int32, n int, out *float32, dp int", 48,
		"x+0", "SI", "base+8", "DI", "idx+16", "R8", "n+24", "CX", "out+32", "R9", "dp+40", "DX")
	w.p("SHLQ $2, DX")
	fmt.Fprintln(w, "next:")
	w.p("MOVLQSX (R8), AX")
	w.p("IMULQ DX, AX")
	w.p("ADDQ DI, AX")
	w.p("XORQ BX, BX")
	regs := 64 / s.bytes
	for r := range regs {
		w.p("VXORPS X%d, X%d, X%d", r, r, r)
	}
	fmt.Fprintln(w, "lanes:")
	for r := range regs {
		o, t := r*s.bytes, 4+r
		w.p("VMOVUPS %d(SI)(BX*1), %s%d", o, s.reg, t)
		if dot {
			w.p("VMULPS %d(AX)(BX*1), %s%d, %s%d", o, s.reg, t, s.reg, t)
		} else {
			w.p("VSUBPS %d(AX)(BX*1), %s%d, %s%d", o, s.reg, t, s.reg, t)
			w.p("VMULPS %s%d, %s%d, %s%d", s.reg, t, s.reg, t, s.reg, t)
		}
		w.p("VADDPS %s%d, %s%d, %s%d", s.reg, t, s.reg, r, s.reg, r)
	}
	w.p("ADDQ $64, BX")
	w.p("CMPQ BX, DX")
	w.p("JLT lanes")
	if s.reg == "Z" {
		w.p("VEXTRACTF64X4 $1, Z0, Y1")
	}
	w.p("VADDPS Y1, Y0, Y0")
	w.p("VEXTRACTF128 $1, Y0, X1")
	w.p("VADDPS X1, X0, X0")
	w.p("VPERMILPS $0x0E, X0, X1")
	w.p("VADDPS X1, X0, X0")
	w.p("VPERMILPS $0x01, X0, X1")
	w.p("VADDSS X1, X0, X0")
	w.p("VMOVSS X0, (R9)")
	w.p("ADDQ $4, R8")
	w.p("ADDQ $4, R9")
	w.p("DECQ CX")
	w.p("JNZ next")
	w.p("VZEROUPPER")
	w.p("RET")
}

func main() {
	w := new(writer)
	fmt.Fprint(w, "// Code generated by internal/gen. DO NOT EDIT.\n\n#include \"textflag.h\"\n")
	for _, s := range []isa{
		{tag: "AVX512", reg: "Z", bytes: 64, rows: 8, colReg: 24, tmp: 27},
		{tag: "AVX2", reg: "Y", bytes: 32, rows: 4, colReg: 12, tmp: 15},
	} {
		filter(w, s)
		both(w, s)
		canonical(w, s, "squared", false)
		canonical(w, s, "dot", true)
	}
	if err := os.WriteFile("kernels_amd64.s", w.Bytes(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
