package codec

import "math/bits"

// Sizes of the decoding tables. A code longer than the table's index goes on in
// a subtable; the sizes leave room for the worst complete code (zlib's
// examples/enough.c: 2342 entries for 288 symbols and 11 bits, 594 for 32
// symbols and 9 bits), rounded up so that an index can be masked.
const (
	litBits  = 11
	distBits = 9
	preBits  = 7
	packBits = 12
	litSize  = 4096
	distSize = 1024
	maxLit   = 288
	maxDist  = 32
	maxLen   = 15
)

// An entry of a table says what a code means:
//
//	bits 0-7    bits to remove: the code and the extra bits after it, 28 at most
//	bits 8-11   bits of the code alone
//	bits 12-13  literals to write: 0, 1, 2
//	bit  14     a match; its distance follows
//	bit  15     neither: bit 12 says a subtable, bit 13 the end of the block,
//	            none of them an invalid code
//	bits 16-31  two literals; or a literal and length-3; or the least distance;
//	            or the start of the subtable, indexed by bits 8-11 bits
//
// A lone literal is in bits 24-31 with zeros below, see fastGo for the reason.
const (
	eOne   = 1 << 12
	eTwo   = 2 << 12
	eMatch = 1 << 14
	eExc   = 1 << 15
	eSub   = eExc | 1<<12
	eEnd   = eExc | 2<<12
	eKind  = eExc | 3<<12 // compare with eSub and eEnd under this mask
)

// litEntry is the meaning of a literal or length symbol, without code bits.
func litEntry(sym int) uint32 {
	switch {
	case sym < 256:
		return uint32(sym)<<24 | eOne
	case sym == 256:
		return eEnd
	case sym < 265:
		return uint32(sym-257)<<24 | eMatch
	case sym < 285:
		x := uint32(sym-261) >> 2
		return (4+uint32(sym-261)&3)<<x<<24 | eMatch | x
	case sym == 285:
		return 255<<24 | eMatch
	}
	return eExc
}

// distEntry is the meaning of a distance symbol, without code bits.
func distEntry(sym int) uint32 {
	switch {
	case sym < 4:
		return uint32(sym+1) << 16
	case sym < 30:
		x := uint32(sym-2) >> 1
		return ((2+uint32(sym)&1)<<x+1)<<16 | x
	}
	return eExc
}

func preEntry(sym int) uint32 { return uint32(sym) << 16 }

// meanings are the entries of every symbol, without code bits.
type meanings [maxLit]uint32

func makeMeanings(f func(int) uint32) *meanings {
	var m meanings
	for i := range m {
		m[i] = f(i)
	}
	return &m
}

// Constant tables: never written after the package is loaded.
var (
	litMeanings  = makeMeanings(litEntry)
	distMeanings = makeMeanings(distEntry)
	preMeanings  = makeMeanings(preEntry)
)

// preOrder is the order in which code lengths of the code-length code are sent.
var preOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// fixedTables builds the tables of the fixed codes unless they are there.
func (f *Inflater) fixedTables() error {
	if f.fixed {
		return nil
	}
	for i := range maxLit {
		switch {
		case i < 144:
			f.lens[i] = 8
		case i < 256:
			f.lens[i] = 9
		case i < 280:
			f.lens[i] = 7
		default:
			f.lens[i] = 8
		}
	}
	for i := range maxDist {
		f.lens[maxLit+i] = 5
	}
	if !build(f.lit[:], litBits, f.lens[:maxLit], litMeanings, true) ||
		!build(f.dist[:], distBits, f.lens[maxLit:maxLit+maxDist], distMeanings, true) {
		return errCode()
	}
	f.fixed = true
	return nil
}

// dynamicTables reads the code lengths of a block and builds its tables.
func (f *Inflater) dynamicTables() error {
	f.fixed = false
	s := &f.s
	nLit, nDist, nPre := int(s.take(5))+257, int(s.take(5))+1, int(s.take(4))+4
	if nLit > 286 || nDist > 30 {
		return errBlock()
	}
	var pre [19]uint8
	for i := range nPre {
		if s.nbits < 3 {
			s.refill()
		}
		pre[preOrder[i]] = uint8(s.take(3))
	}
	if !build(f.pre[:], preBits, pre[:], preMeanings, false) {
		return errCode()
	}
	if err := f.readLens(nLit + nDist); err != nil {
		return err
	}
	if f.lens[256] == 0 ||
		!build(f.dist[:], distBits, f.lens[nLit:nLit+nDist], distMeanings, true) ||
		!build(f.lit[:], litBits, f.lens[:nLit], litMeanings, true) {
		return errCode()
	}
	return nil
}

