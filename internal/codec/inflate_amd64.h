// Registers that both loops of inflate use:
//
// AX entry   BX acc   CX nbits (low 8 bits)   SI in   DI out
// R8 inEnd   R9 outEnd   R11 tables   DX scratch

#define DIST 16384
#define PACK 20480

#define REFILL \
	MOVQ  (SI), DX     \
	SHLXQ CX, DX, DX   \
	ORQ   DX, BX       \
	MOVL  CX, DX       \
	SHRL  $3, DX       \
	ANDL  $7, DX       \
	SUBQ  DX, SI       \
	ADDQ  $7, SI       \
	ORL   $56, CX

#define REMOVE(e) \
	SHRXQ e, BX, BX \
	SUBL  e, CX

#define LOOKUP \
	MOVL BX, AX                \
	ANDL $4095, AX             \
	MOVL PACK(R11)(AX*4), AX

#define MARGINS \
	CMPQ SI, R8 \
	JHI  margin \
	CMPQ DI, R9 \
	JHI  margin

#define MATCHBITS(e, n) \
	BZHIQ e, BX, DX     \
	REMOVE(e)           \
	MOVL  e, n          \
	SHRL  $8, n         \
	ANDL  $15, n        \
	SHRXQ n, DX, DX

#define SUBTABLE(e, t, mask, off) \
	REMOVE(e)                 \
	MOVL  e, t                \
	SHRL  $8, t               \
	ANDL  $15, t              \
	BZHIQ t, BX, t            \
	SHRL  $16, e              \
	ADDL  t, e                \
	ANDL  $mask, e            \
	MOVL  off(R11)(e*4), e
