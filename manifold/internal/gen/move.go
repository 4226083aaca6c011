package main

import "fmt"

// move512: a group of 16 forces at once. Z0.. hold the cell, Z3 indices of what it feels,
// Z5.. the differences, Z8 the squared distance, Z10 the place in the table.
func move512(w *writer, dims int) {
	moveHead(w, fmt.Sprintf("move%dAVX512", dims), 0)
	w.p("VPBROADCASTD %d(BX), Z16; VMOVSS %d(BX), X17; VBROADCASTSS self+12(FP), Z18; VBROADCASTSS ctr+16(FP), Z19; VPADDD counter<>(SB), Z19, Z19", argWindow, argAlpha)
	w.p("VMOVDQU32 even<>(SB), Z20; VMOVDQU32 odd<>(SB), Z21; VPBROADCASTD mix1<>(SB), Z22; VPBROADCASTD mix2<>(SB), Z23")
	w.p("MOVL $0x%08x, AX; VPBROADCASTD AX, Z24", groupStep)
	w.p("VPBROADCASTD low<>(SB), Z25; VPBROADCASTD last<>(SB), Z26; VPBROADCASTD cell<>(SB), Z27; VPXORD Z28, Z28, Z28")
	w.p("VPBROADCASTD %d(BX), Z29; VMOVSS %d(BX), X30; VSUBSS X30, X28, X31", argFirst, argLimit)
	own(w, "Z", dims)
	w.p("KXNORW K7, K7, K7; MOVL $0xAAAA, AX; KMOVW AX, K6")
	w.label("loop")
	w.p("CMPQ DX, $16; JGE full; MOVQ DX, CX; MOVL $1, AX; SHLL CX, AX; DECL AX; KMOVW AX, K7")
	w.label("full")
	// Random indices: mix32 of the counters, times the window, high half.
	w.p("VPSRLD $16, Z19, Z3; VPXORD Z3, Z19, Z4; VPADDD Z24, Z19, Z19; VPMULLD Z22, Z4, Z4; VPSRLD $13, Z4, Z3; VPXORD Z3, Z4, Z4; VPMULLD Z23, Z4, Z4; VPSRLD $16, Z4, Z3; VPXORD Z3, Z4, Z4")
	w.p("VPMULUDQ Z16, Z4, Z3; VPSRLQ $32, Z3, Z3; VPSRLQ $32, Z4, Z4; VPMULUDQ Z16, Z4, Z4; VMOVDQA32 Z4, K6, Z3; VPADDD Z29, Z3, Z3")
	// Targets in attracting lanes; lanes past the end read position 0.
	w.p("MOVL %d(R10), AX; KMOVW AX, K1; VPEXPANDD (SI), K1, Z3; MOVL %d(R10), AX; LEAQ (SI)(AX*4), SI; VMOVDQA32.Z Z3, K7, Z3", patMask, patPulls)
	w.p("VPCMPUD $4, Z18, Z3, K7, K3")
	gathered := func(base string, idx, a, b int) {
		w.p("VEXTRACTI64X4 $1, Z%d, Y4; KXNORW K2, K2, K2; KXNORW K4, K4, K4; VPXORD Z%d, Z%d, Z%d; VPXORD Z%d, Z%d, Z%d", idx, a, a, a, b, b, b)
		w.p("VGATHERDPD %s(Y%d*8), K2, Z%d; VGATHERDPD %s(Y4*8), K4, Z%d", base, idx, a, base, b)
	}
	if dims == 3 {
		w.p("VPADDD Z3, Z3, Z3")
	}
	gathered("(R8)", 3, 11, 12)
	w.p("VMOVDQA32 Z20, Z5; VPERMI2PS Z12, Z11, Z5; VMOVDQA32 Z21, Z6; VPERMI2PS Z12, Z11, Z6; VSUBPS Z5, Z0, Z5; VSUBPS Z6, Z1, Z6")
	w.p("VMULPS Z5, Z5, Z8; VMULPS Z6, Z6, Z9; VADDPS Z9, Z8, Z8")
	if dims == 3 {
		gathered("8(R8)", 3, 11, 12)
		w.p("VMOVDQA32 Z20, Z7; VPERMI2PS Z12, Z11, Z7; VSUBPS Z7, Z2, Z7; VMULPS Z7, Z7, Z9; VADDPS Z9, Z8, Z8")
	}
	w.p("VCMPPS $0x1E, Z28, Z8, K3, K3")
	// The force's coefficient: value + slope x rest.
	w.p("VPSRLD $%d, Z8, Z10; VPSUBD Z25, Z10, Z10; VPMAXSD Z28, Z10, Z10; VPMINSD Z26, Z10, Z10; VPADDD %d(R10), Z10, Z10; VPANDD Z27, Z8, Z9; VSUBPS Z9, Z8, Z9", tableShift, patOff)
	gathered("(R9)", 10, 11, 12)
	w.p("VMOVDQA32 Z20, Z13; VPERMI2PS Z12, Z11, Z13; VMOVDQA32 Z21, Z14; VPERMI2PS Z12, Z11, Z14; VMULPS Z9, Z14, Z14; VADDPS Z14, Z13, Z13")
	w.p("VMOVUPS %d(R10), Z10; VSUBPS Z10, Z28, Z11", patLimit)
	for q := range dims {
		d := 5 + q
		w.p("VMULPS Z%d, Z13, Z%d; VMINPS Z10, Z%d, Z%d; VMAXPS Z11, Z%d, Z%d; VMOVAPS.Z Z%d, K3, Z%d; VEXTRACTF64X4 $1, Z%d, Y9; VADDPS Y9, Y%d, Y%d", d, d, d, d, d, d, d, d, d, d, d)
	}
	finish(w, "Z", dims, []int{5, 6, 7}, []int{8, 9, 10}, 30, 31, 17)
}

