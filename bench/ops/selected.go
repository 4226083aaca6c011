package ops

import (
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// selectedCases are the operations on selected genes, and unpack. In the formulas G
// is the genes, D the dense columns among them, S the stored values, E those of
// sparse columns, W the width of the accumulator, K the components.
func selectedCases() []oneCase {
	return []oneCase{
		{"dense", "16R + 8S + 16G in; 4RG out", dense},
		{"gramfill", "16R + 8S in; 4RD + 20E + 4R out", gramFill},
		{"grammultiply", "4RD + 20E + 4R in; 4WW + 8W read and written", gramMultiply},
		{"project", "16R + 8S + 8GK in; 4RK out", project},
		{"symmul", "8GG + 64G in; 64G out", symMul},
		{"unpack", "packed bytes in; 8R + 8N out", unpack},
	}
}

// full is room for one number for each gene.
func (in *inputs) full(a *arena, v float64) device.Buffer {
	all := make([]float64, in.sel.cols)
	for i := range all {
		all[i] = v
	}
	return put(a, all)
}

func dense(in *inputs, a *arena) work {
	r, g := int64(in.tile.rows), int64(in.tile.cols)
	op := kernels.Dense{
		X: in.tileX, T: in.logOf(), Rows: in.tile.rows, Mean: in.full(a, 0.5), Std: in.full(a, 1.5),
		Centre: true, Max: 10, Out: a.alloc(4 * r * g),
	}
	return work{op: func() device.Op { o := op; return &o }, bytes: csrBytes(in.tile) + 8*r + 16*g + 4*r*g}
}

// newTile makes room for the tile.
func (in *inputs) newTile(a *arena) kernels.GramTile {
	blocks := (in.tile.rows + kernels.GramBlock - 1) / kernels.GramBlock
	t := kernels.GramTile{
		Rows: blocks * kernels.GramBlock, Genes: in.tile.cols, Hot: in.plan.Hot, NNZ: in.tile.nnz(), Rank: in.rank,
	}
	t.Dense = a.zero(4 * int64(t.Groups()) * int64(t.Rows) * kernels.GramGroup)
	for _, b := range []*device.Buffer{&t.RowIdx, &t.RowVal, &t.ColAt, &t.ColVal, &t.ColPos} {
		*b = a.alloc(4 * t.NNZ)
	}
	t.RowEnd = a.alloc(4 * int64(t.Rows))
	t.ColPtr = a.alloc(4 * int64(blocks) * int64(t.Sparse()+1))
	t.Sum = a.alloc(8 * int64(blocks) * int64(t.Width()))
	return t
}

// entries counts the values of sparse columns: of each row, and in all.
func (in *inputs) entries() (each []int64, all int64) {
	each = make([]int64, in.tile.rows)
	for r := range each {
		for _, g := range in.tile.idx[in.tile.ptr[r]:in.tile.ptr[r+1]] {
			if int(in.plan.Rank[g]) >= in.plan.Hot {
				each[r]++
				all++
			}
		}
	}
	return each, all
}

// tileBytes is what a filled tile holds.
func (in *inputs) tileBytes() int64 {
	_, e := in.entries()
	r := int64(in.tile.rows)
	return 4*r*int64(in.plan.Hot) + 20*e + 4*r
}

func (in *inputs) fill(t kernels.GramTile) *kernels.GramFill {
	return &kernels.GramFill{X: in.tileX, T: in.logOf(), Center: in.centre, Tile: t, Parts: 1}
}

func gramFill(in *inputs, a *arena) work {
	t := in.newTile(a)
	return work{
		op:    func() device.Op { return in.fill(t) },
		bytes: csrBytes(in.tile) + 8*int64(in.tile.rows) + in.tileBytes(),
	}
}

// gramMultiply counts a product and a sum for each pair of values that the
// catalogue's arithmetic has: dense by dense on one side of the diagonal, sparse by
// dense, sparse by sparse in the same row. What fills groups up does not count.
func gramMultiply(in *inputs, a *arena) work {
	t := in.newTile(a)
	w := int64(t.Width())
	op := kernels.GramMultiply{Tile: t, Rows: in.tile.rows, Acc: a.zero(8 * w * w), ColSum: a.zero(8 * w), Parts: 1}
	if a.err == nil {
		a.ok(a.s.Launch(in.fill(t)))
	}
	r, d := int64(in.tile.rows), int64(t.Hot)
	each, e := in.entries()
	pairs := r*d*(d+1)/2 + e*d
	for _, n := range each {
		pairs += n * (n + 1) / 2
	}
	return work{
		op:    func() device.Op { o := op; return &o },
		bytes: in.tileBytes() + sums(4*w*w+8*w), flops: 2 * pairs,
	}
}

func project(in *inputs, a *arena) work {
	const k, stride = 50, 56
	r, g := int64(in.sel.rows), int64(in.sel.cols)
	w := make([]float64, g*stride)
	for i := range w {
		if i%stride < k {
			w[i] = float64(i%7) - 3
		}
	}
	op := kernels.Project{
		X: in.selX, T: in.logOf(), K: k, Stride: stride, W: put(a, w), Offset: a.zero(8 * stride), Out: a.alloc(4 * r * k),
	}
	return work{
		op:    func() device.Op { o := op; return &o },
		bytes: csrBytes(in.sel) + 8*r + 8*g*k + 4*r*k, flops: 2 * in.sel.nnz() * k, double: true,
	}
}

func symMul(in *inputs, a *arena) work {
	g := int64(in.sel.cols)
	op := kernels.SymMul{N: in.sel.cols, A: a.zero(8 * g * g), X: a.zero(8 * g * kernels.SymWidth), Y: a.alloc(8 * g * kernels.SymWidth)}
	return work{
		op:    func() device.Op { o := op; return &o },
		bytes: 8*g*g + 16*g*kernels.SymWidth, flops: 2 * g * g * kernels.SymWidth, double: true,
	}
}

func unpack(in *inputs, a *arena) work {
	m := in.packedMatrix
	op := kernels.Unpack{Packed: in.packed, Bytes: in.packedBytes, X: a.room(m.rows, m.cols, m.nnz())}
	return work{op: func() device.Op { o := op; return &o }, bytes: in.packedBytes + csrBytes(m)}
}
