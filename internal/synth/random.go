package synth

import "math"

// rng is a counter-based generator (SplitMix64: Steele, Lea, Flood, 2014), so
// that each cell has a stream of its own.
type rng struct{ s uint64 }

func newRNG(seed, stream uint64) rng {
	r := rng{seed * 0x9e3779b97f4a7c15}
	r.s ^= mix(stream + 0x632be59bd9b4e019)
	return r
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *rng) next() uint64 {
	r.s += 0x9e3779b97f4a7c15
	return mix(r.s)
}

// float returns a number in [0, 1).
func (r *rng) float() float64 { return float64(r.next()>>11) / (1 << 53) }

// normal returns a standard normal number (Box and Muller).
func (r *rng) normal() float64 {
	u, v := r.float(), r.float()
	return math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v)
}

// around returns a whole number near x, as a Poisson count would be.
func (r *rng) around(x float64) int {
	return max(0, int(x+math.Sqrt(max(x, 0))*r.normal()+0.5))
}

// alias draws from a fixed distribution in constant time (Walker; Vose, 1991).
// An entry holds in its upper half the chance of the gene itself, in its lower
// half the gene drawn otherwise: one look in memory a draw.
type alias []uint64

func newAlias(w []float64) alias {
	n := len(w)
	sum := 0.0
	for _, x := range w {
		sum += x
	}
	p := make([]float64, n)
	var small, large []int
	for i, x := range w {
		p[i] = x / sum * float64(n)
		if p[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	a := make(alias, n)
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a[s] = uint64(p[s]*(1<<32-1))<<32 | uint64(l)
		if p[l] -= 1 - p[s]; p[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	for _, rest := range [][]int{small, large} {
		for _, i := range rest {
			a[i] = math.MaxUint32<<32 | uint64(i)
		}
	}
	return a
}

// draw turns 64 random bits into an index.
func (a alias) draw(u uint64) uint32 {
	i := uint32(u >> 32 * uint64(len(a)) >> 32)
	if e := a[i]; uint32(u) >= uint32(e>>32) {
		return uint32(e)
	}
	return i
}
