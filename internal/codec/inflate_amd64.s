#include "textflag.h"
#include "inflate_amd64.h"

// The loop of fastGo. What differs: the next entry is looked up before the
// accumulator is refilled (64 true bits, less 20 of a length and 28 of a
// distance, leave the 12 that the lookup needs), and matches of up to eight
// bytes take no branch on their distance.
//
// R10 8*literals before a match   R12 repeat   R13 hist   R14, R15 scratch

DATA repeatWord<>+0(SB)/8, $0
DATA repeatWord<>+8(SB)/8, $0x0101010101010101
DATA repeatWord<>+16(SB)/8, $0x0001000100010001
DATA repeatWord<>+24(SB)/8, $0x0001000001000001
DATA repeatWord<>+32(SB)/8, $0x0000000100000001
DATA repeatWord<>+40(SB)/8, $0x0000010000000001
DATA repeatWord<>+48(SB)/8, $0x0001000000000001
DATA repeatWord<>+56(SB)/8, $0x0100000000000001
GLOBL repeatWord<>(SB), RODATA|NOPTR, $64

// stepWord[d] is the largest multiple of d up to 8.
DATA stepWord<>+0(SB)/8, $0x0706050806080808
GLOBL stepWord<>(SB), RODATA|NOPTR, $8

// func inflateAVX2(a *fastArgs) int
TEXT ·inflateAVX2(SB), NOSPLIT, $8-16
	MOVQ a+0(FP), DX
	MOVQ 0(DX), SI
	MOVQ 8(DX), R8
	MOVQ 16(DX), DI
	MOVQ 24(DX), R9
	MOVQ 32(DX), R10
	MOVQ R10, base-8(SP)
	MOVQ 40(DX), BX
	MOVQ 48(DX), CX
	MOVQ 56(DX), R11
	LEAQ repeatWord<>(SB), R12
	MOVQ -8(DI), R13
	REFILL
	LOOKUP

top:
	TESTL $0xc000, AX
	JNE   notLiteral

literal:
	// hist = hist>>(8*k) | literals<<48; the entry after it.
	REMOVE(AX)
	MOVL  AX, R14
	MOVL  AX, R15
	LOOKUP
	SHRL  $9, R14
	ANDL  $24, R14
	SHRXQ R14, R13, R13
	SHRL  $16, R15
	SHLQ  $48, R15
	ORQ   R15, R13
	SHRL  $3, R14
	ADDQ  R14, DI
	MOVQ  R13, -8(DI)
	MARGINS
	REFILL
	TESTL $0xc000, AX
	JEQ   literal

notLiteral:
	TESTL $0x8000, AX
	JNE   exceptional

match:
	// The length, R15; the literal before it.
	MATCHBITS(AX, R14)
	MOVL  AX, R15
	SHRL  $24, R15
	LEAQ  3(R15)(DX*1), R15
	MOVL  AX, R10
	SHRL  $9, R10
	ANDL  $8, R10
	SHRXQ R10, R13, R13
	SHRL  $3, R10
	ADDQ  R10, DI
	ANDL  $0xff0000, AX
	SHLQ  $40, AX
	ORQ   AX, R13

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
	MOVQ  DI, R14
	SUBQ  base-8(SP), R14
	CMPQ  AX, R14
	JHI   badDistance

	// From here R14 is the place to copy from, AX at last the next entry.
	MOVQ DI, R14
	SUBQ AX, R14
	CMPQ R15, $7
	JHI  long

	// The word at R14, or the last AX bytes of hist repeated.
	LEAQ   (AX*8), DX
	NEGQ   DX
	CMPQ   AX, $8
	LEAQ   (R12)(AX*8), AX
	CMOVQCS AX, R14
	SHRXQ  DX, R13, DX
	MOVL   $1, AX
	CMOVQCC AX, DX
	IMULQ  (R14), DX
	ADDQ   R15, DI
	SHLL   $3, R15
	SHRXQ  R15, R13, R13
	NEGQ   R15
	SHLXQ  R15, DX, DX
	ORQ    DX, R13
	MOVQ   R13, -8(DI)
	LOOKUP
	MARGINS
	REFILL
	JMP    top

long:
	// Eight bytes and more. A literal before them is still in hist alone.
	TESTL R10, R10
	JEQ   noLiteral
	MOVQ  R13, -8(DI)

noLiteral:
	CMPQ AX, $8
	JCS  pattern
	MOVQ (R14), DX
	MOVQ DX, (DI)
	MOVQ 8(R14), DX
	MOVQ DX, 8(DI)
	MOVQ 16(R14), DX
	MOVQ DX, 16(DI)
	CMPQ R15, $24
	JHI  longer
	ADDQ R15, DI
	LOOKUP
	MOVQ -8(DI), R13
	MARGINS
	REFILL
	JMP  top

longer:
	// Sixteen bytes a turn, R15 counts down.
	ADDQ $24, R14
	ADDQ $24, DI
	SUBQ $24, R15

longerLoop:
	MOVQ (R14), DX
	MOVQ DX, (DI)
	MOVQ 8(R14), DX
	MOVQ DX, 8(DI)
	ADDQ $16, R14
	ADDQ $16, DI
	SUBQ $16, R15
	JHI  longerLoop
	ADDQ R15, DI
	MOVQ -8(DI), R13
	LOOKUP
	MARGINS
	REFILL
	JMP  top

pattern:
	// The last AX bytes, again and again. A period of 1, 2 or 4 bytes divides
	// eight, so that hist at the end is the word rotated.
	LEAQ  (AX*8), DX
	NEGQ  DX
	SHRXQ DX, R13, R13
	IMULQ (R12)(AX*8), R13
	LEAQ  -1(AX), DX
	TESTQ AX, DX
	JNE   patternOdd
	VMOVQ R13, X0
	VPBROADCASTQ X0, X0
	VMOVDQU X0, (DI)
	CMPQ  R15, $16
	JHI   patternLong

patternDone:
	ADDQ  R15, DI
	MOVQ  CX, DX
	MOVL  R15, CX
	SHLL  $3, CX
	RORQ  CX, R13
	MOVQ  DX, CX
	LOOKUP
	MARGINS
	REFILL
	JMP   top

patternLong:
	ADDQ $16, DI
	SUBQ $16, R15
	VMOVDQU X0, (DI)
	CMPQ R15, $16
	JHI  patternLong
	JMP  patternDone

patternOdd:
	LEAQ stepWord<>(SB), DX
	MOVBLZX (DX)(AX*1), AX
	MOVQ DI, R14
	ADDQ R15, DI

patternOddLoop:
	MOVQ R13, (R14)
	ADDQ AX, R14
	CMPQ R14, DI
	JCS  patternOddLoop
	MOVQ -8(DI), R13
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
	MOVQ AX, ret+8(FP)
	VZEROUPPER
	RET
