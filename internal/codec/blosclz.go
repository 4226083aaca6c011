package codec

const blosclzFar = 8191 // distances above it take two more bytes

// blosclz decodes a BloscLZ stream (FastLZ's level 2) into dst and returns the
// bytes written.
func blosclz(dst, src []byte) (int, error) {
	if len(src) == 0 {
		return 0, corrupt("blosclz block is empty")
	}
	c := int(src[0] & 31)
	pos, out := 1, 0
	for {
		if c < 32 {
			c++
			if c > len(src)-pos || c > len(dst)-out {
				return out, corrupt("blosclz block ends early or is too large")
			}
			copy(dst[out:], src[pos:pos+c])
			pos += c
			out += c
		} else {
			n, d, next := blosclzMatch(src, pos, c)
			if next < 0 {
				return out, corrupt("blosclz block ends early")
			}
			if d > out || n > len(dst)-out {
				return out, corrupt("blosclz block refers outside itself")
			}
			copyWithin(dst, out, d, n)
			out += n
			pos = next
		}
		if pos >= len(src) {
			return out, nil
		}
		c = int(src[pos])
		pos++
	}
}

// blosclzMatch reads the rest of a match whose first byte is c: its length,
// its distance and the position after it, or -1 if src ends.
func blosclzMatch(src []byte, pos, c int) (n, d, next int) {
	n = c>>5 + 2
	for more := n == 9; more; pos++ {
		if pos >= len(src) {
			return 0, 0, -1
		}
		n += int(src[pos])
		more = src[pos] == 255
	}
	if pos >= len(src) {
		return 0, 0, -1
	}
	b := int(src[pos])
	pos++
	d = c&31<<8 + b
	if d == blosclzFar {
		if len(src)-pos < 2 {
			return 0, 0, -1
		}
		d += int(src[pos])<<8 + int(src[pos+1])
		pos += 2
	}
	return n, d + 1, pos
}
