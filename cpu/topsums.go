package cpu

import (
	"math"
	"slices"

	"github.com/gpusc/gpusc/kernels"
)

// histBins is the number of small counts that are counted rather than sorted.
const histBins = 256

// topScratch is what topsums keeps between rows. The histogram is in four
// parts, so that runs of equal counts do not wait for one another; all zero
// between rows.
type topScratch struct {
	hist  [4][histBins]uint32
	large []uint32 // counts from histBins on
	keys  []uint64 // ordered keys of floats
}

func topSums(w *work, op *kernels.TopSums) error {
	var c check
	m := c.csr(op.X)
	last := 0
	for i, n := range op.N {
		if n < last {
			c.fail("N[%d] is %d; N must rise from 0", i, n)
		}
		last = n
	}
	k := len(op.N)
	out := slice[float64](&c, op.Out, c.product(m.rows, k, "Out"), "Out")
	if c.err != nil || k == 0 {
		return c.err
	}
	for r := range m.rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		o := out[r*k : (r+1)*k]
		switch m.kind {
		case kernels.Counts:
			w.top.counts(m.u32[lo:hi], op.N, o)
		default:
			w.top.floats(w.wide(&m, lo, hi), op.N, o)
		}
	}
	return nil
}

// summer adds values from the largest down and notes the sum after each n[i].
type summer struct {
	n       []int
	out     []float64
	taken   int
	sum     float64
	noted   int
	atNoted int // n[noted], or the largest int
}

func newSummer(n []int, out []float64) summer {
	s := summer{n: n, out: out}
	s.note()
	return s
}

// note writes down the sum wherever taken has reached an n.
func (s *summer) note() {
	for s.noted < len(s.n) && s.n[s.noted] <= s.taken {
		s.out[s.noted] = s.sum
		s.noted++
	}
	s.atNoted = math.MaxInt
	if s.noted < len(s.n) {
		s.atNoted = s.n[s.noted]
	}
}

// add takes one value; it returns false when no more are needed.
func (s *summer) add(x float64) bool {
	if s.noted == len(s.n) {
		return false
	}
	s.sum += x
	s.taken++
	if s.taken == s.atNoted {
		s.note()
	}
	return s.noted < len(s.n)
}

// addMany takes the value x n times; sums of whole numbers below 2^53 may be
// added up by a product.
func (s *summer) addMany(x uint32, n int) {
	for n > 0 && s.noted < len(s.n) {
		k := min(n, s.atNoted-s.taken)
		if all := float64(uint64(x) * uint64(k)); s.sum+all <= 1<<53 {
			s.sum += all
		} else { // each addition may round
			for range k {
				s.sum += float64(x)
			}
		}
		s.taken += k
		n -= k
		s.note()
	}
}

// end writes the sum of all values where there were fewer than asked for.
func (s *summer) end() {
	for ; s.noted < len(s.n); s.noted++ {
		s.out[s.noted] = s.sum
	}
}

func (t *topScratch) counts(val []uint32, n []int, out []float64) {
	t.large = t.large[:0]
	top := uint32(0)
	i := 0
	for ; i+4 <= len(val); i += 4 {
		for j := range 4 {
			x := val[i+j]
			if x >= histBins {
				t.large = append(t.large, x)
				continue
			}
			t.hist[j][x]++
			top = max(top, x)
		}
	}
	for ; i < len(val); i++ {
		if x := val[i]; x >= histBins {
			t.large = append(t.large, x)
		} else {
			t.hist[0][x]++
			top = max(top, x)
		}
	}
	s := newSummer(n, out)
	for _, x := range largest(t.large, n[len(n)-1]) {
		s.add(float64(x))
	}
	for x := int(top); x >= 0; x-- {
		k := t.hist[0][x] + t.hist[1][x] + t.hist[2][x] + t.hist[3][x]
		if k != 0 {
			t.hist[0][x], t.hist[1][x], t.hist[2][x], t.hist[3][x] = 0, 0, 0, 0
			s.addMany(uint32(x), int(k))
		}
	}
	s.end()
}

// floats sorts by keys: the bits of a number, changed so that they rise with
// it. A value that is not a number counts as the largest.
func (t *topScratch) floats(val []float64, n []int, out []float64) {
	t.keys = grow(t.keys, len(val))
	for i, x := range val {
		b := math.Float64bits(x)
		if x != x {
			b &^= 1 << 63
		}
		t.keys[i] = b ^ uint64(int64(b)>>63) | ^b&(1<<63)
	}
	s := newSummer(n, out)
	for _, k := range largest(t.keys, n[len(n)-1]) {
		b := k ^ 1<<63
		if k>>63 == 0 {
			b = ^k
		}
		s.add(math.Float64frombits(b))
	}
	s.end()
}

// largest moves the n largest keys of s to its front and returns them, falling.
func largest[T uint32 | uint64](s []T, n int) []T {
	n = min(n, len(s))
	lo, hi := 0, len(s) // the border between kept and left lies in s[lo:hi]
	for tries := 0; hi-lo > 16 && lo < n && n < hi; tries++ {
		if tries == 64 { // an unlucky order: sort what is left
			break
		}
		p := median(s[lo], s[lo+(hi-lo)/2], s[hi-1])
		i, j := lo, hi-1
		for i <= j {
			for s[i] > p {
				i++
			}
			for s[j] < p {
				j--
			}
			if i <= j {
				s[i], s[j] = s[j], s[i]
				i++
				j--
			}
		}
		// s[lo:j+1] >= p, s[i:hi] <= p, what is between equals p
		switch {
		case n <= j+1:
			hi = j + 1
		case n >= i:
			lo = i
		default:
			lo, hi = n, n
		}
	}
	if lo < n && n < hi {
		slices.Sort(s[lo:hi])
		slices.Reverse(s[lo:hi])
	}
	slices.Sort(s[:n])
	slices.Reverse(s[:n])
	return s[:n]
}

func median[T uint32 | uint64](a, b, c T) T {
	return max(min(a, b), min(max(a, b), c))
}
