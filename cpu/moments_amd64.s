#include "textflag.h"

// Layout of termTable: 64 stamps of 4 bytes, then 64 entries of 32 bytes.

// func addTermsAVX2(acc *lanes, cols int, t *termTable, epoch uint32, idx, val *uint32, n int) int
TEXT ·addTermsAVX2(SB), NOSPLIT, $0-64
	MOVQ acc+0(FP), DI
	MOVQ cols+8(FP), SI
	MOVQ t+16(FP), DX
	MOVL epoch+24(FP), R8
	MOVQ idx+32(FP), R9
	MOVQ val+40(FP), R10
	MOVQ n+48(FP), R11
	XORQ CX, CX

loop:
	CMPQ CX, R11
	JGE  done
	MOVL (R9)(CX*4), AX
	MOVL (R10)(CX*4), BX
	CMPQ AX, SI
	JAE  done
	CMPL BX, $64
	JAE  done
	CMPL R8, (DX)(BX*4)
	JNE  done
	SHLQ $5, AX
	SHLQ $5, BX
	VMOVDQU 256(DX)(BX*1), Y0
	VPADDQ (DI)(AX*1), Y0, Y0
	VMOVDQU Y0, (DI)(AX*1)
	INCQ CX
	JMP  loop

done:
	VZEROUPPER
	MOVQ CX, ret+56(FP)
	RET
