package devicetest

import (
	"math/big"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// sums is an array of Fixed accumulators as big integers, in units of 2^-64.
type sums struct{ v map[int]*big.Int }

func newSums() *sums { return &sums{map[int]*big.Int{}} }

// add adds v, cut towards zero to a multiple of 2^-64.
func (s *sums) add(i int, v float64) {
	f := new(big.Float).SetPrec(200).SetFloat64(v)
	n, _ := f.SetMantExp(f, 64).Int(nil)
	if s.v[i] == nil {
		s.v[i] = new(big.Int)
	}
	s.v[i].Add(s.v[i], n)
}

// bigOf returns a in units of 2^-64.
func bigOf(a kernels.Fixed) *big.Int {
	n := big.NewInt(a.Hi)
	n.Lsh(n, 64)
	return n.Add(n, new(big.Int).SetUint64(a.Lo))
}

// startAt is what accumulators hold before a test, so that an operation that
// overwrites is found out: a carry away from the next whole number.
func startAt(n int) []kernels.Fixed {
	s := make([]kernels.Fixed, n)
	for i := range s {
		s[i] = kernels.Fixed{Lo: ^uint64(i % 5), Hi: int64(i%7) - 3}
	}
	return s
}

// same compares accumulators that began as startAt.
func (s *sums) same(t *testing.T, r *rig, field string, b device.Buffer, n int) {
	t.Helper()
	got, from := down[kernels.Fixed](r, b, n), startAt(n)
	for i, g := range got {
		if s.v[i] == nil {
			if g != from[i] {
				t.Fatalf("%s[%d] is %v, want %v, to which nothing was to be added", field, i, g, from[i])
			}
			continue
		}
		want := bigOf(from[i])
		if want.Add(want, s.v[i]); bigOf(g).Cmp(want) != 0 {
			t.Fatalf("%s[%d] is %v, want %v (units of 2^-64)", field, i, bigOf(g), want)
		}
	}
}

// sameUints compares counters that began at zero.
func sameUints(t *testing.T, r *rig, field string, b device.Buffer, want []uint64) {
	t.Helper()
	for i, g := range down[uint64](r, b, len(want)) {
		if g != want[i] {
			t.Fatalf("%s[%d] is %d, want %d", field, i, g, want[i])
		}
	}
}
