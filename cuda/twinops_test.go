//go:build cuda

package cuda

import (
	"math"
	"math/rand/v2"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// twinOp makes operations on a chunk, with all buffers on a side.
type twinOp struct {
	name  string
	needs []string // as Op.Kernel gives them
	most  int64    // genes; 0: any number
	make  func(d *side, c *chunk.Chunk, groups int) []device.Op
}

// twinOps lists the operations of package kernels.
func twinOps() []twinOp {
	ops := []twinOp{
		{"rowstats", []string{"rowstats"}, 0, twinRowStats},
		{"topsums", []string{"topsums"}, 0, twinTopSums},
		{"highfraction", []string{"highfraction"}, 0, twinHighFraction},
		{"genestats", []string{"genestats"}, 0, twinGeneStats},
		{"clippedmoments", []string{"clippedmoments"}, 0, twinClipped},
		{"pearsonmoments", []string{"pearsonmoments"}, 0, twinPearson(100)},
		{"pearsonmoments poisson", []string{"pearsonmoments"}, 0, twinPearson(math.Inf(1))},
		{"select", []string{"select"}, 0, twinSelect},
		{"unpack", []string{"unpack"}, 0, twinUnpack},
		{"dense", []string{"dense"}, 4000, twinDense},
		{"gram", []string{"gramfill", "grammultiply"}, 400, twinGram},
		{"project", []string{"project"}, 4000, twinProject},
	}
	for _, k := range []struct {
		name string
		tr   kernels.Transform
	}{
		{"as they are", kernels.Transform{}},
		{"log1p", kernels.Transform{Log1p: true}},
		{"log1p base 10", kernels.Transform{Log1p: true, LnBase: math.Ln10}},
		{"expm1", kernels.Transform{Expm1: true}},
	} {
		with := func(*side, *chunk.Chunk) kernels.Transform { return k.tr }
		scaled := func(d *side, c *chunk.Chunk) kernels.Transform {
			tr := k.tr
			tr.Scale = put(d, scalesOf(c.Rows))
			return tr
		}
		ops = append(ops,
			twinOp{"moments " + k.name, []string{"moments"}, 0, twinMoments(with)},
			twinOp{"moments scaled " + k.name, []string{"moments"}, 0, twinMoments(scaled)},
			twinOp{"values " + k.name, []string{"values"}, 0, twinValues(with)},
			twinOp{"values scaled " + k.name, []string{"values"}, 0, twinValues(scaled)})
	}
	return ops
}

func scalesOf(n int) []float64 {
	rng := rand.New(rand.NewPCG(uint64(n), 8))
	s := make([]float64, n)
	for i := range s {
		s[i] = math.Exp(6*rng.Float64() - 3)
	}
	return s
}

// groupsOf gives each row a group, or -1; nil with one group.
func groupsOf(d *side, rows, groups int) device.Buffer {
	if groups == 1 {
		return nil
	}
	rng := rand.New(rand.NewPCG(uint64(rows), uint64(groups)))
	g := make([]int32, rows)
	for i := range g {
		g[i] = int32(rng.IntN(groups+1)) - 1
	}
	return put(d, g)
}

func totals(c *chunk.Chunk) []float64 {
	t := make([]float64, c.Rows)
	for r := range t {
		for i := c.Indptr[r]; i < c.Indptr[r+1]; i++ {
			t[r] += c.Value(i)
		}
	}
	return t
}

func twinRowStats(d *side, c *chunk.Chunk, groups int) []device.Op {
	mask, of := make([]uint8, c.Cols), make([]uint32, c.Cols)
	for g := range mask {
		mask[g], of[g] = uint8(g%4), uint32(g)*2654435761
	}
	op := &kernels.RowStats{
		X: d.csr(c), Groups: groups - 1, GroupOf: put(d, of),
		Total: d.result("Total", int64(8*c.Rows*groups)), Detected: d.result("Detected", int64(4*c.Rows)),
	}
	if groups > 1 {
		op.Mask = put(d, mask)
	}
	return []device.Op{op}
}

func twinTopSums(d *side, c *chunk.Chunk, _ int) []device.Op {
	n := []int{0, 1, 50, 100, 500}
	return []device.Op{&kernels.TopSums{X: d.csr(c), N: n, Out: d.result("Out", int64(8*c.Rows*len(n)))}}
}

func twinHighFraction(d *side, c *chunk.Chunk, _ int) []device.Op {
	return []device.Op{&kernels.HighFraction{
		X: d.csr(c), Total: put(d, totals(c)), Fraction: 0.05, Flags: d.sum("Flags", make([]byte, 4*c.Cols)),
	}}
}

func twinGeneStats(d *side, c *chunk.Chunk, groups int) []device.Op {
	n := groups * c.Cols
	return []device.Op{&kernels.GeneStats{
		X: d.csr(c), Group: groupsOf(d, c.Rows, groups), Groups: groups, Sum: d.fixed("Sum", n), Cells: d.counters("Cells", n),
	}}
}

type withTransform func(d *side, c *chunk.Chunk) kernels.Transform

func twinMoments(tr withTransform) func(d *side, c *chunk.Chunk, groups int) []device.Op {
	return func(d *side, c *chunk.Chunk, groups int) []device.Op {
		n := groups * c.Cols
		return []device.Op{&kernels.Moments{
			X: d.csr(c), T: tr(d, c), Group: groupsOf(d, c.Rows, groups), Groups: groups,
			Sum: d.fixed("Sum", n), SumSq: d.fixed("SumSq", n),
		}}
	}
}

func twinValues(tr withTransform) func(d *side, c *chunk.Chunk, groups int) []device.Op {
	return func(d *side, c *chunk.Chunk, _ int) []device.Op {
		return []device.Op{&kernels.Values{X: d.csr(c), T: tr(d, c), Out: d.result("Out", 4*c.NNZ())}}
	}
}

func twinClipped(d *side, c *chunk.Chunk, groups int) []device.Op {
	n := groups * c.Cols
	clip := make([]float64, n)
	for i := range clip {
		clip[i] = [...]float64{1, 2.5, 40, math.Inf(1), -1, 300, 1e6}[i%7]
	}
	return []device.Op{&kernels.ClippedMoments{
		X: d.csr(c), Group: groupsOf(d, c.Rows, groups), Groups: groups, Clip: put(d, clip),
		Sum: d.fixed("Sum", n), SumSq: d.fixed("SumSq", n), Clipped: d.counters("Clipped", n),
	}}
}

func twinPearson(theta float64) func(d *side, c *chunk.Chunk, groups int) []device.Op {
	return func(d *side, c *chunk.Chunk, groups int) []device.Op {
		n := groups * c.Cols
		share, clip := make([]float64, n), make([]float64, groups)
		for i := range share {
			share[i] = float64(1+i%13) / float64(7*c.Cols)
		}
		for i := range clip {
			clip[i] = float64(3 + 40*i)
		}
		total := totals(c)
		for r := range total {
			total[r] = math.Abs(total[r]) + 1
		}
		return []device.Op{&kernels.PearsonMoments{
			X: d.csr(c), Group: groupsOf(d, c.Rows, groups), Groups: groups, Theta: theta,
			Total: put(d, total), Share: put(d, share), Clip: put(d, clip),
			Sum: d.fixed("Sum", n), SumSq: d.fixed("SumSq", n),
		}}
	}
}

// room makes the buffers of a matrix to be written, with room for no more than it
// will hold, as what lies behind means nothing.
func (d *side) room(c *chunk.Chunk, rows, cols int, nnz int64) kernels.CSR {
	x := kernels.CSR{Rows: rows, Cols: cols, NNZ: nnz, Kind: kernels.ValueKind(c.Kind)}
	x.Indptr = d.result("Out.Indptr", 8*int64(rows+1))
	x.Indices, x.Values = d.result("Out.Indices", 4*x.NNZ), d.result("Out.Values", x.Kind.Bytes()*x.NNZ)
	return x
}

func twinSelect(d *side, c *chunk.Chunk, groups int) []device.Op {
	var rows []int32
	for r := range c.Rows {
		if groups == 1 || r%3 != 1 {
			rows = append(rows, int32(r))
		}
	}
	to, cols := make([]int32, c.Cols), 0
	for g := range to {
		to[g] = -1
		if g%5 != 2 {
			to[g] = int32(cols)
			cols++
		}
	}
	return []device.Op{&kernels.Select{X: d.csr(c), RowsOf: put(d, rows), Map: put(d, to), Out: d.room(c, len(rows), cols, staying(c, rows, to))}}
}

// staying counts the values of some rows whose genes stay.
func staying(c *chunk.Chunk, rows, to []int32) (n int64) {
	for _, r := range rows {
		for _, g := range c.Indices[c.Indptr[r]:c.Indptr[r+1]] {
			if to[g] >= 0 {
				n++
			}
		}
	}
	return n
}

func twinUnpack(d *side, c *chunk.Chunk, _ int) []device.Op {
	n := c.NNZ()
	in := pack.Matrix{Rows: c.Rows, Cols: c.Cols, Kind: uint8(c.Kind), Indptr: c.Indptr[:c.Rows+1], Indices: c.Indices[:n]}
	switch c.Kind {
	case chunk.Counts:
		in.Counts = c.Counts[:n]
	case chunk.Float32:
		in.F32 = c.F32[:n]
	default:
		in.F64 = c.F64[:n]
	}
	packed, err := pack.Append(nil, in, &pack.Scratch{})
	d.ok(err)
	return []device.Op{&kernels.Unpack{Packed: put(d, packed), Bytes: int64(len(packed)), X: d.room(c, c.Rows, c.Cols, n)}}
}

// scalingOf gives means and deviations of genes.
func scalingOf(d *side, c *chunk.Chunk) (mean, std device.Buffer) {
	m, s := make([]float64, c.Cols), make([]float64, c.Cols)
	for g := range m {
		m[g], s[g] = 0.3*float64(g%9), 0.1+float64(g%5)
	}
	return put(d, m), put(d, s)
}

func twinDense(d *side, c *chunk.Chunk, groups int) []device.Op {
	rows := min(c.Rows, 200)
	op := &kernels.Dense{
		X: d.csr(c), T: kernels.Transform{Log1p: true, Scale: put(d, scalesOf(c.Rows))}, Row0: c.Rows - rows, Rows: rows,
		Out: d.result("Out", int64(4*rows*c.Cols)),
	}
	if groups > 1 {
		op.Mean, op.Std = scalingOf(d, c)
		op.Centre, op.Max = true, 3
	}
	return []device.Op{op}
}

func twinProject(d *side, c *chunk.Chunk, groups int) []device.Op {
	const k, stride = 5, 8
	w, offset := make([]float64, c.Cols*stride), make([]float64, stride)
	for i := range w {
		if i%stride < k {
			w[i] = math.Sin(float64(i))
			offset[i%stride] += w[i]
		}
	}
	op := &kernels.Project{
		X: d.csr(c), T: kernels.Transform{Log1p: true, Scale: put(d, scalesOf(c.Rows))}, K: k, Stride: stride,
		W: put(d, w), Offset: put(d, offset), Out: d.result("Out", int64(4*k*c.Rows)),
	}
	if groups > 1 {
		op.Mean, op.Std = scalingOf(d, c)
		op.Centre, op.Max = true, 3
	}
	return []device.Op{op}
}

// twinGram fills a tile and multiplies it, in as many parts as there are groups.
func twinGram(d *side, c *chunk.Chunk, groups int) []device.Op {
	rows := (c.Rows/kernels.GramBlock + 1) * kernels.GramBlock
	hot := c.Cols
	if groups > 1 {
		hot = c.Cols / 2 / kernels.GramGroup * kernels.GramGroup
	}
	rank, center := make([]uint32, c.Cols), make([]float64, c.Cols)
	for g := range rank { // sparse ones first
		rank[g], center[g] = uint32((g+hot)%max(c.Cols, 1)), 0.1*float64(g%7)
	}
	n, blocks := c.NNZ(), rows/kernels.GramBlock
	some := func(n int64) device.Buffer { return put(d, make([]byte, n)) }
	tile := kernels.GramTile{
		Rows: rows, Genes: c.Cols, Hot: hot, NNZ: n, Rank: put(d, rank),
		RowIdx: some(4 * n), RowVal: some(4 * n), RowEnd: some(int64(4 * rows)),
		ColAt: some(4 * n), ColVal: some(4 * n), ColPos: some(4 * n),
	}
	tile.Dense = some(int64(4 * tile.Groups() * rows * kernels.GramGroup))
	tile.ColPtr, tile.Sum = some(int64(4*blocks*(tile.Sparse()+1))), some(int64(8*blocks*tile.Width()))
	width, dense := int64(tile.Width()), int64(tile.Groups()*kernels.GramGroup)
	colSum, acc := d.counters("ColSum", int(width)), d.counters("Acc", int(width*width))
	d.outs[len(d.outs)-1].skip = func(i int64) bool { // see kernels.GramMultiply
		row, col := i/width, i%width
		return row > col && (row < dense || col >= dense)
	}
	x, scale := d.csr(c), put(d, scalesOf(c.Rows))
	mean, std := scalingOf(d, c)
	var ops []device.Op
	for p := range groups {
		ops = append(ops, &kernels.GramFill{
			X: x, T: kernels.Transform{Log1p: true, Scale: scale}, Mean: mean, Std: std, Max: 4, Center: put(d, center),
			Tile: tile, Part: p, Parts: groups,
		})
	}
	for p := range groups {
		ops = append(ops, &kernels.GramMultiply{Tile: tile, Rows: c.Rows, Acc: acc, ColSum: colSum, Part: p, Parts: groups})
	}
	return ops
}
