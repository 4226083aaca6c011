package devicetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// chunkRun launches an operation for one chunk: rows [from, to) of the matrix,
// x on the device, group the groups of these rows or nil.
type chunkRun func(from, to int, x kernels.CSR, group device.Buffer) device.Op

// overChunks runs an operation over all chunks of each split, after reset has
// made new accumulators, and lets check look at them.
func overChunks(t *testing.T, r *rig, m *matrix, groups int, reset func() chunkRun, check func(t *testing.T)) {
	group := rowGroups(m.rows, groups)
	for k, cut := range cuts(m.rows) {
		t.Run(fmt.Sprintf("%s/groups %d/split %d", m.name, groups, k), func(t *testing.T) {
			defer r.release()
			run := reset()
			for i := range cut[1:] {
				from, to := cut[i], cut[i+1]
				var g device.Buffer
				if group != nil {
					g = up(r, group[from:to])
				}
				r.ok(r.s.Launch(run(from, to, r.csr(m.part(from, to)), g)))
			}
			r.ok(r.s.Sync())
			check(t)
		})
	}
}

// place returns the accumulator of gene c in the group of the row, or -1.
func place(m *matrix, group []int32, row int, c uint32) int {
	if group == nil {
		return int(c)
	}
	if group[row] < 0 {
		return -1
	}
	return int(group[row])*m.cols + int(c)
}

// groupsToTry are numbers of groups.
func groupsToTry(m *matrix) []int {
	if m.cols > 10000 || m.rows > 10000 {
		return []int{1, 2} // for the time it takes
	}
	return []int{1, 2, 7}
}

func testGeneStats(t *testing.T, r *rig) {
	for _, m := range append(matrices(what{huge: true, negative: true}), tall(1<<24-1)) {
		for _, groups := range groupsToTry(m) {
			n, group := groups*m.cols, rowGroups(m.rows, groups)
			sum, cells := newSums(), make([]uint64, n)
			m.each(func(row int, c uint32, x float64) {
				if i := place(m, group, row, c); i >= 0 {
					sum.add(i, x)
					if x > 0 {
						cells[i]++
					}
				}
			})
			var op kernels.GeneStats
			overChunks(t, r, m, groups, func() chunkRun {
				op = kernels.GeneStats{Groups: groups, Sum: up(r, startAt(n)), Cells: up(r, make([]uint64, n))}
				return func(_, _ int, x kernels.CSR, g device.Buffer) device.Op {
					o := op
					o.X, o.Group = x, g
					return &o
				}
			}, func(t *testing.T) {
				sum.same(t, r, "Sum", op.Sum, n)
				sameUints(t, r, "Cells", op.Cells, cells)
			})
		}
	}
}

// transforms are the ways to take values; scale is per row, nil for none.
type aTransform struct {
	name   string
	scaled bool
	log    bool
	exp    bool
	lnBase float64
}

func transforms() []aTransform {
	return []aTransform{
		{name: "as they are"},
		{name: "scaled", scaled: true},
		{name: "log1p", scaled: true, log: true},
		{name: "log1p base 2", log: true, lnBase: math.Ln2},
		{name: "expm1", exp: true},
		{name: "expm1 base 2", exp: true, lnBase: math.Ln2},
	}
}

// apply gives the transformed value.
func (a aTransform) apply(x, scale float64) float64 {
	if a.scaled {
		x = float64(x * scale)
	}
	switch {
	case a.exp && a.lnBase != 0:
		return kernels.Expm1(float64(x * a.lnBase))
	case a.exp:
		return kernels.Expm1(x)
	case a.log && a.lnBase != 0:
		return kernels.Log1p(x) / a.lnBase
	case a.log:
		return kernels.Log1p(x)
	}
	return x
}

// on gives the transform for rows with these factors.
func (a aTransform) on(r *rig, scale []float64) kernels.Transform {
	tr := kernels.Transform{Log1p: a.log, Expm1: a.exp, LnBase: a.lnBase}
	if a.scaled {
		tr.Scale = up(r, scale)
	}
	return tr
}

func testMoments(t *testing.T, r *rig) {
	for _, a := range transforms() {
		ms := matrices(what{huge: a.log, negative: !a.log})
		if !a.scaled && !a.log {
			ms = append(ms, tall(1<<22))
		}
		if a.exp { // of larger values the terms would be too large
			ms = []*matrix{
				generate("logarithms", 50, 120, kernels.Float32, 0.3, true, logarithm),
				generate("logarithms", 50, 120, kernels.Float64, 0.3, true, logarithm),
				generate("logarithms", 50, 120, kernels.Counts, 0.3, true, func(r *rand.Rand) float64 { return 1 + math.Floor(logarithm(r)) }),
			}
		}
		for _, m := range ms {
			for _, groups := range groupsToTry(m) {
				t.Run(a.name, func(t *testing.T) { momentsCase(t, r, a, m, groups) })
			}
		}
	}
}

