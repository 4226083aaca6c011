package manifold

// moveArgs is what all moves of a tile share. The assembly knows its fields' offsets.
type moveArgs struct {
	y        *float32     // positions, stride floats each
	tab      *float32     // of forceTable
	patterns *lanePattern // len(patterns) of them
	bytes    int          // of all patterns
	window   uint32       // how many positions negatives are drawn from
	first    uint32       // index of the first of these
	alpha    float32      // learning rate
	limit    float32      // of a group's sum on an axis
}

// tile is moveArgs for the Go twins.
type tile struct {
	moveArgs
	ys, tabs []float32
	groups   []lanePattern
}

// fire lists the neighbours whose edges are due in an epoch: those whose phase plus
// epoch times rate carries out of 32 bits with the next rate.
func fire(idx, rate, phase []uint32, epoch uint32, out []uint32) int {
	k := 0
	for s, r := range rate {
		at := phase[s] + epoch*r
		out[k] = idx[s]
		if at+r < at {
			k++
		}
	}
	return k
}

// target is the index of the position that lane l of a group feels, next the attracting
// targets that are left.
func (t *tile) target(p *lanePattern, l int, ctr uint32, next *[]uint32) uint32 {
	if p.mask>>l&1 == 1 {
		j := (*next)[0]
		*next = (*next)[1:]
		return j
	}
	return t.first + uint32(uint64(mix32(ctr+uint32(l)*golden))*uint64(t.window)>>32)
}

func clip(x, limit float32) float32 {
	if x > limit {
		return limit
	}
	if x < -limit {
		return -limit
	}
	return x
}

// halve sums lanes in the tree that the vector kernels have: the upper half is added to the
// lower until one is left.
func halve(m *[lanes]float32) float32 {
	a, b, c, d := m[0]+m[8], m[1]+m[9], m[2]+m[10], m[3]+m[11]
	e, f, g, h := m[4]+m[12], m[5]+m[13], m[6]+m[14], m[7]+m[15]
	return ((a + e) + (c + g)) + ((b + f) + (d + h))
}

// move2 moves cell i of a plane by n forces: targets holds the neighbours that attract,
// self the index of its own copy among the negatives. The result goes to out.
func move2(t *tile, i, self, ctr uint32, targets []uint32, n int, out []float32) {
	x, y := t.ys[2*i], t.ys[2*i+1]
	for g := 0; n > 0; n -= lanes {
		p := &t.groups[g]
		var mx, my [lanes]float32
		for l := range lanes {
			if l >= n {
				break
			}
			j := t.target(p, l, ctr, &targets)
			at := t.ys[2*j : 2*j+2]
			dx, dy := x-at[0], y-at[1]
			d2 := float32(dx*dx) + float32(dy*dy)
			if !(d2 > 0) || j == self {
				continue
			}
			f := coefficient(t.tabs, d2, p.off[l])
			mx[l], my[l] = clip(float32(f*dx), p.limit[l]), clip(float32(f*dy), p.limit[l])
		}
		x += float32(t.alpha * clip(halve(&mx), t.limit))
		y += float32(t.alpha * clip(halve(&my), t.limit))
		ctr = step32(ctr)
		if g++; g == len(t.groups) {
			g = 0
		}
	}
	out[0], out[1] = x, y
}

// move3 is move2 in space, positions four floats apart.
func move3(t *tile, i, self, ctr uint32, targets []uint32, n int, out []float32) {
	x, y, z := t.ys[4*i], t.ys[4*i+1], t.ys[4*i+2]
	for g := 0; n > 0; n -= lanes {
		p := &t.groups[g]
		var mx, my, mz [lanes]float32
		for l := range lanes {
			if l >= n {
				break
			}
			j := t.target(p, l, ctr, &targets)
			at := t.ys[4*j : 4*j+4]
			dx, dy, dz := x-at[0], y-at[1], z-at[2]
			d2 := float32(dx*dx) + float32(dy*dy) + float32(dz*dz)
			if !(d2 > 0) || j == self {
				continue
			}
			f := coefficient(t.tabs, d2, p.off[l])
			mx[l], my[l], mz[l] = clip(float32(f*dx), p.limit[l]), clip(float32(f*dy), p.limit[l]), clip(float32(f*dz), p.limit[l])
		}
		x += float32(t.alpha * clip(halve(&mx), t.limit))
		y += float32(t.alpha * clip(halve(&my), t.limit))
		z += float32(t.alpha * clip(halve(&mz), t.limit))
		ctr = step32(ctr)
		if g++; g == len(t.groups) {
			g = 0
		}
	}
	out[0], out[1], out[2] = x, y, z
}

// step32 moves a counter past the lanes of one group.
func step32(ctr uint32) uint32 {
	const step = lanes * golden % (1 << 32)
	return ctr + step
}
