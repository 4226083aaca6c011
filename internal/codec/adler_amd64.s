#include "textflag.h"

DATA adlerWeights<>+0(SB)/8, $0x191a1b1c1d1e1f20
DATA adlerWeights<>+8(SB)/8, $0x1112131415161718
DATA adlerWeights<>+16(SB)/8, $0x090a0b0c0d0e0f10
DATA adlerWeights<>+24(SB)/8, $0x0102030405060708
GLOBL adlerWeights<>(SB), RODATA|NOPTR, $32

DATA adlerOnes<>+0(SB)/4, $0x00010001
GLOBL adlerOnes<>(SB), RODATA|NOPTR, $4

// func adlerAVX2(p *byte, n int, x, y uint32) (x2, y2 uint32)
//
// For 32 bytes c[0:32]: y += 32*x + 32*c[0] + 31*c[1] + ... + 1*c[31]; x += sum(c).
// Y0 sums c, Y1 the values of Y0 before each turn, Y2 the weighted bytes.
TEXT ·adlerAVX2(SB), NOSPLIT, $0-32
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVL x+16(FP), AX
	MOVL y+20(FP), BX
	MOVL CX, DX
	IMULL AX, DX
	ADDL DX, BX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y6, Y6, Y6
	VMOVDQU adlerWeights<>(SB), Y7
	VPBROADCASTD adlerOnes<>(SB), Y8

loop:
	VMOVDQU (SI), Y3
	VPADDD Y0, Y1, Y1
	VPSADBW Y3, Y6, Y4
	VPADDD Y4, Y0, Y0
	VPMADDUBSW Y7, Y3, Y5
	VPMADDWD Y8, Y5, Y5
	VPADDD Y5, Y2, Y2
	ADDQ $32, SI
	SUBQ $32, CX
	JNE  loop

	VPSLLD $5, Y1, Y1
	VPADDD Y1, Y2, Y2
	VEXTRACTI128 $1, Y0, X3
	VPADDD X3, X0, X0
	VEXTRACTI128 $1, Y2, X4
	VPADDD X4, X2, X2
	VPSHUFD $0x4e, X0, X3
	VPADDD X3, X0, X0
	VPSHUFD $0x4e, X2, X4
	VPADDD X4, X2, X2
	VPSHUFD $0xb1, X2, X4
	VPADDD X4, X2, X2
	VMOVD X0, DX
	ADDL  DX, AX
	VMOVD X2, DX
	ADDL  DX, BX
	MOVL  AX, x2+24(FP)
	MOVL  BX, y2+28(FP)
	VZEROUPPER
	RET
