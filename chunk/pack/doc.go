// Package pack is the packed form of a canonical CSR chunk: about two bytes per
// stored value on counts (CSR takes eight), unpacked at memory speed by AVX2
// and, block by block in any order, by a GPU.
//
// # What is stored
//
// Three streams of unsigned 32-bit numbers:
//
//	lens     the number of stored values of each row
//	indices  the gap to the index before: idx - prev - 1, modulo 2^32, and Cols
//	         more for the first value of a row. prev is the index of the stored
//	         value before, of whatever row; Cols-1 ahead of the very first.
//	counts   the count less one
//
// A gap thus counts on across the end of a row (empty rows add nothing) and is
// always small and positive, so that row starts cost nothing extra. Floats are
// not a stream: they stand raw in place of the counts.
//
// # Blocks
//
// A stream is cut into blocks of 256 numbers; the last one is filled up with
// zeros. A block has a width w, 0 to 32: the w low bits of all its numbers are
// packed. Number i belongs to lane i%8. A lane is a string of bits, its numbers
// one after the other from the lowest bit on, so w words of 32 bits; word k of
// lane l is word 8*k+l of the block. Number i therefore starts at bit
// p = (i/8)*w of its lane and is
//
//	a = word[8*(p/32) + i%8] >> (p%32)
//	b = word[8*(p/32) + 8 + i%8] << (32 - p%32)    (0 when p%32 is 0)
//	(a | b) & (1<<w - 1)
//
// which eight lanes of AVX2 do for eight numbers at once and a warp for 32. The
// last numbers of a block look one word row beyond it; each section ends with
// at least 32 bytes of padding for that.
//
// Numbers of more than w bits are exceptions, at most 255 in a block: their
// high parts, number >> w, follow the packed words in 1, 2 or 4 bytes each
// (one class for the block), then their positions in the block, one byte each
// in rising order, then zeros up to a whole word. A few large counts therefore
// do not widen the other values. The encoder takes the width that makes the
// block smallest; any choice is valid.
//
// The descriptor of a block is 16 bits: 0-5 the width, 6-7 the class (0 no
// exceptions, 1, 2, 3 for 1, 2, 4 bytes), 8-15 the number of exceptions. The
// size of a block follows from it:
//
//	32*w + roundup4(n*(1+bytes of class))
//
// Sixteen blocks make a superblock of 4,096 numbers.
//
// # Layout
//
// All numbers are little-endian. The header takes 128 bytes:
//
//	 0  u32  magic "GPSK"
//	 4  u16  version, 1
//	 6  u8   kind of values: 0 counts, 1 float32, 2 float64
//	 7  u8   0
//	 8  u64  checksum: XXH3-64 of bytes 16 to Size, seeded with bytes 0-7
//	16  u64  Size of all, a multiple of 64
//	24  u64  Rows, below 2^31
//	32  u64  Cols, up to 2^30
//	40  u64  NNZ, below 2^31
//	48  u64  offset of section lens, 128
//	56  u64  offset of section indices
//	64  u64  offset of section counts, or of the raw floats
//	72       zeros
//
// Sections start at multiples of 64 and are padded with zeros. A section of a
// stream of n numbers, with ns = ceil(n/4096), nb = ceil(n/256), is
//
//	ns x {u32 offset, u32 base}
//	nb x u16 descriptor
//	zeros up to a multiple of 32
//	the blocks
//
// where offset is where the superblock starts, in 32-bit words from the first
// block, and base the running value ahead of it: for lens the sum of the
// lengths before, for indices the prev of its first value, for counts 0. With
// them every superblock can be unpacked on its own.
//
// # Unpacking on a GPU
//
// One thread block (128 or 256 threads) for each superblock, values of the
// superblock in shared memory (16 KiB):
//
//  1. Load the 16 descriptors, take the sizes of the blocks, scan them in a
//     warp: with the superblock's offset these are the blocks' addresses.
//  2. Each warp takes blocks; lane t unpacks numbers t, t+32, ... by the
//     formula above. Loads of 8 neighbours fall into one 32-byte sector.
//  3. The first n lanes of the warp (looping for more) add the exceptions:
//     x[pos] += high << w.
//
// lens first: a scan from base gives Indptr[at+1..]. counts: add one, done.
// For indices, with Indptr known:
//
//  4. Search the first row whose pointer is >= the superblock's first value;
//     threads loop over the rows that start in it and, where a row is not
//     empty, subtract Cols from the number at its start.
//  5. An inclusive scan of (number + 1) from base, modulo 2^32, is the indices.
//
// Bytes moved: the packed size in, 8 bytes per value out, nothing twice.
package pack