// move2: the group in two halves of 8, the first kept on the stack. Y0.. hold the cell, Y15
// the counter, Y3 indices, Y13 the lanes that count, Y7.. differences, Y10 the squared
// distance.
func move2(w *writer, dims int) {
	moveHead(w, fmt.Sprintf("move%dAVX2", dims), 96)
	w.p("VBROADCASTSS ctr+16(FP), Y15")
	own(w, "Y", dims)
	w.label("loop")
	for h := range 2 {
		half(w, dims, h)
	}
	for q := range dims {
		w.p("VADDPS half%d-%d(SP), Y%d, Y%d", q, 32*(q+1), 7+q, 7+q)
	}
	w.p("MOVL $0x%08x, AX; VMOVD AX, X3; VPBROADCASTD X3, Y3; VPADDD Y3, Y15, Y15", groupStep)
	w.p("VMOVSS %d(BX), X10; VXORPS sign<>(SB), X10, X11; VMOVSS %d(BX), X12", argLimit, argAlpha)
	finish(w, "Y", dims, []int{7, 8, 9}, []int{3, 4, 5}, 10, 11, 12)
}

// half computes lanes 8h..8h+7: clipped forces in Y7 and up, or for the first half on the
// stack.
func half(w *writer, dims, h int) {
	at := 32 * h
	w.p("VPADDD counter<>+%d(SB), Y15, Y3; VPSRLD $16, Y3, Y4; VPXOR Y4, Y3, Y3; VPMULLD mix1<>(SB), Y3, Y3; VPSRLD $13, Y3, Y4; VPXOR Y4, Y3, Y3; VPMULLD mix2<>(SB), Y3, Y3; VPSRLD $16, Y3, Y4; VPXOR Y4, Y3, Y3", at)
	w.p("VPBROADCASTD %d(BX), Y5; VPMULUDQ Y5, Y3, Y4; VPSRLQ $32, Y4, Y4; VPSRLQ $32, Y3, Y3; VPMULUDQ Y5, Y3, Y3; VPBLENDD $0xAA, Y3, Y4, Y3; VPBROADCASTD %d(BX), Y5; VPADDD Y5, Y3, Y3", argWindow, argFirst)
	w.p("VMOVDQU (SI), Y5; VMOVDQU %d(R10), Y6; VPERMD Y5, Y6, Y5; VMOVDQU %d(R10), Y6; VPBLENDVB Y6, Y5, Y3, Y3", patFrom+at, patSel+at)
	w.p("MOVL %d(R10), AX", patLower)
	if h == 1 {
		w.p("NEGL AX; ADDL %d(R10), AX", patPulls)
	}
	w.p("LEAQ (SI)(AX*4), SI; VMOVD DX, X13; VPBROADCASTD X13, Y13; VPCMPGTD iota<>+%d(SB), Y13, Y13; VPAND Y13, Y3, Y3", at)
	w.p("VBROADCASTSS self+12(FP), Y4; VPCMPEQD Y4, Y3, Y4; VPANDN Y13, Y4, Y13")
	if dims == 3 {
		w.p("VPADDD Y3, Y3, Y3")
	}
	// Four elements of 8 bytes to a gather; in this order VSHUFPS parts them rightly.
	gathered := func(base string, idx, a, b int) {
		w.p("VPCMPEQD Y11, Y11, Y11; VPCMPEQD Y12, Y12, Y12; VGATHERDPD Y11, %s(X%d*8), Y%d; VGATHERDPD Y12, %s(X4*8), Y%d", base, idx, a, base, b)
	}
	w.p("VPERMQ $0xD8, Y3, Y3; VEXTRACTI128 $1, Y3, X4")
	gathered("(R8)", 3, 5, 6)
	w.p("VSHUFPS $0x88, Y6, Y5, Y7; VSHUFPS $0xDD, Y6, Y5, Y8; VSUBPS Y7, Y0, Y7; VSUBPS Y8, Y1, Y8; VMULPS Y7, Y7, Y10; VMULPS Y8, Y8, Y9; VADDPS Y9, Y10, Y10")
	if dims == 3 {
		gathered("8(R8)", 3, 5, 6)
		w.p("VSHUFPS $0x88, Y6, Y5, Y9; VSUBPS Y9, Y2, Y9; VMULPS Y9, Y9, Y5; VADDPS Y5, Y10, Y10")
	}
	w.p("VPXOR Y5, Y5, Y5; VCMPPS $0x1E, Y5, Y10, Y6; VPAND Y6, Y13, Y13")
	w.p("VPSRLD $%d, Y10, Y3; VPSUBD low<>(SB), Y3, Y3; VPMAXSD Y5, Y3, Y3; VPMINSD last<>(SB), Y3, Y3; VPADDD %d(R10), Y3, Y3; VPAND cell<>(SB), Y10, Y6; VSUBPS Y6, Y10, Y10", tableShift, patOff+at)
	w.p("VPERMQ $0xD8, Y3, Y3; VEXTRACTI128 $1, Y3, X4")
	gathered("(R9)", 3, 5, 6)
	w.p("VSHUFPS $0x88, Y6, Y5, Y11; VSHUFPS $0xDD, Y6, Y5, Y12; VMULPS Y10, Y12, Y12; VADDPS Y12, Y11, Y11")
	w.p("VMOVUPS %d(R10), Y5; VXORPS sign<>(SB), Y5, Y6", patLimit+at)
	for q := range dims {
		d := 7 + q
		w.p("VMULPS Y%d, Y11, Y%d; VMINPS Y5, Y%d, Y%d; VMAXPS Y6, Y%d, Y%d; VPAND Y13, Y%d, Y%d", d, d, d, d, d, d, d, d)
		if h == 0 {
			w.p("VMOVUPS Y%d, half%d-%d(SP)", d, q, 32*(q+1))
		}
	}
}
