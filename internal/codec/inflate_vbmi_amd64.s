#include "textflag.h"
#include "inflate_amd64.h"

// The loop of fastGo with the last 64 bytes of output in a register, Z0, the
// newest on top. A match at a distance below 64 is a permutation of them
// (VPERMB), a farther one a load; which of the two is chosen by masks and an
// address, not by a branch, and nothing waits for stores to reach the cache.
//
// R10 literals before a match   R12 vbmiTables   R13 -1   R14, R15 scratch

#define KNEAR 8320 // offsets in vbmiTables
#define KFAR 9360
#define COUNT 10400
#define STEP 10528

// Move Z0 on by m bytes, those of Z1; m is lost.
#define PUSH(m) \
	VMOVDQU64 COUNT(R12)(m*1), Z2 \
	NEGQ  m                       \
	SHLXQ m, R13, DX              \
	KMOVQ DX, K2                  \
	VPERMB Z0, Z2, Z0             \
	VPERMB Z1, Z2, K2, Z0

// Load Z0 from before DI; bytes before the start of the buffer are left out.
#define RELOAD(t) \
	MOVQ DI, t          \
	SUBQ base-8(SP), t  \
	MOVL $64, DX        \
	CMPQ t, $64         \
	CMOVQHI DX, t       \
	NEGQ t              \
	SHLXQ t, R13, DX    \
	KMOVQ DX, K2        \
	VMOVDQU8.Z -64(DI), K2, Z0

// func inflateVBMI(a *fastArgs, t *vbmiTables) int
TEXT ·inflateVBMI(SB), NOSPLIT, $8-24
	MOVQ a+0(FP), DX
	MOVQ t+8(FP), R12
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 24(DX), R9
	MOVQ 32(DX), R10
	MOVQ R10, base-8(SP)
	MOVQ 40(DX), BX
	MOVQ 48(DX), CX
	MOVQ 56(DX), R11
	MOVQ $-1, R13
	RELOAD(R14)
	REFILL
	LOOKUP

top:
	TESTL $0xc000, AX
	JNE   notLiteral

literal:
	REMOVE(AX)
	MOVL  AX, R14
	MOVL  AX, R15
	LOOKUP
	SHRL  $9, R14
	ANDL  $24, R14
	MOVL  R14, R10
	NEGL  R14
	SHRXL R14, R15, R15 // the literals: bits 32-8*k and above
	MOVW  R15, (DI)
	SHRL  $3, R10
	ADDQ  R10, DI
	VMOVD R15, X1
	PUSH(R10)
	MARGINS
	REFILL
	TESTL $0xc000, AX
	JEQ   literal

notLiteral:
	TESTL $0x8000, AX
	JNE   exceptional

match:
	// The length, R15; a literal before it in every byte of Z1.
	MATCHBITS(AX, R14)
	MOVL  AX, R15
	SHRL  $24, R15
	LEAQ  3(R15)(DX*1), R15
	MOVL  AX, R10
	SHRL  $12, R10
	ANDL  $1, R10
	SHRL  $16, AX
	VPBROADCASTB AX, Z1

	// The distance, AX.
	MOVL BX, AX
	ANDL $511, AX
	MOVL DIST(R11)(AX*4), AX
	TESTL $0x8000, AX
	JNE  exceptionalDistance

distance:
	MATCHBITS(AX, R14)
	SHRL  $16, AX
	ADDQ  DX, AX
	LEAQ  (DI)(R10*1), R14
	SUBQ  base-8(SP), R14
	CMPQ  AX, R14
	JHI   badDistance
	ADDQ  R10, R15 // bytes to write, with the literal
	MOVQ  DI, R14
	SUBQ  AX, R14
	CMPQ  R15, $64
	JHI   long

	// Row 2*d+k of the tables, 128+k from a distance of 64 on; a near match
	// loads nothing from R14.
	MOVL    $64, DX
	CMPQ    AX, $64
	CMOVQCS AX, DX
	CMOVQCS R12, R14
	LEAQ    (R10)(DX*2), DX
	KMOVQ   KFAR(R12)(DX*8), K3
	KMOVQ   KNEAR(R12)(DX*8), K1
	SHLQ    $6, DX
	VMOVDQU64 (R12)(DX*1), Z2
	LOOKUP
	VMOVDQU8 (R14), K3, Z1
	VPERMB  Z0, Z2, K1, Z1
	VMOVDQU64 Z1, (DI)
	ADDQ    R15, DI
	PUSH(R15)
	MARGINS
	REFILL
	JMP     top

long:
	// More than 64 bytes: the literal, then whole vectors from memory or, at a
	// distance below 64, of one pattern.
	VMOVD X1, DX
	MOVB  DX, (DI)
	ADDQ  R10, DI
	ADDQ  R10, R14
	SUBQ  R10, R15
	CMPQ  AX, $64
	JCS   pattern
	ADDQ  DI, R15 // the end

longLoop:
	VMOVDQU64 (R14), Z1
	VMOVDQU64 Z1, (DI)
	ADDQ $64, R14
	ADDQ $64, DI
	CMPQ DI, R15
	JCS  longLoop
	MOVQ R15, DI
	VMOVDQU64 -64(DI), Z0
	LOOKUP
	MARGINS
	REFILL
	JMP  top

pattern:
	TESTL R10, R10
	JEQ   patternStart
	MOVL  $1, R10
	PUSH(R10)

patternStart:
	ADDQ DI, R15 // the end
	MOVQ AX, DX
	SHLQ $7, DX
	VMOVDQU64 (R12)(DX*1), Z2
	VPERMB Z0, Z2, Z1
	MOVBLZX STEP(R12)(AX*1), AX

patternLoop:
	VMOVDQU64 Z1, (DI)
	ADDQ AX, DI
	CMPQ DI, R15
	JCS  patternLoop
	MOVQ R15, DI
	VMOVDQU64 -64(DI), Z0
	LOOKUP
	MARGINS
	REFILL
	JMP  top

exceptional:
	// A subtable, the end of the block, or an invalid code.
	TESTL $0x1000, AX
	JEQ   ends
	SUBTABLE(AX, R14, 4095, 0)
	TESTL $0x8000, AX
	JNE   ends
	TESTL $0x4000, AX
	JNE   match
	JMP   literal

ends:
	TESTL $0x2000, AX
	JEQ   badCode
	REMOVE(AX)
	MOVQ  $1, AX
	JMP   out

exceptionalDistance:
	TESTL $0x1000, AX
	JEQ   badCode
	SUBTABLE(AX, R14, 1023, DIST)
	TESTL $0x8000, AX
	JEQ   distance

badCode:
	MOVQ $2, AX
	JMP  out

badDistance:
	MOVQ $3, AX
	JMP  out

margin:
	XORL AX, AX

out:
	MOVQ a+0(FP), DX
	MOVQ SI, 0(DX)
	MOVQ DI, 16(DX)
	MOVQ BX, 40(DX)
	ANDL $63, CX
	MOVQ CX, 48(DX)
	MOVQ AX, ret+16(FP)
	VZEROUPPER
	RET
