// Command gen writes the assembly of package panel. Run it with go generate in
// the package's folder.
package main

import (
	"bytes"
	"fmt"
	"os"
)

// isa is a vector instruction set: a row of 8 float64 takes vecs registers.
type isa struct {
	tag, reg string
	vecs     int
}

func (s isa) bytes() int { return 64 / s.vecs }

type writer struct{ bytes.Buffer }

func (w *writer) p(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }

func (w *writer) head(name, args string, size int) {
	w.p("\n// func %s(%s)\nTEXT ·%s(SB), NOSPLIT, $0-%d", name, args, name, size)
}

func (s isa) zero(w *writer, r int) {
	if s.reg == "Z" {
		w.p("\tVPXORQ Z%d, Z%d, Z%d", r, r, r)
	} else {
		w.p("\tVXORPD Y%d, Y%d, Y%d", r, r, r)
	}
}

// mul: rows of a (8 with AVX-512, 4 with AVX2) times the n x 8 panel x.
func mul(w *writer, s isa) {
	rows := 8 / s.vecs
	w.head("mul"+s.tag, "n int, a *float64, lda int, x, y *float64", 40)
	w.p("\tMOVQ n+0(FP), CX\n\tMOVQ a+8(FP), SI\n\tMOVQ lda+16(FP), R8\n\tMOVQ x+24(FP), DX\n\tMOVQ y+32(FP), R10\n\tSHLQ $3, R8\n\tLEAQ (R8)(R8*2), R9\n\tLEAQ (SI)(R8*4), DI")
	acc := 4
	for r := range rows * s.vecs {
		s.zero(w, acc+r)
	}
	at := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R9*1)", "(DI)", "(DI)(R8*1)", "(DI)(R8*2)", "(DI)(R9*1)"}
	w.p("loop:")
	for v := range s.vecs {
		w.p("\tVMOVUPD %d(DX), %s%d", v*s.bytes(), s.reg, v)
	}
	for r := range rows {
		if s.vecs == 1 {
			w.p("\tVFMADD231PD.BCST %s, Z0, Z%d", at[r], acc+r)
			continue
		}
		w.p("\tVBROADCASTSD %s, Y2", at[r])
		for v := range s.vecs {
			w.p("\tVFMADD231PD Y%d, Y2, Y%d", v, acc+r*s.vecs+v)
		}
	}
	w.p("\tADDQ $8, SI\n\tADDQ $8, DI\n\tADDQ $64, DX\n\tDECQ CX\n\tJNZ loop")
	for r := range rows * s.vecs {
		w.p("\tVMOVUPD %s%d, %d(R10)", s.reg, acc+r, r*s.bytes())
	}
	w.p("\tVZEROUPPER\n\tRET")
}

// gram: c = W^T V of columns cols of W, 8 with AVX-512, 4 with AVX2.
func gram(w *writer, s isa) {
	cols := 8 / s.vecs
	w.head("gram"+s.tag, "n int, v, w, c *float64", 32)
	w.p("\tMOVQ n+0(FP), CX\n\tMOVQ v+8(FP), SI\n\tMOVQ w+16(FP), DI\n\tMOVQ c+24(FP), R10")
	acc := 4
	for r := range cols * s.vecs {
		s.zero(w, acc+r)
	}
	w.p("loop:")
	for v := range s.vecs {
		w.p("\tVMOVUPD %d(SI), %s%d", v*s.bytes(), s.reg, v)
	}
	for c := range cols {
		if s.vecs == 1 {
			w.p("\tVFMADD231PD.BCST %d(DI), Z0, Z%d", 8*c, acc+c)
			continue
		}
		w.p("\tVBROADCASTSD %d(DI), Y2", 8*c)
		for v := range s.vecs {
			w.p("\tVFMADD231PD Y%d, Y2, Y%d", v, acc+c*s.vecs+v)
		}
	}
	w.p("\tADDQ $64, SI\n\tADDQ $64, DI\n\tDECQ CX\n\tJNZ loop")
	for r := range cols * s.vecs {
		w.p("\tVMOVUPD %s%d, %d(R10)", s.reg, acc+r, r*s.bytes())
	}
	w.p("\tVZEROUPPER\n\tRET")
}

