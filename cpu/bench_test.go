package cpu

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// benchRig is a chunk as it comes from a droplet experiment: 28,000 genes, about
// 2,000 values a row, most of them 1, a few genes in nearly every cell.
type benchRig struct {
	b      *testing.B
	dev    device.Backend
	s      device.Stream
	counts kernels.CSR
	floats kernels.CSR
}

const benchRows, benchCols = 160, 28000

func newBenchRig(b *testing.B) *benchRig {
	dev, err := Open(Options{})
	if err != nil {
		b.Fatal(err)
	}
	s, err := dev.Stream()
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	level := make([]float64, benchCols)
	sum := 0.0
	for g := range level {
		level[g] = math.Exp(2.2 * rng.NormFloat64())
		sum += level[g]
	}
	ptr, idx, u, f := []int64{0}, []uint32{}, []uint32{}, []float32{}
	for range benchRows {
		depth := 9000 * math.Exp(0.4*rng.NormFloat64())
		for g := range level {
			x := poisson(rng, level[g]/sum*depth)
			if x > 0 {
				idx, u, f = append(idx, uint32(g)), append(u, x), append(f, float32(x)*0.37)
			}
		}
		ptr = append(ptr, int64(len(idx)))
	}
	r := &benchRig{b: b, dev: dev, s: s}
	csr := kernels.CSR{
		Rows: benchRows, Cols: benchCols, NNZ: int64(len(idx)), Kind: kernels.Counts,
		Indptr: put(r, ptr), Indices: put(r, idx), Values: put(r, u),
	}
	r.counts, r.floats = csr, csr
	r.floats.Kind, r.floats.Values = kernels.Float32, put(r, f)
	return r
}

