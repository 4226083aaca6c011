package neighbors

// level is a set of instructions.
type level uint8

// The levels.
const (
	portable level = iota
	avx2
	avx512
)

func (l level) String() string { return [...]string{"portable", "avx2", "avx512"}[l] }

// A tile holds tileRows rows against the tileCols of a panel.
const (
	tileRows = 8
	tileCols = 48
)

// masks are the answers of a tile: bit c%16 of word 3*r+c/16 for row r and column c.
type masks [3 * tileRows]uint16

// row returns the bits of one row of the tile.
func (m *masks) row(r int) uint64 {
	return uint64(m[3*r]) | uint64(m[3*r+1])<<16 | uint64(m[3*r+2])<<32
}

// step is how far apart in a panel a row's neighbour begins: vector instructions want
// the values of a dimension together, plain code those of a row.
func (l level) step(d int) int {
	if l == portable {
		return d
	}
	return 1
}

// put writes a row as row c of a panel.
func (l level) put(panel []float32, c int, row []float32) {
	if l == portable {
		copy(panel[c*len(row):], row)
		return
	}
	for k, v := range row {
		panel[k*tileCols+c] = v
	}
}

// filter sets m to which pairs of the tile have
//
//	hb[c] + x.y >= t[r]
//
// for 8 rows x of a panel, a beginning at the first, and all rows y of the panel b,
// and tells whether any has. The order of the sum is not fixed, so callers leave a
// margin for rounding: the answer serves to leave pairs out, not to rank them.
func filter(l level, d int, a, b, hb, t []float32, m *masks) bool {
	if l != portable {
		_, _, _, _ = a[(d-1)*tileCols+tileRows-1], b[d*tileCols-1], hb[tileCols-1], t[tileRows-1]
		return filterVector(l, d, &a[0], &b[0], &hb[0], &t[0], m)
	}
	*m = masks{}
	var p [2 * 4]float32
	found := false
	for r := 0; r < tileRows; r += 2 {
		for c := 0; c < tileCols; c += 4 {
			products(d, a[r*d:], b[c*d:], &p)
			for i, v := range p {
				if r, c := r+i/4, c+i%4; v+hb[c] >= t[r] {
					m[3*r+c/16] |= 1 << (c % 16)
					found = true
				}
			}
		}
	}
	return found
}

// filterBoth does what filter does and sets mc to which pairs reach the threshold of
// their column: where the left side is at least s[c] + ha[r].
func filterBoth(l level, d int, a, b, hb, t, s, ha []float32, m, mc *masks) bool {
	if l != portable {
		_, _, _, _ = a[(d-1)*tileCols+tileRows-1], b[d*tileCols-1], hb[tileCols-1], t[tileRows-1]
		_, _ = s[tileCols-1], ha[tileRows-1]
		return bothVector(l, d, &a[0], &b[0], &hb[0], &t[0], &s[0], &ha[0], m, mc)
	}
	*m, *mc = masks{}, masks{}
	var p [2 * 4]float32
	found := false
	for r := 0; r < tileRows; r += 2 {
		for c := 0; c < tileCols; c += 4 {
			products(d, a[r*d:], b[c*d:], &p)
			for i, v := range p {
				r, c := r+i/4, c+i%4
				v += hb[c]
				if v >= t[r] {
					m[3*r+c/16] |= 1 << (c % 16)
					found = true
				}
				if v >= s[c]+ha[r] {
					mc[3*r+c/16] |= 1 << (c % 16)
					found = true
				}
			}
		}
	}
	return found
}

// products sets p to the inner products of 2 rows of a and 4 of b.
func products(d int, a, b []float32, p *[8]float32) {
	x0, x1 := a[:d], a[d:][:d]
	y0, y1, y2, y3 := b[:d], b[d:][:d], b[2*d:][:d], b[3*d:][:d]
	// All have the length of x0; saying so spares a check each time.
	x1, y0, y1, y2, y3 = x1[:len(x0)], y0[:len(x0)], y1[:len(x0)], y2[:len(x0)], y3[:len(x0)]
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	for k, u := range x0 {
		v, w0, w1, w2, w3 := x1[k], y0[k], y1[k], y2[k], y3[k]
		a0 += u * w0
		a1 += u * w1
		a2 += u * w2
		a3 += u * w3
		b0 += v * w0
		b1 += v * w1
		b2 += v * w2
		b3 += v * w3
	}
	*p = [8]float32{a0, a1, a2, a3, b0, b1, b2, b3}
}

// canonical sets out[q] to the squared distance of x and row idx[q] of base, or with
// dot to their inner product. Rows are dp = len(x) values, a multiple of 16. The sum
// has 16 lanes without fused operations, then halves are added: one order for all
// levels, so a distance has the same bits wherever it is computed.
func canonical(l level, dot bool, x, base []float32, idx []int32, out []float32) {
	if len(idx) == 0 {
		return
	}
	out = out[:len(idx)]
	if l != portable {
		canonicalVector(l, dot, &x[0], &base[0], &idx[0], len(idx), &out[0], len(x))
		return
	}
	for q, j := range idx {
		out[q] = lanes(dot, x, base[int(j)*len(x):][:len(x)])
	}
}

// lanes is one value of canonical. The conversions forbid fused operations.
func lanes(dot bool, x, y []float32) float32 {
	var s [16]float32
	for o := 0; o+16 <= len(x); o += 16 {
		a, b := (*[16]float32)(x[o:]), (*[16]float32)(y[o:])
		if dot {
			for l := range s {
				s[l] += float32(a[l] * b[l])
			}
			continue
		}
		for l := range s {
			d := a[l] - b[l]
			s[l] += float32(d * d)
		}
	}
	for h := 8; h >= 1; h /= 2 {
		for l := range h {
			s[l] += s[l+h]
		}
	}
	return s[0]
}