// update: w += V H, four rows (AVX-512) or two (AVX2) at a time.
func update(w *writer, s isa) {
	w.head("update"+s.tag, "n int, v, h, w *float64", 32)
	w.p("\tMOVQ n+0(FP), CX\n\tMOVQ v+8(FP), SI\n\tMOVQ h+16(FP), DX\n\tMOVQ w+24(FP), DI")
	const rows = 4
	acc := 3
	if s.vecs == 1 {
		for a := range 8 {
			w.p("\tVMOVUPD %d(DX), Z%d", a*64, 16+a)
		}
	}
	w.p("loop:")
	for r := range rows * s.vecs {
		w.p("\tVMOVUPD %d(DI), %s%d", r*s.bytes(), s.reg, acc+r)
	}
	for a := range 8 {
		for v := range s.vecs {
			if s.vecs > 1 {
				w.p("\tVMOVUPD %d(DX), Y%d", a*64+v*32, v)
			}
		}
		for r := range rows {
			if s.vecs == 1 {
				w.p("\tVFMADD231PD.BCST %d(SI), Z%d, Z%d", r*64+a*8, 16+a, acc+r)
				continue
			}
			w.p("\tVBROADCASTSD %d(SI), Y2", r*64+a*8)
			for v := range s.vecs {
				w.p("\tVFMADD231PD Y%d, Y2, Y%d", v, acc+r*s.vecs+v)
			}
		}
	}
	for r := range rows * s.vecs {
		w.p("\tVMOVUPD %s%d, %d(DI)", s.reg, acc+r, r*s.bytes())
	}
	w.p("\tADDQ $256, SI\n\tADDQ $256, DI\n\tSUBQ $4, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// both: rows of a (8 with AVX-512, 2 with AVX2) times x into yi, and their
// transpose times xi into y.
func both(w *writer, s isa) {
	rows := map[int]int{1: 8, 2: 2}[s.vecs]
	w.head("both"+s.tag, "n int, a *float64, lda int, x, y, xi, yi *float64", 56)
	w.p("\tMOVQ n+0(FP), CX\n\tMOVQ a+8(FP), SI\n\tMOVQ lda+16(FP), R8\n\tMOVQ x+24(FP), DX\n\tMOVQ y+32(FP), R10\n\tMOVQ xi+40(FP), R11\n\tMOVQ yi+48(FP), R12")
	w.p("\tSHLQ $3, R8\n\tLEAQ (R8)(R8*2), R9\n\tLEAQ (SI)(R8*4), DI")
	temps := map[int][]int{1: {2, 3, 4, 5}, 2: {4, 5}}[s.vecs]
	acc := 6
	xi := acc + rows*s.vecs
	for r := range rows * s.vecs {
		w.p("\tVMOVUPD %d(R12), %s%d", r*s.bytes(), s.reg, acc+r)
		w.p("\tVMOVUPD %d(R11), %s%d", r*s.bytes(), s.reg, xi+r)
	}
	at := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R9*1)", "(DI)", "(DI)(R8*1)", "(DI)(R8*2)", "(DI)(R9*1)"}
	w.p("loop:")
	for v := range s.vecs {
		w.p("\tVMOVUPD %d(DX), %s%d", v*s.bytes(), s.reg, v)
		w.p("\tVMOVUPD %d(R10), %s%d", v*s.bytes(), s.reg, s.vecs+v)
	}
	for r := range rows {
		t := temps[r%len(temps)]
		w.p("\tVBROADCASTSD %s, %s%d", at[r], s.reg, t)
		for v := range s.vecs {
			w.p("\tVFMADD231PD %s%d, %s%d, %s%d", s.reg, v, s.reg, t, s.reg, acc+r*s.vecs+v)
			w.p("\tVFMADD231PD %s%d, %s%d, %s%d", s.reg, xi+r*s.vecs+v, s.reg, t, s.reg, s.vecs+v)
		}
	}
	for v := range s.vecs {
		w.p("\tVMOVUPD %s%d, %d(R10)", s.reg, s.vecs+v, v*s.bytes())
	}
	w.p("\tADDQ $8, SI\n\tADDQ $8, DI\n\tADDQ $64, DX\n\tADDQ $64, R10\n\tDECQ CX\n\tJNZ loop")
	for r := range rows * s.vecs {
		w.p("\tVMOVUPD %s%d, %d(R12)", s.reg, acc+r, r*s.bytes())
	}
	w.p("\tVZEROUPPER\n\tRET")
}

// rotate: a chain of plane rotations of rows, 16 columns wide, upwards.
func rotate(w *writer, s isa) {
	w.head("rotate"+s.tag, "n int, z *float64, stride int, cs *float64", 32)
	w.p("\tMOVQ n+0(FP), CX\n\tMOVQ z+8(FP), SI\n\tMOVQ stride+16(FP), R8\n\tMOVQ cs+24(FP), DX\n\tSHLQ $3, R8")
	vecs, b := 2*s.vecs, s.bytes()
	carry, row, mulled := 2, 2+vecs, 2+2*vecs
	for v := range vecs {
		w.p("\tVMOVUPD %d(SI), %s%d", v*b, s.reg, carry+v)
	}
	w.p("loop:\n\tMOVQ SI, DI\n\tSUBQ R8, DI\n\tVBROADCASTSD (DX), %s0\n\tVBROADCASTSD 8(DX), %s1", s.reg, s.reg)
	for v := range vecs {
		w.p("\tVMOVUPD %d(DI), %s%d", v*b, s.reg, row+v)
		w.p("\tVMULPD %s%d, %s0, %s%d", s.reg, carry+v, s.reg, s.reg, mulled)
		w.p("\tVFMADD231PD %s%d, %s1, %s%d", s.reg, row+v, s.reg, s.reg, mulled)
		w.p("\tVMOVUPD %s%d, %d(SI)", s.reg, mulled, v*b)
		w.p("\tVMULPD %s%d, %s1, %s%d", s.reg, carry+v, s.reg, s.reg, carry+v)
		w.p("\tVFMSUB231PD %s%d, %s0, %s%d", s.reg, row+v, s.reg, s.reg, carry+v)
	}
	w.p("\tMOVQ DI, SI\n\tADDQ $16, DX\n\tDECQ CX\n\tJNZ loop")
	for v := range vecs {
		w.p("\tVMOVUPD %s%d, %d(SI)", s.reg, carry+v, v*b)
	}
	w.p("\tVZEROUPPER\n\tRET")
}

// dot: 32 partial sums; axpy: y += a x. n is a multiple of 32.
func vectors(w *writer, s isa) {
	vecs, b := 4*s.vecs, s.bytes()
	w.head("dot"+s.tag, "n int, x, y, sums *float64", 32)
	w.p("\tMOVQ n+0(FP), CX\n\tMOVQ x+8(FP), SI\n\tMOVQ y+16(FP), DI\n\tMOVQ sums+24(FP), R10")
	for v := range vecs {
		s.zero(w, 4+v)
	}
	w.p("loop:")
	for v := range vecs {
		w.p("\tVMOVUPD %d(SI), %s%d", v*b, s.reg, v%4)
		w.p("\tVFMADD231PD %d(DI), %s%d, %s%d", v*b, s.reg, v%4, s.reg, 4+v)
	}
	w.p("\tADDQ $256, SI\n\tADDQ $256, DI\n\tSUBQ $32, CX\n\tJNZ loop")
	for v := range vecs {
		w.p("\tVMOVUPD %s%d, %d(R10)", s.reg, 4+v, v*b)
	}
	w.p("\tVZEROUPPER\n\tRET")
	w.head("axpy"+s.tag, "n int, a float64, x, y *float64", 32)
	w.p("\tMOVQ n+0(FP), CX\n\tVBROADCASTSD a+8(FP), %s15\n\tMOVQ x+16(FP), SI\n\tMOVQ y+24(FP), DI\nloop:", s.reg)
	for v := range vecs {
		w.p("\tVMOVUPD %d(DI), %s%d", v*b, s.reg, v)
		w.p("\tVFMADD231PD %d(SI), %s15, %s%d", v*b, s.reg, s.reg, v)
		w.p("\tVMOVUPD %s%d, %d(DI)", s.reg, v, v*b)
	}
	w.p("\tADDQ $256, SI\n\tADDQ $256, DI\n\tSUBQ $32, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

func main() {
	w := new(writer)
	w.p("// Code generated by internal/gen. DO NOT EDIT.\n\n#include \"textflag.h\"")
	for _, s := range []isa{{"AVX512", "Z", 1}, {"AVX2", "Y", 2}} {
		mul(w, s)
		both(w, s)
		gram(w, s)
		update(w, s)
		rotate(w, s)
		vectors(w, s)
	}
	if err := os.WriteFile("kernels_amd64.s", w.Bytes(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
