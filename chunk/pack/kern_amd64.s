#include "textflag.h"

// The loops of kern.go for machines with AVX2: same names, same bits.

// func orAVX2(blk *[256]uint32) uint32
TEXT ·orAVX2(SB), NOSPLIT, $0-12
	MOVQ  blk+0(FP), SI
	MOVQ  $8, CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1

orLoop:
	VPOR  (SI), Y0, Y0
	VPOR  32(SI), Y1, Y1
	VPOR  64(SI), Y0, Y0
	VPOR  96(SI), Y1, Y1
	ADDQ  $128, SI
	DECQ  CX
	JNZ   orLoop
	VPOR  Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPOR  X1, X0, X0
	VPSHUFD $0x4E, X0, X1
	VPOR  X1, X0, X0
	VPSHUFD $0xB1, X0, X1
	VPOR  X1, X0, X0
	VMOVD X0, AX
	MOVL  AX, ret+8(FP)
	VZEROUPPER
	RET

// SUM adds the 8 lanes of Y into R and changes the sign.
#define SUM(Y, X, R) \
	VEXTRACTI128 $1, Y, X14; \
	VPADDD  X14, X, X;       \
	VPSHUFD $0x4E, X, X14;   \
	VPADDD  X14, X, X;       \
	VPSHUFD $0xB1, X, X14;   \
	VPADDD  X14, X, X;       \
	VMOVD   X, R;            \
	NEGL    R

// func exceedAVX2(blk *[256]uint32, limits, over *[7]uint32)
// Y0-Y6 count (downwards), Y7-Y13 are the limits.
TEXT ·exceedAVX2(SB), NOSPLIT, $0-24
	MOVQ  blk+0(FP), SI
	MOVQ  limits+8(FP), BX
	MOVQ  over+16(FP), DI
	VPBROADCASTD 0(BX), Y7
	VPBROADCASTD 4(BX), Y8
	VPBROADCASTD 8(BX), Y9
	VPBROADCASTD 12(BX), Y10
	VPBROADCASTD 16(BX), Y11
	VPBROADCASTD 20(BX), Y12
	VPBROADCASTD 24(BX), Y13
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	MOVQ  $32, CX

exceedLoop:
	VMOVDQU  (SI), Y14
	VPCMPGTD Y7, Y14, Y15
	VPADDD   Y15, Y0, Y0
	VPCMPGTD Y8, Y14, Y15
	VPADDD   Y15, Y1, Y1
	VPCMPGTD Y9, Y14, Y15
	VPADDD   Y15, Y2, Y2
	VPCMPGTD Y10, Y14, Y15
	VPADDD   Y15, Y3, Y3
	VPCMPGTD Y11, Y14, Y15
	VPADDD   Y15, Y4, Y4
	VPCMPGTD Y12, Y14, Y15
	VPADDD   Y15, Y5, Y5
	VPCMPGTD Y13, Y14, Y15
	VPADDD   Y15, Y6, Y6
	ADDQ     $32, SI
	DECQ     CX
	JNZ      exceedLoop
	SUM(Y0, X0, AX)
	MOVL     AX, 0(DI)
	SUM(Y1, X1, AX)
	MOVL     AX, 4(DI)
	SUM(Y2, X2, AX)
	MOVL     AX, 8(DI)
	SUM(Y3, X3, AX)
	MOVL     AX, 12(DI)
	SUM(Y4, X4, AX)
	MOVL     AX, 16(DI)
	SUM(Y5, X5, AX)
	MOVL     AX, 20(DI)
	SUM(Y6, X6, AX)
	MOVL     AX, 24(DI)
	VZEROUPPER
	RET

// func maskAVX2(blk *[256]uint32, w uint64, mask *[4]uint64)
TEXT ·maskAVX2(SB), NOSPLIT, $0-24
	MOVQ  blk+0(FP), SI
	VMOVQ w+8(FP), X1
	MOVQ  mask+16(FP), DI
	VPXOR Y0, Y0, Y0
	MOVQ  $32, CX

maskLoop:
	VMOVDQU   (SI), Y2
	VPSRLD    X1, Y2, Y2
	VPCMPEQD  Y0, Y2, Y2
	VMOVMSKPS Y2, AX
	NOTL      AX
	MOVB      AX, (DI)
	ADDQ      $32, SI
	INCQ      DI
	DECQ      CX
	JNZ       maskLoop
	VZEROUPPER
	RET

// func packAVX2(dst *byte, blk *[256]uint32, w uint64)
// Y0 gathers a word of each lane, Y4 is how many bits it has.
TEXT ·packAVX2(SB), NOSPLIT, $0-24
	MOVQ  dst+0(FP), DI
	MOVQ  blk+8(FP), SI
	MOVQ  w+16(FP), CX
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	VMOVD AX, X6
	VPBROADCASTD X6, Y6            // mask
	VMOVD CX, X7
	VPBROADCASTD X7, Y7            // w
	MOVQ  $32, AX
	VMOVD AX, X8
	VPBROADCASTD X8, Y8            // 32
	VPXOR Y0, Y0, Y0
	VPXOR Y4, Y4, Y4
	XORQ  DX, DX                   // bits gathered
	MOVQ  $32, BX

packLoop:
	VPAND   (SI), Y6, Y1
	VPSLLVD Y4, Y1, Y2
	VPOR    Y2, Y0, Y0
	VPADDD  Y7, Y4, Y4
	ADDQ    CX, DX
	CMPQ    DX, $32
	JLT     packNext
	VMOVDQU Y0, (DI)
	ADDQ    $32, DI
	SUBQ    $32, DX
	VPSUBD  Y8, Y4, Y4
	VPSUBD  Y4, Y7, Y2             // bits of the value that are written
	VPSRLVD Y2, Y1, Y0