func poisson(rng *rand.Rand, mean float64) uint32 {
	if mean > 50 {
		return uint32(max(0, mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	p, k := math.Exp(-mean), uint32(0)
	for u := rng.Float64(); u > p && k < 200; k++ {
		u -= p
		p *= mean / float64(k+1)
	}
	return k
}

// put makes a buffer of the elements.
func put[T any](r *benchRig, v []T) device.Buffer {
	p := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
	h, err := r.dev.HostAlloc(int64(len(p)), "bench")
	if err != nil {
		r.b.Fatal(err)
	}
	copy(h.Bytes(), p)
	d, _ := r.dev.Share(h)
	return d
}

// zero makes a buffer of n zero bytes.
func (r *benchRig) zero(n int64) device.Buffer { return put(r, make([]byte, n)) }

// run measures op; bytes and time are per stored value.
func (r *benchRig) run(b *testing.B, op device.Op) {
	for b.Loop() {
		if err := r.s.Launch(op); err != nil {
			b.Fatal(err)
		}
		if err := r.s.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(r.counts.NNZ), "ns/value")
}

func Benchmark(b *testing.B) {
	r := newBenchRig(b)
	b.Logf("%.0f values per row", float64(r.counts.NNZ)/benchRows)
	total := make([]float64, benchRows)
	scale := make([]float64, benchRows)
	ones, mapTo := make([]float64, benchCols), make([]int32, benchCols)
	groupOf, mask := make([]uint32, benchCols), make([]uint8, benchCols)
	kept := int32(0)
	for g := range ones {
		ones[g], mask[g] = 30, uint8(g%2)
		if g%2000 == 0 {
			groupOf[g] = 1
		}
		mapTo[g] = -1
		if g%10 == 0 {
			mapTo[g] = kept
			kept++
		}
	}
	for i := range scale {
		total[i], scale[i] = 9000, 1e4/(9000+float64(i))
	}
	groups := make([]int32, benchRows)
	for i := range groups {
		groups[i] = int32(i % 4)
	}
	const fixedCols = 16 * benchCols
	scaleB, groupB, totalB, onesB := put(r, scale), put(r, groups), put(r, total), put(r, ones)
	fix, fix2, cells := r.zero(4*fixedCols), r.zero(4*fixedCols), r.zero(32*benchCols)
	log := kernels.Transform{Scale: scaleB, Log1p: true}
	rowOut, det := r.zero(benchRows*64), r.zero(benchRows*4)
	outV := r.zero(8 * r.counts.NNZ)
	share := make([]float64, benchCols)
	for g := range share {
		share[g] = 1.0 / benchCols
	}
	shareB, clipB := put(r, share), put(r, []float64{50})
	small := r.counts
	small.Rows = 16
	sel := kernels.CSR{Rows: benchRows, Cols: int(kept), NNZ: r.counts.NNZ, Indptr: put(r, make([]int64, benchRows+1)), Indices: r.zero(4 * r.counts.NNZ), Values: outV}
	for _, c := range []struct {
		name string
		op   device.Op
	}{
		{"rowstats", &kernels.RowStats{X: r.counts, Total: rowOut, Detected: det}},
		{"rowstats/group", &kernels.RowStats{X: r.counts, Groups: 1, GroupOf: put(r, groupOf), Total: rowOut, Detected: det}},
		{"rowstats/mask", &kernels.RowStats{X: r.counts, Mask: put(r, mask), Total: rowOut, Detected: det}},
		{"rowstats/float32", &kernels.RowStats{X: r.floats, Total: rowOut, Detected: det}},
		{"topsums", &kernels.TopSums{X: r.counts, N: []int{50, 100, 200, 500}, Out: rowOut}},
		{"topsums/float32", &kernels.TopSums{X: r.floats, N: []int{50, 100, 200, 500}, Out: rowOut}},
		{"highfraction", &kernels.HighFraction{X: r.counts, Total: totalB, Fraction: 0.05, Flags: det2(r)}},
		{"genestats", &kernels.GeneStats{X: r.counts, Groups: 1, Sum: fix, Cells: cells}},
		{"genestats/4groups", &kernels.GeneStats{X: r.counts, Group: groupB, Groups: 4, Sum: fix, Cells: cells}},
		{"genestats/float32", &kernels.GeneStats{X: r.floats, Groups: 1, Sum: fix, Cells: cells}},
		{"moments", &kernels.Moments{X: r.counts, T: log, Groups: 1, Sum: fix, SumSq: fix2}},
		{"moments/counts", &kernels.Moments{X: r.counts, Groups: 1, Sum: fix, SumSq: fix2}},
		{"moments/4groups", &kernels.Moments{X: r.counts, T: log, Group: groupB, Groups: 4, Sum: fix, SumSq: fix2}},
		{"moments/float32", &kernels.Moments{X: r.floats, T: log, Groups: 1, Sum: fix, SumSq: fix2}},
		{"clippedmoments", &kernels.ClippedMoments{X: r.counts, Groups: 1, Clip: onesB, Sum: fix, SumSq: fix2, Clipped: cells}},
		{"pearsonmoments", &kernels.PearsonMoments{X: r.counts, Groups: 1, Total: totalB, Share: shareB, Clip: clipB, Theta: 100, Sum: fix, SumSq: fix2}},
		{"select", &kernels.Select{X: r.counts, Map: put(r, mapTo), Out: sel}},
		{"values", &kernels.Values{X: r.counts, T: log, Out: outV}},
		{"values/float32", &kernels.Values{X: r.floats, T: log, Out: outV}},
		{"dense", &kernels.Dense{X: r.counts, T: log, Mean: onesB, Std: onesB, Centre: true, Max: 10, Out: r.zero(4 * benchRows * benchCols)}},
		{"unpack", r.packed()},
	} {
		b.Run(c.name, func(b *testing.B) { r.run(b, c.op) })
	}
}

// packed makes the operation that unpacks the counts.
func (r *benchRig) packed() device.Op {
	var c check
	m := c.csr(r.counts)
	in := pack.Matrix{Rows: m.rows, Cols: m.cols, Indptr: m.ptr, Indices: m.idx, Counts: m.u32}
	p, err := pack.Append(nil, in, &pack.Scratch{})
	if c.err != nil || err != nil {
		r.b.Fatal(c.err, err)
	}
	out := r.counts
	out.Indptr, out.Indices, out.Values = r.zero(8*(benchRows+1)), r.zero(4*out.NNZ), r.zero(4*out.NNZ)
	return &kernels.Unpack{Packed: put(r, p), Bytes: int64(len(p)), X: out}
}

func det2(r *benchRig) device.Buffer { return r.zero(4 * benchCols) }
