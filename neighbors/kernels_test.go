package neighbors

import (
	"math"
	"slices"
	"testing"
)

func levels() []level {
	l := []level{portable, avx2, avx512}
	return l[:best()+1]
}

// TestFilterMeaning: on whole numbers every order of summation is exact, so all
// levels give the same masks, and those that the text says.
func TestFilterMeaning(t *testing.T) {
	for _, d := range []int{1, 2, 7, 50} {
		whole := func(seed uint64, n int) []float32 {
			x := normal(seed, n, 1)
			for i, v := range x {
				x[i] = float32(math.Round(4 * float64(v)))
			}
			return x
		}
		a, b := whole(1, d*tileCols), whole(2, d*tileCols)
		hb, th, s, ha := whole(3, tileCols), whole(4, tileRows), whole(5, tileCols), whole(6, tileRows)
		for _, l := range levels() {
			var m, m2, mc masks
			pa, pb := make([]float32, len(a)), make([]float32, len(b))
			for c := range tileCols {
				l.put(pa, c, a[c*d:][:d])
				l.put(pb, c, b[c*d:][:d])
			}
			from := pa[8*l.step(d):]
			some := filter(l, d, from, pb, hb, th, &m)
			both := filterBoth(l, d, from, pb, hb, th, s, ha, &m2, &mc)
			if m != m2 || some && !both {
				t.Fatalf("d %d, %v: filter and filterBoth differ", d, l)
			}
			want, wantBoth := false, false
			for r := range tileRows {
				for c := range tileCols {
					v := hb[c]
					for k := range d {
						v += a[(8+r)*d+k] * b[c*d+k]
					}
					want = want || v >= th[r]
					wantBoth = wantBoth || v >= th[r] || v >= s[c]+ha[r]
					if got := m.row(r)>>c&1 == 1; got != (v >= th[r]) {
						t.Fatalf("d %d, %v: row %d, column %d: %v", d, l, r, c, got)
					}
					if got := mc.row(r)>>c&1 == 1; got != (v >= s[c]+ha[r]) {
						t.Fatalf("d %d, %v: column test of row %d, column %d: %v", d, l, r, c, got)
					}
				}
			}
			if some != want || both != wantBoth {
				t.Fatalf("d %d, %v: found %v %v, want %v %v", d, l, some, both, want, wantBoth)
			}
		}
	}
}

// TestCanonicalTwins: the same bits at all levels, and the right values.
func TestCanonicalTwins(t *testing.T) {
	for _, pad := range []int{16, 32, 64, 112} {
		const n = 40
		x := normal(uint64(pad), n, pad)
		x[0], x[pad] = 1e18, -1e18
		x[2*pad], x[3*pad] = 1e-30, 3e-38
		ids := []int32{39, 0, 1, 5, 5, 2, 3, 17}
		for _, dot := range []bool{false, true} {
			for row := range 4 {
				q := x[row*pad:][:pad]
				want := make([]float32, len(ids))
				canonical(portable, dot, q, x, ids, want)
				for _, l := range levels() {
					got := make([]float32, len(ids)+1)
					got[len(ids)] = 7
					canonical(l, dot, q, x, ids, got)
					if !slices.Equal(got[:len(ids)], want) || got[len(ids)] != 7 {
						t.Fatalf("pad %d, dot %v, %v: %v, portable %v", pad, dot, l, got, want)
					}
				}
				for i, j := range ids {
					y := x[int(j)*pad:][:pad]
					v := dot64(q, y)
					if !dot {
						v = math.Pow(euclid64(q, y), 2)
					}
					if scale := dot64(q, q) + dot64(y, y); math.Abs(float64(want[i])-v) > 1e-6*scale {
						t.Fatalf("pad %d, dot %v: %g, want %g", pad, dot, want[i], v)
					}
				}
			}
		}
	}
}

func TestKeys(t *testing.T) {
	vals := []float32{float32(math.Inf(-1)), -1e30, -2, -1e-40, 0, 1e-45, 1, 1.0000001, 3e38, inf32}
	for i, v := range vals {
		if value(key(v, 7)) != v || place(key(v, 1<<31)) != 1<<31 || key(v, 7) >= noKey {
			t.Errorf("%g does not come back", v)
		}
		if i > 0 && key(vals[i-1], math.MaxUint32) >= key(v, 0) {
			t.Errorf("%g is not before %g", vals[i-1], v)
		}
	}
	if key(float32(math.Copysign(0, -1)), 3) != key(0, 3) {
		t.Error("minus zero is not zero")
	}
}