packNext:
	ADDQ $32, SI
	DECQ BX
	JNZ  packLoop
	VZEROUPPER
	RET

// One step of unpackAVX2: 8 values at bit DX of each lane. Y4 is DX mod 32.
#define UNPACK(OFF) \
	MOVQ    DX, AX;              \
	ANDQ    $~31, AX;            \
	VMOVDQU (SI)(AX*1), Y0;      \
	VMOVDQU 32(SI)(AX*1), Y1;    \
	VPSUBD  Y4, Y8, Y5;          \
	VPSRLVD Y4, Y0, Y0;          \
	VPSLLVD Y5, Y1, Y1;          \
	VPOR    Y1, Y0, Y0;          \
	VPAND   Y6, Y0, Y0;          \
	VPADDD  Y7, Y0, Y0;          \
	VMOVDQU Y0, OFF(DI);         \
	ADDQ    CX, DX;              \
	VPADDD  Y9, Y4, Y4;          \
	VPAND   Y10, Y4, Y4

// func unpackAVX2(blk *[256]uint32, src *byte, w uint64, add uint32)
TEXT ·unpackAVX2(SB), NOSPLIT, $0-28
	MOVQ  blk+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  w+16(FP), CX
	MOVL  add+24(FP), AX
	VMOVD AX, X7
	VPBROADCASTD X7, Y7            // add
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	VMOVD AX, X6
	VPBROADCASTD X6, Y6            // mask
	VMOVD CX, X9
	VPBROADCASTD X9, Y9            // w
	MOVQ  $32, AX
	VMOVD AX, X8
	VPBROADCASTD X8, Y8            // 32
	MOVQ  $31, AX
	VMOVD AX, X10
	VPBROADCASTD X10, Y10          // 31
	VPXOR Y4, Y4, Y4
	XORQ  DX, DX
	MOVQ  $8, BX

unpackLoop:
	UNPACK(0)
	UNPACK(32)
	UNPACK(64)
	UNPACK(96)
	ADDQ $128, DI
	DECQ BX
	JNZ  unpackLoop
	VZEROUPPER
	RET

// MAX8 puts the largest lane of Y0 into AX.
#define MAX8 \
	VEXTRACTI128 $1, Y0, X1; \
	VPMAXUD X1, X0, X0;      \
	VPSHUFD $0x4E, X0, X1;   \
	VPMAXUD X1, X0, X0;      \
	VPSHUFD $0xB1, X0, X1;   \
	VPMAXUD X1, X0, X0;      \
	VMOVD   X0, AX

// func diffAVX2(dst, src *uint32, n int) uint32
// src[-1] can be read; -1 of Y3 is added to make the gap of neighbours 0.
TEXT ·diffAVX2(SB), NOSPLIT, $0-28
	MOVQ     dst+0(FP), DI
	MOVQ     src+8(FP), SI
	MOVQ     n+16(FP), CX
	VPXOR    Y0, Y0, Y0
	VPCMPEQD Y3, Y3, Y3

diffLoop:
	VMOVDQU (SI), Y1
	VPMAXUD Y1, Y0, Y0
	VPSUBD  -4(SI), Y1, Y1
	VPADDD  Y3, Y1, Y1
	VMOVDQU Y1, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JNZ     diffLoop
	MAX8
	MOVL    AX, ret+24(FP)
	VZEROUPPER
	RET

// func lessOneAVX2(dst, src *uint32, n int)
TEXT ·lessOneAVX2(SB), NOSPLIT, $0-24
	MOVQ     dst+0(FP), DI
	MOVQ     src+8(FP), SI
	MOVQ     n+16(FP), CX
	VPCMPEQD Y3, Y3, Y3

lessLoop:
	VPADDD  (SI), Y3, Y1
	VMOVDQU Y1, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JNZ     lessLoop
	VZEROUPPER
	RET

// func prefixAVX2(x *uint32, n int, run uint32) (last, top uint32)
// Y5 is the running sum in all lanes; only one addition a step depends on the
// step before.
TEXT ·prefixAVX2(SB), NOSPLIT, $0-32
	MOVQ  x+0(FP), SI
	MOVQ  n+8(FP), CX
	MOVL  run+16(FP), AX
	VMOVD AX, X5
	VPBROADCASTD X5, Y5
	VPXOR Y0, Y0, Y0
	MOVQ  $7, AX
	VMOVD AX, X6
	VPBROADCASTD X6, Y6

prefixLoop:
	VMOVDQU (SI), Y1
	VPSLLDQ $4, Y1, Y2
	VPADDD  Y2, Y1, Y1
	VPSLLDQ $8, Y1, Y2
	VPADDD  Y2, Y1, Y1
	VPERM2I128 $0x08, Y1, Y1, Y2   // low half to the high one, zero below
	VPSHUFD $0xFF, Y2, Y2
	VPADDD  Y2, Y1, Y1
	VPERMD  Y1, Y6, Y3
	VPADDD  Y5, Y1, Y1
	VPADDD  Y3, Y5, Y5
	VPMAXUD Y1, Y0, Y0
	VMOVDQU Y1, (SI)
	ADDQ    $32, SI
	SUBQ    $8, CX
	JNZ     prefixLoop
	VMOVD   X5, AX
	MOVL    AX, last+24(FP)
	MAX8
	MOVL    AX, top+28(FP)
	VZEROUPPER
	RET
