package devicetest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gpusc/gpusc/kernels"
)

// matrix is a canonical matrix in plain slices.
type matrix struct {
	name       string
	rows, cols int
	kind       kernels.ValueKind
	ptr        []int64
	idx        []uint32
	u32        []uint32
	f32        []float32
	f64        []float64
}

func (m *matrix) nnz() int64 { return m.ptr[m.rows] }

func (m *matrix) value(i int64) float64 {
	switch m.kind {
	case kernels.Counts:
		return float64(m.u32[i])
	case kernels.Float32:
		return float64(m.f32[i])
	}
	return m.f64[i]
}

// each calls f for every stored value.
func (m *matrix) each(f func(r int, c uint32, x float64)) {
	for r := range m.rows {
		for i := m.ptr[r]; i < m.ptr[r+1]; i++ {
			f(r, m.idx[i], m.value(i))
		}
	}
}

// part returns rows [from, to).
func (m *matrix) part(from, to int) *matrix {
	lo, hi := m.ptr[from], m.ptr[to]
	p := &matrix{name: m.name, rows: to - from, cols: m.cols, kind: m.kind, idx: m.idx[lo:hi]}
	for _, x := range m.ptr[from : to+1] {
		p.ptr = append(p.ptr, x-lo)
	}
	switch m.kind {
	case kernels.Counts:
		p.u32 = m.u32[lo:hi]
	case kernels.Float32:
		p.f32 = m.f32[lo:hi]
	default:
		p.f64 = m.f64[lo:hi]
	}
	return p
}

// add appends a value to the row under way.
func (m *matrix) add(c int, x float64) {
	m.idx = append(m.idx, uint32(c))
	switch m.kind {
	case kernels.Counts:
		m.u32 = append(m.u32, uint32(x))
	case kernels.Float32:
		m.f32 = append(m.f32, float32(x))
	default:
		m.f64 = append(m.f64, x)
	}
}

// draw gives a value; the kinds differ in what they draw.
type draw func(r *rand.Rand) float64

// small counts, most of them 1, with a tail of a few thousand.
func smallCount(r *rand.Rand) float64 {
	x := 1 + math.Floor(r.ExpFloat64()*0.8)
	if r.IntN(20) == 0 {
		x += math.Floor(math.Exp(8 * r.Float64()))
	}
	return x
}

// anyCount reaches the largest count there is.
func anyCount(r *rand.Rand) float64 {
	switch r.IntN(4) {
	case 0:
		return math.MaxUint32
	case 1:
		return float64(1 + r.Uint32()>>(1+r.IntN(31)))
	}
	return smallCount(r)
}

func positive(r *rand.Rand) float64 { return float64(float32(math.Exp(12*r.Float64() - 8))) }

func positive64(r *rand.Rand) float64 { return math.Exp(30*r.Float64() - 20) }

func logarithm(r *rand.Rand) float64 { return float64(float32(0.01 + 9*r.Float64())) }

func signed(r *rand.Rand) float64 {
	return float64(float32(math.Copysign(positive(r), r.Float64()-0.5)))
}

// generate makes a matrix in which a row holds a gene with the given chance;
// every fifth row of a matrix with gaps is empty.
func generate(name string, rows, cols int, kind kernels.ValueKind, chance float64, gaps bool, d draw) *matrix {
	r := rand.New(rand.NewPCG(uint64(rows*1000003+cols), uint64(kind)))
	m := &matrix{name: fmt.Sprintf("%s %dx%d", name, rows, cols), rows: rows, cols: cols, kind: kind, ptr: []int64{0}}
	for i := range rows {
		if !gaps || i%5 != 0 {
			for c := range cols {
				if chance >= 1 || r.Float64() < chance {
					m.add(c, d(r))
				}
			}
		}
		m.ptr = append(m.ptr, int64(len(m.idx)))
	}
	return m
}

// what tells which matrices an operation takes.
type what struct {
	huge     bool // counts up to 2^32-1
	negative bool // negative floats
}

// matrices lists the shapes and kinds that every operation is tried on.
func matrices(w what) []*matrix {
	const c, f, d = kernels.Counts, kernels.Float32, kernels.Float64
	ms := []*matrix{
		generate("no rows", 0, 5, c, 1, false, smallCount),
		generate("no genes", 3, 0, c, 1, false, smallCount),
		generate("one row", 1, 37, c, 0.5, false, smallCount),
		generate("one gene", 40, 1, c, 0.6, false, smallCount),
		generate("one value", 1, 1, c, 1, false, smallCount),
		generate("empty rows", 23, 50, c, 0.2, true, smallCount),
		generate("only empty rows", 9, 50, c, 0, false, smallCount),
		generate("full rows", 20, 300, c, 1, false, smallCount),
		generate("typical", 120, 1000, c, 0.08, true, smallCount),
		generate("many genes", 7, 70000, c, 0.02, false, smallCount),
		generate("float32", 60, 400, f, 0.1, true, positive),
		generate("float32 full", 9, 65, f, 1, false, positive),
		generate("float64", 60, 400, d, 0.1, true, positive64),
	}
	if w.huge {
		ms = append(ms, generate("huge counts", 30, 90, c, 0.4, true, anyCount))
	}
	if w.negative {
		ms = append(ms,
			generate("signed float32", 40, 200, f, 0.3, true, signed),
			generate("signed float64", 40, 200, d, 0.3, true, signed))
	}
	return ms
}

// tall has so many rows with values that are the largest of their kind that a
// sum kept in too few bits runs over. Each gene holds one value throughout, the
// third one top.
func tall(top float64) *matrix {
	gene := 0
	return generate("tall", 70000, 5, kernels.Counts, 1, false, func(*rand.Rand) float64 {
		x := [...]float64{256, 255, top, 1<<16 - 1, 1<<20 - 1}[gene%5]
		gene++
		return x
	})
}

// cuts returns ways to split rows into chunks: all at once, one by one (for
// small matrices), and at random places. The cuts rise from 0 to rows.
func cuts(rows int) [][]int {
	r := rand.New(rand.NewPCG(uint64(rows), 99))
	all := [][]int{{0, rows}}
	if rows > 10000 {
		return all // for the time it takes
	}
	if rows > 1 && rows <= 40 {
		var ones []int
		for i := range rows + 1 {
			ones = append(ones, i)
		}
		all = append(all, ones)
	}
	some := []int{0}
	for i := 1; i < rows; i++ {
		if r.IntN(9) == 0 {
			some = append(some, i, i) // a chunk without rows too
		}
	}
	return append(all, append(some, rows))
}

// rowGroups returns groups for the rows: nil with one group, else drawn from
// -1 to groups-1.
func rowGroups(rows, groups int) []int32 {
	if groups == 1 {
		return nil
	}
	r := rand.New(rand.NewPCG(uint64(rows), uint64(groups)))
	g := make([]int32, rows)
	for i := range g {
		g[i] = int32(r.IntN(groups+1)) - 1
	}
	return g
}

// rowScales returns factors such as normalisation gives.
func rowScales(rows int) []float64 {
	r := rand.New(rand.NewPCG(uint64(rows), 5))
	s := make([]float64, rows)
	for i := range s {
		s[i] = math.Exp(4*r.Float64() - 2)
	}
	return s
}