// readLens reads n code lengths, run-length coded by the code-length code.
func (f *Inflater) readLens(n int) error {
	s := &f.s
	for i := 0; i < n; {
		if s.nbits < 14 {
			s.refill()
			if s.over > 8 {
				return errTruncated()
			}
		}
		e := f.pre[s.acc&(1<<preBits-1)]
		if e&eExc != 0 {
			return errCode()
		}
		s.take(uint(e & 31))
		if e>>16 < 16 {
			f.lens[i] = uint8(e >> 16)
			i++
			continue
		}
		var v uint8
		var rep int
		switch e >> 16 {
		case 16:
			if i == 0 {
				return errBlock()
			}
			v, rep = f.lens[i-1], 3+int(s.take(2))
		case 17:
			rep = 3 + int(s.take(3))
		default:
			rep = 11 + int(s.take(7))
		}
		if rep > n-i {
			return errBlock()
		}
		run := f.lens[i : i+rep]
		for j := range run {
			run[j] = v
		}
		i += rep
	}
	return nil
}

// build fills table for the canonical code with the given lengths, indexed by
// tb bits of input (first bit lowest). It refuses what zlib refuses: a code
// with too many words, or with too few unless lone is set and there is no word
// at all or a single one of one bit.
//
// Words are taken in order of length. As long as all words so far have n bits
// at most, the first 1<<n entries say everything, and doubling them by a copy
// lengthens the index by a bit: each word is stored once.
func build(table []uint32, tb uint, lens []uint8, mean *meanings, lone bool) bool {
	var count [maxLen + 1]int
	for _, l := range lens {
		count[l&maxLen]++
	}
	longest := uint(maxLen)
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	var start [maxLen + 2]int
	left := 1
	for n := uint(1); n <= longest; n++ {
		left = left<<1 - count[n]
		if left < 0 {
			return false
		}
		start[n+1] = start[n] + count[n]
	}
	if longest == 0 || left > 0 {
		if !lone || longest > 1 {
			return false
		}
		return buildLone(table, tb, lens, mean)
	}
	var sorted [maxLit]uint16
	for sym, l := range lens {
		if l != 0 {
			sorted[start[l&maxLen]] = uint16(sym)
			start[l&maxLen]++
		}
	}
	fillTable(table, tb, &sorted, &count, mean)
	return true
}

// buildLone makes the table of a code with no word or a single word of one bit.
func buildLone(table []uint32, tb uint, lens []uint8, mean *meanings) bool {
	word := uint32(eExc)
	for sym, l := range lens {
		if l != 0 {
			word = mean[sym] + 1 | 1<<8
		}
	}
	for i := 0; i < 1<<tb; i += 2 {
		table[i], table[i+1] = word, eExc
	}
	return true
}

// nextWord is the canonical word of n bits after w, both with their first bit
// lowest: adding one from the other end.
func nextWord(w uint, n uint) uint {
	bit := uint(1) << (bits.Len(w^(1<<n-1)) - 1)
	return w&(bit-1) | bit
}

func fillTable(table []uint32, tb uint, sorted *[maxLit]uint16, count *[maxLen + 1]int, mean *meanings) {
	n, size, next := uint(0), 1, 0
	w := uint(0)
	for n < tb {
		n++
		copy(table[size:2*size], table[:size])
		size *= 2
		for range count[n] {
			table[w] = mean[sorted[next]] + uint32(n)*(1+1<<8)
			next++
			if w == 1<<n-1 { // the last word of all
				for ; n < tb; n++ {
					copy(table[size:2*size], table[:size])
					size *= 2
				}
				return
			}
			w = nextWord(w, n)
		}
	}
	fillSubtables(table, tb, w, sorted[next:], count, mean)
}

// fillSubtables goes on with the words longer than tb bits, from w on.
func fillSubtables(table []uint32, tb, w uint, sorted []uint16, count *[maxLen + 1]int, mean *meanings) {
	n, end, start := tb+1, 1<<tb, 0
	prefix := ^uint(0)
	remaining := *count
	for {
		for remaining[n] == 0 {
			n++
		}
		if w&(1<<tb-1) != prefix {
			prefix = w & (1<<tb - 1)
			start = end
			width := n - tb
			for used := remaining[n]; used < 1<<width; {
				width++
				used = used<<1 + remaining[tb+width]
			}
			end = start + 1<<width
			table[prefix] = uint32(start)<<16 | eSub | uint32(width)<<8 | uint32(tb)
		}
		e := mean[sorted[0]] + uint32(n-tb)*(1+1<<8)
		for i := start + int(w>>tb); i < end; i += 1 << (n - tb) {
			table[i] = e
		}
		if w == 1<<n-1 {
			return
		}
		sorted = sorted[1:]
		remaining[n]--
		w = nextWord(w, n)
	}
}
