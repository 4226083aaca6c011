package codec

import "encoding/binary"

// LZF decodes the LZF block src (Marc Lehmann's format, h5py's "lzf" filter)
// into dst and returns the bytes written. More than len(dst) is an error.
func LZF(dst, src []byte) (int, error) {
	out, pos := 0, 0
	for pos < len(src) {
		c := int(src[pos])
		pos++
		if c < 32 {
			c++
			if c > len(src)-pos {
				return out, corrupt("lzf block ends early")
			}
			if c > len(dst)-out {
				return out, corrupt("lzf block holds more than the declared size")
			}
			copy(dst[out:], src[pos:pos+c])
			pos += c
			out += c
			continue
		}
		n := c >> 5
		need := 1
		if n == 7 {
			need = 2
		}
		if need > len(src)-pos {
			return out, corrupt("lzf block ends early")
		}
		if n == 7 {
			n += int(src[pos])
			pos++
		}
		n += 2
		d := c&31<<8 + int(src[pos]) + 1
		pos++
		if d > out {
			return out, corrupt("lzf block refers to before its start")
		}
		if n > len(dst)-out {
			return out, corrupt("lzf block holds more than the declared size")
		}
		copyWithin(dst, out, d, n)
		out += n
	}
	return out, nil
}

const (
	lzfHashBits = 13
	lzfMaxDist  = 1 << 13
	lzfMaxLen   = 264
	lzfMaxRun   = 32
)

// LZFEncode encodes src into dst and returns the bytes written, or 0 when the
// result does not fit in dst or is not smaller than src. The output depends on
// src alone.
func LZFEncode(dst, src []byte) int {
	limit := min(len(dst), len(src)-1)
	var table [1 << lzfHashBits]int32 // position+1 of a three-byte sequence
	out, run, i := 0, 0, 0            // run: start of the literals not yet written
	for i+4 <= len(src) {
		v := binary.LittleEndian.Uint32(src[i:]) << 8
		slot := &table[v*2654435761>>(32-lzfHashBits)]
		ref := int(*slot) - 1
		*slot = int32(i + 1)
		if ref < 0 || i-ref > lzfMaxDist || src[ref] != src[i] || src[ref+1] != src[i+1] || src[ref+2] != src[i+2] {
			i++
			continue
		}
		n := 3
		for most := min(lzfMaxLen, len(src)-i); n < most && src[ref+n] == src[i+n]; {
			n++
		}
		if out = lzfLiterals(dst[:max(limit, 0)], out, src[run:i]); out < 0 || out+2 > limit || n-2 >= 7 && out+3 > limit {
			return 0
		}
		out = lzfMatch(dst, out, i-ref-1, n-2)
		i += n
		run = i
	}
	out = lzfLiterals(dst[:max(limit, 0)], out, src[run:])
	return max(out, 0)
}

// lzfLiterals writes b as runs from out on, or returns -1 if it does not fit.
func lzfLiterals(dst []byte, out int, b []byte) int {
	for len(b) > 0 {
		n := min(len(b), lzfMaxRun)
		if out+1+n > len(dst) {
			return -1
		}
		dst[out] = byte(n - 1)
		copy(dst[out+1:], b[:n])
		out += 1 + n
		b = b[n:]
	}
	return out
}

// lzfMatch writes a reference of stored distance d and stored length n.
func lzfMatch(dst []byte, out, d, n int) int {
	if n < 7 {
		dst[out] = byte(n<<5 | d>>8)
		dst[out+1] = byte(d)
		return out + 2
	}
	dst[out] = byte(7<<5 | d>>8)
	dst[out+1] = byte(n - 7)
	dst[out+2] = byte(d)
	return out + 3
}
