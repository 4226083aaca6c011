package devicetest

import (
	"fmt"
	"math"
	"sort"
	"testing"

	"github.com/gpusc/gpusc/kernels"
)

func testRowStats(t *testing.T, r *rig) {
	for _, m := range matrices(what{huge: true, negative: true}) {
		for _, masked := range []bool{false, true} {
			for _, groups := range []int{0, 1, 32} {
				t.Run(fmt.Sprintf("%s/mask %v/groups %d", m.name, masked, groups), func(t *testing.T) {
					defer r.release()
					rowStatsCase(t, r, m, masked, groups)
				})
			}
		}
	}
}

func rowStatsCase(t *testing.T, r *rig, m *matrix, masked bool, groups int) {
	width := 1 + groups
	total, detected := make([]float64, m.rows*width), make([]uint32, m.rows)
	mask, groupOf := make([]uint8, m.cols), make([]uint32, m.cols)
	for c := range m.cols {
		mask[c] = uint8(c % 3) // any number that is not 0 counts
		if c%4 == 0 {
			groupOf[c] = uint32(c) * 2654435761
		}
	}
	m.each(func(row int, c uint32, x float64) {
		if masked && mask[c] == 0 {
			return
		}
		total[row*width] += x
		for q := range groups {
			if groupOf[c]>>q&1 != 0 {
				total[row*width+1+q] += x
			}
		}
		if x > 0 {
			detected[row]++
		}
	})
	op := &kernels.RowStats{X: r.csr(m), Groups: groups, Total: r.alloc(int64(8 * len(total))), Detected: r.alloc(int64(4 * len(detected)))}
	if masked {
		op.Mask = up(r, mask)
	}
	if groups > 0 {
		op.GroupOf = up(r, groupOf)
	}
	r.run(op)
	sameFloats(t, "Total", down[float64](r, op.Total, len(total)), total)
	for i, g := range down[uint32](r, op.Detected, len(detected)) {
		if g != detected[i] {
			t.Fatalf("Detected[%d] is %d, want %d", i, g, detected[i])
		}
	}
}

// sameFloats compares bits; any two values that are not numbers are equal.
func sameFloats(t *testing.T, field string, got, want []float64) {
	t.Helper()
	for i, w := range want {
		if math.Float64bits(got[i]) != math.Float64bits(w) && !(got[i] != got[i] && w != w) {
			t.Fatalf("%s[%d] is %v, want %v", field, i, got[i], w)
		}
	}
}

func sameFloat32s(t *testing.T, field string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) && !(got[i] != got[i] && w != w) {
			t.Fatalf("%s[%d] is %v, want %v", field, i, got[i], w)
		}
	}
}

func testTopSums(t *testing.T, r *rig) {
	nan := generate("not a number", 12, 40, kernels.Float32, 0.7, true, signed)
	for i := range nan.f32 {
		if i%31 == 0 {
			nan.f32[i] = float32(math.NaN())
		}
	}
	same := generate("equal values", 3, 2000, kernels.Float32, 0.9, false, signed)
	for i := range same.f32 {
		same.f32[i] = float32(1 + i%2)
	}
	large := generate("large counts", 3, 3000, kernels.Counts, 0.9, false, anyCount)
	long := generate("long rows", 3, 7000, kernels.Float64, 0.8, false, signed)
	ms := append(matrices(what{huge: true, negative: true}), nan, same, large, long)
	for _, m := range ms {
		sizes := [][]int{{50, 100, 200, 500}, {1}, {0, 1, 1, 3, 100000}, {}, {0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89}}
		if m == long || m == large {
			sizes = append(sizes, []int{2047, 2048, 2049}, []int{4, 2700, 5000})
		}
		for _, n := range sizes {
			t.Run(fmt.Sprintf("%s/%v", m.name, n), func(t *testing.T) {
				defer r.release()
				want := make([]float64, 0, m.rows*len(n))
				for row := range m.rows {
					want = append(want, topOf(m, row, n)...)
				}
				op := &kernels.TopSums{X: r.csr(m), N: n, Out: r.alloc(int64(8 * len(want)))}
				r.run(op)
				sameFloats(t, "Out", down[float64](r, op.Out, len(want)), want)
			})
		}
	}
}

func topOf(m *matrix, row int, n []int) []float64 {
	var v []float64
	for i := m.ptr[row]; i < m.ptr[row+1]; i++ {
		v = append(v, m.value(i))
	}
	sort.Slice(v, func(i, j int) bool { return v[i] > v[j] || v[i] != v[i] && v[j] == v[j] })
	out := make([]float64, len(n))
	for k := range n {
		for _, x := range v[:min(n[k], len(v))] {
			out[k] += x
		}
	}
	return out
}

func testHighFraction(t *testing.T, r *rig) {
	for _, m := range matrices(what{huge: true, negative: true}) {
		for _, fraction := range []float64{0, 0.05, 0.5, 1, -1} {
			t.Run(fmt.Sprintf("%s/%g", m.name, fraction), func(t *testing.T) {
				defer r.release()
				total, want := make([]float64, m.rows), make([]uint32, m.cols)
				for c := 3; c < m.cols; c += 11 {
					want[c] = 1
				}
				flags := up(r, want)
				m.each(func(row int, _ uint32, x float64) { total[row] += x })
				m.each(func(row int, c uint32, x float64) {
					if x > float64(fraction*total[row]) {
						want[c] = 1
					}
				})
				r.run(&kernels.HighFraction{X: r.csr(m), Total: up(r, total), Fraction: fraction, Flags: flags})
				for c, g := range down[uint32](r, flags, m.cols) {
					if g != want[c] {
						t.Fatalf("Flags[%d] is %d, want %d", c, g, want[c])
					}
				}
			})
		}
	}
}
