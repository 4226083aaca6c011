#include "textflag.h"

// The loops of kern.go for machines with AVX2.

// func scanAVX2(x *uint32, n int) (falls int, top uint32)
// x[i] <= x[i-1] where the larger of the two is x[i-1].
TEXT ·scanAVX2(SB), NOSPLIT, $0-28
	MOVQ  x+0(FP), SI
	MOVQ  n+8(FP), CX
	XORQ  BX, BX
	VPXOR Y0, Y0, Y0

scanLoop:
	VMOVDQU   (SI), Y1
	VMOVDQU   -4(SI), Y2
	VPMAXUD   Y1, Y0, Y0
	VPMAXUD   Y1, Y2, Y1
	VPCMPEQD  Y2, Y1, Y1
	VMOVMSKPS Y1, AX
	POPCNTL   AX, AX
	ADDQ      AX, BX
	ADDQ      $32, SI
	SUBQ      $8, CX
	JNZ       scanLoop
	VEXTRACTI128 $1, Y0, X1
	VPMAXUD   X1, X0, X0
	VPSHUFD   $0x4E, X0, X1
	VPMAXUD   X1, X0, X0
	VPSHUFD   $0xB1, X0, X1
	VPMAXUD   X1, X0, X0
	VMOVD     X0, AX
	MOVQ      BX, falls+16(FP)
	MOVL      AX, top+24(FP)
	VZEROUPPER
	RET

// func countsFloat32AVX2(dst *uint32, src *float32, n int) int
TEXT ·countsFloat32AVX2(SB), NOSPLIT, $0-32
	MOVQ  dst+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  n+16(FP), CX
	XORQ  DX, DX
	VPXOR Y9, Y9, Y9

f32Loop:
	VMOVUPS    (SI)(DX*4), Y0
	VCVTTPS2DQ Y0, Y1
	VCVTDQ2PS  Y1, Y2
	VCMPPS     $0, Y0, Y2, Y3
	VPCMPGTD   Y9, Y1, Y4
	VPAND      Y3, Y4, Y4
	VMOVMSKPS  Y4, AX
	CMPL       AX, $255
	JNE        f32Done
	VMOVDQU    Y1, (DI)(DX*4)
	ADDQ       $8, DX
	CMPQ       DX, CX
	JLT        f32Loop

f32Done:
	MOVQ DX, ret+24(FP)
	VZEROUPPER
	RET

// func countsFloat64AVX2(dst *uint32, src *float64, n int) int
TEXT ·countsFloat64AVX2(SB), NOSPLIT, $0-32
	MOVQ  dst+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  n+16(FP), CX
	XORQ  DX, DX
	VPXOR Y9, Y9, Y9

f64Loop:
	VMOVUPD     (SI)(DX*8), Y0
	VMOVUPD     32(SI)(DX*8), Y5
	VCVTTPD2DQY Y0, X1
	VCVTTPD2DQY Y5, X6
	VCVTDQ2PD   X1, Y2
	VCVTDQ2PD   X6, Y7
	VCMPPD      $0, Y0, Y2, Y2
	VCMPPD      $0, Y5, Y7, Y7
	VANDPD      Y2, Y7, Y7
	VMOVMSKPD   Y7, AX
	VINSERTI128 $1, X6, Y1, Y1
	VPCMPGTD    Y9, Y1, Y4
	VMOVMSKPS   Y4, BX
	CMPL        AX, $15
	JNE         f64Done
	CMPL        BX, $255
	JNE         f64Done
	VMOVDQU     Y1, (DI)(DX*4)
	ADDQ        $8, DX
	CMPQ        DX, CX
	JLT         f64Loop

f64Done:
	MOVQ DX, ret+24(FP)
	VZEROUPPER
	RET

// func zeroAVX2(x unsafe.Pointer, n int, shift uint64) bool
TEXT ·zeroAVX2(SB), NOSPLIT, $0-25
	MOVQ  x+0(FP), SI
	MOVQ  n+8(FP), CX
	MOVQ  shift+16(FP), AX
	VMOVQ AX, X8
	VPXOR Y0, Y0, Y0
	VPXOR Y9, Y9, Y9

zeroLoop:
	VMOVDQU  (SI), Y1
	VPSLLD   X8, Y1, Y1
	VPCMPEQD Y9, Y1, Y1
	VPOR     Y1, Y0, Y0
	ADDQ     $32, SI
	SUBQ     $8, CX
	JNZ      zeroLoop
	VPTEST   Y0, Y0
	SETNE    ret+24(FP)
	VZEROUPPER
	RET
