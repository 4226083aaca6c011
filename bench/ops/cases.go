package ops

import (
	"github.com/gpusc/gpusc/decomp"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// inputs are what all operations read, on the device.
type inputs struct {
	all, sel, tile    *matrix // in plain slices
	x, selX, tileX    kernels.CSR
	scale, total      device.Buffer // float64[rows]
	mapTo, groupOf    device.Buffer
	ones, share, clip device.Buffer // float64[cols], float64[cols], float64[1]
	packed            device.Buffer
	packedMatrix      *matrix
	packedBytes       int64
	plan              decomp.Plan
	rank, centre      device.Buffer
}

// load puts the inputs on the device.
func load(a *arena, all *matrix, marker []int32) (*inputs, error) {
	to, n := chosen(marker, min(maxSelected, all.cols))
	in := &inputs{all: all, sel: all.pick(to, n)}
	in.tile = in.sel.head(decomp.TileRows(n))
	in.packedMatrix = all.head(packedRows)
	p, err := in.packedMatrix.packed()
	if err != nil {
		return nil, err
	}
	in.x, in.selX, in.tileX = a.csr(in.all), a.csr(in.sel), a.csr(in.tile)
	in.packed, in.packedBytes = put(a, p), int64(len(p))
	totals := all.totals()
	scale := make([]float64, len(totals))
	for i, t := range totals {
		scale[i] = 1e4 / max(t, 1)
	}
	in.total, in.scale = put(a, totals), put(a, scale)
	ones, share, groupOf := make([]float64, all.cols), make([]float64, all.cols), make([]uint32, all.cols)
	for g := range ones {
		ones[g], share[g] = 1, 1/float64(all.cols)
		if g%2000 == 0 {
			groupOf[g] = 1
		}
	}
	in.mapTo, in.groupOf = put(a, to), put(a, groupOf)
	in.ones, in.share, in.clip = put(a, ones), put(a, share), put(a, []float64{100})
	in.plan = decomp.PlanGram(in.tile.detected(), int64(in.tile.rows))
	in.rank, in.centre = put(a, in.plan.Rank), put(a, make([]float64, n))
	return in, a.err
}

// work is an operation that is ready to be launched, and what it costs.
type work struct {
	op     func() device.Op // a fresh struct for every launch
	bytes  int64            // that any way of doing it must move
	flops  int64            // 0: not counted
	double bool             // the products are of float64
}

// oneCase is an operation of the catalogue.
type oneCase struct {
	name  string
	moves string // the formula of its bytes
	make  func(in *inputs, a *arena) work
}

// csrBytes is what reading a whole matrix costs.
func csrBytes(m *matrix) int64 { return 8*int64(m.rows+1) + 8*m.nnz() }

// sums is the cost of adding into n bytes.
func sums(n int64) int64 { return 2 * n }

// cases lists the operations, in the order of the catalogue. In the formulas R is
// rows, C genes, N stored values, S values of selected genes.
func cases() []oneCase {
	return append([]oneCase{
		{"rowstats", "8R + 8N in, 4C groups; 20R out", rowStats},
		{"topsums", "8R + 4N in; 32R out", topSums},
		{"highfraction", "16R + 8N in; 4C out", highFraction},
		{"genestats", "8R + 8N in; 24C read and written", geneStats},
		{"moments", "16R + 8N in; 32C read and written", moments},
		{"clippedmoments", "8R + 8N + 8C in; 40C read and written", clippedMoments},
		{"pearsonmoments", "16R + 8N + 8C in; 32C read and written", pearsonMoments},
		{"select", "8R + 4N + 4S + 4C in; 8R + 8S out", selection},
		{"values", "16R + 4N in; 4N out", values},
	}, selectedCases()...)
}

func rowStats(in *inputs, a *arena) work {
	r, c := int64(in.all.rows), int64(in.all.cols)
	op := kernels.RowStats{X: in.x, Groups: 1, GroupOf: in.groupOf, Total: a.alloc(16 * r), Detected: a.alloc(4 * r)}
	return work{op: func() device.Op { o := op; return &o }, bytes: csrBytes(in.all) + 4*c + 20*r}
}

func topSums(in *inputs, a *arena) work {
	r := int64(in.all.rows)
	op := kernels.TopSums{X: in.x, N: []int{50, 100, 200, 500}, Out: a.alloc(32 * r)}
	return work{op: func() device.Op { o := op; return &o }, bytes: csrBytes(in.all) - 4*in.all.nnz() + 32*r}
}

func highFraction(in *inputs, a *arena) work {
	op := kernels.HighFraction{X: in.x, Total: in.total, Fraction: 0.05, Flags: a.zero(4 * int64(in.all.cols))}
	return work{
		op:    func() device.Op { o := op; return &o },
		bytes: csrBytes(in.all) + 8*int64(in.all.rows) + 4*int64(in.all.cols),
	}
}

func geneStats(in *inputs, a *arena) work {
	c := int64(in.all.cols)
	op := kernels.GeneStats{X: in.x, Groups: 1, Sum: a.zero(16 * c), Cells: a.zero(8 * c)}
	return work{op: func() device.Op { o := op; return &o }, bytes: csrBytes(in.all) + sums(24*c)}
}

// logOf is the transform of the pipeline: normalised to 10,000 counts, log1p.
func (in *inputs) logOf() kernels.Transform { return kernels.Transform{Scale: in.scale, Log1p: true} }

func moments(in *inputs, a *arena) work {
	c := int64(in.all.cols)
	op := kernels.Moments{X: in.x, T: in.logOf(), Groups: 1, Sum: a.zero(16 * c), SumSq: a.zero(16 * c)}
	return work{op: func() device.Op { o := op; return &o }, bytes: csrBytes(in.all) + 8*int64(in.all.rows) + sums(32*c)}
}

func clippedMoments(in *inputs, a *arena) work {
	c := int64(in.all.cols)
	op := kernels.ClippedMoments{
		X: in.x, Groups: 1, Clip: in.ones, Sum: a.zero(16 * c), SumSq: a.zero(16 * c), Clipped: a.zero(8 * c),
	}
	return work{op: func() device.Op { o := op; return &o }, bytes: csrBytes(in.all) + 8*c + sums(40*c)}
}

func pearsonMoments(in *inputs, a *arena) work {
	c := int64(in.all.cols)
	op := kernels.PearsonMoments{
		X: in.x, Groups: 1, Total: in.total, Share: in.share, Clip: in.clip, Theta: 100,
		Sum: a.zero(16 * c), SumSq: a.zero(16 * c),
	}
	return work{op: func() device.Op { o := op; return &o }, bytes: csrBytes(in.all) + 8*int64(in.all.rows) + 8*c + sums(32*c)}
}

func selection(in *inputs, a *arena) work {
	r, c, s := int64(in.all.rows), int64(in.all.cols), in.sel.nnz()
	op := kernels.Select{X: in.x, Map: in.mapTo, Out: a.room(in.sel.rows, in.sel.cols, in.x.NNZ)}
	return work{
		op:    func() device.Op { o := op; return &o },
		bytes: 8*(r+1) + 4*in.all.nnz() + 4*s + 4*c + 8*(r+1) + 8*s,
	}
}

func values(in *inputs, a *arena) work {
	n := in.all.nnz()
	op := kernels.Values{X: in.x, T: in.logOf(), Out: a.alloc(4 * n)}
	return work{op: func() device.Op { o := op; return &o }, bytes: 16*int64(in.all.rows) + 8 + 4*n + 4*n}
}