func momentsCase(t *testing.T, r *rig, a aTransform, m *matrix, groups int) {
	n, group, scale := groups*m.cols, rowGroups(m.rows, groups), rowScales(m.rows)
	sum, sq := newSums(), newSums()
	m.each(func(row int, c uint32, x float64) {
		if i := place(m, group, row, c); i >= 0 {
			v := a.apply(x, scale[row])
			sum.add(i, v)
			sq.add(i, float64(v*v))
		}
	})
	var op kernels.Moments
	overChunks(t, r, m, groups, func() chunkRun {
		op = kernels.Moments{Groups: groups, Sum: up(r, startAt(n)), SumSq: up(r, startAt(n))}
		return func(from, to int, x kernels.CSR, g device.Buffer) device.Op {
			o := op
			o.X, o.Group, o.T = x, g, a.on(r, scale[from:to])
			return &o
		}
	}, func(t *testing.T) {
		sum.same(t, r, "Sum", op.Sum, n)
		sq.same(t, r, "SumSq", op.SumSq, n)
	})
}

// limits are clips for genes, some above all values, some below, one infinite.
func limits(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = [...]float64{1, 2.5, 0.5, 40, math.Inf(1), -1, 3, 1e6}[i%8]
	}
	return v
}

func testClippedMoments(t *testing.T, r *rig) {
	for _, m := range append(matrices(what{negative: true}), tall(1<<22)) {
		for _, groups := range groupsToTry(m) {
			n, group := groups*m.cols, rowGroups(m.rows, groups)
			clip, sum, sq, clipped := limits(n), newSums(), newSums(), make([]uint64, n)
			m.each(func(row int, c uint32, x float64) {
				i := place(m, group, row, c)
				switch {
				case i < 0:
				case x > clip[i]:
					clipped[i]++
				default:
					sum.add(i, x)
					sq.add(i, float64(x*x))
				}
			})
			var op kernels.ClippedMoments
			overChunks(t, r, m, groups, func() chunkRun {
				op = kernels.ClippedMoments{
					Groups: groups, Clip: up(r, clip),
					Sum: up(r, startAt(n)), SumSq: up(r, startAt(n)), Clipped: up(r, make([]uint64, n)),
				}
				return func(_, _ int, x kernels.CSR, g device.Buffer) device.Op {
					o := op
					o.X, o.Group = x, g
					return &o
				}
			}, func(t *testing.T) {
				sum.same(t, r, "Sum", op.Sum, n)
				sq.same(t, r, "SumSq", op.SumSq, n)
				sameUints(t, r, "Clipped", op.Clipped, clipped)
			})
		}
	}
}

func testPearsonMoments(t *testing.T, r *rig) {
	for _, m := range matrices(what{huge: true}) {
		for _, groups := range groupsToTry(m) {
			for _, theta := range []float64{100, math.Inf(1)} {
				t.Run(fmt.Sprintf("theta %g", theta), func(t *testing.T) { pearsonCase(t, r, m, groups, theta) })
			}
		}
	}
}

func pearsonCase(t *testing.T, r *rig, m *matrix, groups int, theta float64) {
	n, group := groups*m.cols, rowGroups(m.rows, groups)
	total, share, clip := make([]float64, m.rows), make([]float64, n), make([]float64, groups)
	for i := range share {
		share[i] = float64(1+i%13) / float64(7*m.cols)
	}
	for g := range clip {
		clip[g] = float64(3 + 5*g)
	}
	m.each(func(row int, _ uint32, x float64) { total[row] += x })
	sum, sq := newSums(), newSums()
	m.each(func(row int, c uint32, x float64) {
		i := place(m, group, row, c)
		if i < 0 {
			return
		}
		limit := clip[i/m.cols]
		z, z0 := residual(x, total[row], share[i], theta, limit), residual(0, total[row], share[i], theta, limit)
		sum.add(i, z-z0)
		sq.add(i, float64(z*z)-float64(z0*z0))
	})
	var op kernels.PearsonMoments
	overChunks(t, r, m, groups, func() chunkRun {
		op = kernels.PearsonMoments{
			Groups: groups, Share: up(r, share), Clip: up(r, clip), Theta: theta,
			Sum: up(r, startAt(n)), SumSq: up(r, startAt(n)),
		}
		return func(from, to int, x kernels.CSR, g device.Buffer) device.Op {
			o := op
			o.X, o.Group, o.Total = x, g, up(r, total[from:to])
			return &o
		}
	}, func(t *testing.T) {
		sum.same(t, r, "Sum", op.Sum, n)
		sq.same(t, r, "SumSq", op.SumSq, n)
	})
}

func residual(y, total, share, theta, clip float64) float64 {
	mu := float64(total * share)
	variance := mu
	if !math.IsInf(theta, 0) {
		variance = mu + float64(mu*mu)/theta
	}
	return math.Min(math.Max((y-mu)/math.Sqrt(variance), -clip), clip)
}
