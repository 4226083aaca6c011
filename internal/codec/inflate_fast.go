package codec

import "unsafe"

// Margins of the fast loop. A turn reads eight bytes of input at pos, and
// writes at most two literals or one literal and a match of 258 bytes, in
// stores of up to 64 bytes that may reach past the end of the match.
const (
	fastIn   = 16
	fastOut  = 2 + 258 + 64
	fastBack = 8 // bytes of output that must be there: see hist in fastGo
)

// fits says whether the fast loop may make a turn.
func (s *stream) fits() bool {
	return s.pos <= len(s.src)-fastIn && s.out <= len(s.dst)-fastOut && s.out >= fastBack
}

// packTable makes the table of the fast loop from f.lit: wherever a literal
// leaves enough of the index for the next code, one entry holds both, as two
// literals or as a literal and a length.
func (f *Inflater) packTable() {
	lit, pack := &f.lit, &f.pack
	for i := range uint32(1 << packBits) {
		e := lit[i&(1<<litBits-1)]
		if e&(eMatch|eExc) == 0 {
			first := e >> 8 & 15
			rest := i >> first
			g := lit[rest&(1<<litBits-1)]
			if g&eExc == 0 && g>>8&15+first <= packBits {
				// The literal of e goes below; the bit counts add up; the
				// number of literals is one, or two when g is a literal too.
				e = e>>8&0xff0000 | g&0xff000000 | g&eMatch | (eOne + g&(eOne|eTwo)) | (e&0xfff + g&0xfff)
			}
		}
		pack[i] = e
	}
}

func ld64(p unsafe.Pointer, i int) uint64    { return *(*uint64)(unsafe.Add(p, i)) }
func st64(p unsafe.Pointer, i int, v uint64) { *(*uint64)(unsafe.Add(p, i)) = v }

// repeat[d] times a number below 1<<(8*d) repeats its d bytes through a word.
var repeat = [8]uint64{0, 0x0101010101010101, 0x0001000100010001, 0x0001000001000001, 0x0000000100000001, 1 + 1<<40, 1 + 1<<48, 1 + 1<<56}

// stride[d] is the largest multiple of d up to 8.
var stride = [8]uint8{8, 8, 8, 6, 8, 5, 6, 7}

// fastGo decodes symbols without checks of each access, while the margins last.
// The caller has checked fits. done means that the block has ended.
//
// hist holds the last eight bytes of output, the newest on top. Literals are
// merged into it and written with the seven bytes before them, and a match at
// a distance below eight is taken from it: reading such bytes back from memory
// would wait for the stores.
func (f *Inflater) fastGo() (done bool, err error) {
	s := &f.s
	sp, dp := unsafe.Pointer(unsafe.SliceData(s.src)), unsafe.Pointer(unsafe.SliceData(s.dst))
	pos, out, acc, nbits := s.pos, s.out, s.acc, s.nbits
	posEnd, outEnd := len(s.src)-fastIn, len(s.dst)-fastOut
	pack, lit, dist := &f.pack, &f.lit, &f.dist
	hist := ld64(dp, out-8)

	for pos <= posEnd && out <= outEnd {
		acc |= ld64(sp, pos) << (nbits & 63)
		pos += int((63 - nbits) >> 3)
		nbits |= 56
		e := pack[acc&(1<<packBits-1)]
		if e&(eMatch|eExc) == 0 {
			acc >>= e & 63
			nbits -= uint(e & 63)
			k := int(e >> 12 & 3)
			hist = hist>>(8*k&31) | uint64(e>>16)<<48
			out += k
			st64(dp, out-8, hist)
			continue
		}
		if e&eExc != 0 {
			if e&eKind == eSub {
				acc >>= litBits
				nbits -= litBits
				e = lit[(e>>16+uint32(acc)&(1<<(e>>8&15)-1))%litSize]
			}
			if e&eExc != 0 {
				if e&eKind != eEnd {
					err = errCode()
					break
				}
				acc >>= e & 63
				nbits -= uint(e & 63)
				done = true
				break
			}
			if e&eMatch == 0 {
				acc >>= e & 63
				nbits -= uint(e & 63)
				hist = hist>>8 | uint64(e>>16)<<48
				out++
				st64(dp, out-8, hist)
				continue
			}
		}
		// A match, perhaps after a literal.
		n := int(e>>24) + 3 + int(uint32(acc)&(1<<(e&63)-1)>>(e>>8&15))
		acc >>= e & 63
		nbits -= uint(e & 63)
		k := int(e >> 12 & 1)
		hist = hist>>(8*k) | uint64(e&0xff0000)<<40
		*(*byte)(unsafe.Add(dp, out)) = byte(e >> 16)
		out += k

		acc |= ld64(sp, pos) << (nbits & 63)
		pos += int((63 - nbits) >> 3)
		nbits |= 56
		e = dist[acc&(1<<distBits-1)]
		if e&eExc != 0 {
			if e&eKind == eSub {
				acc >>= distBits
				nbits -= distBits
				e = dist[(e>>16+uint32(acc)&(1<<(e>>8&15)-1))%distSize]
			}
			if e&eExc != 0 {
				err = errCode()
				break
			}
		}
		d := int(e>>16) + int(uint32(acc)&(1<<(e&63)-1)>>(e>>8&15))
		acc >>= e & 63
		nbits -= uint(e & 63)
		if d > out {
			err = errDistance()
			break
		}
		if n <= 8 {
			p, m := unsafe.Add(dp, out-d), uint64(1)
			if d < 8 {
				p, m = unsafe.Pointer(&repeat[d&7]), hist>>((64-8*d)&63)
			}
			v := *(*uint64)(p) * m
			st64(dp, out, v)
			out += n
			hist = hist>>(8*n-8&63)>>8 | v<<((64-8*n)&63)
			continue
		}
		if d >= 8 {
			for i := 0; i < n; i += 8 {
				st64(dp, out+i, ld64(dp, out+i-d))
			}
		} else {
			v := repeat[d&7] * (hist >> ((64 - 8*d) & 63))
			for i := 0; i < n; i += int(stride[d&7]) {
				st64(dp, out+i, v)
			}
		}
		out += n
		hist = ld64(dp, out-8)
	}
	s.pos, s.out, s.acc, s.nbits = pos, out, acc, nbits
	return done, err
}
