package devicetest

import (
	"errors"
	"testing"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

func testUnpack(t *testing.T, r *rig) {
	ms := append(matrices(what{huge: true, negative: true}),
		generate("several superblocks", 300, 400, kernels.Counts, 0.2, true, anyCount))
	for _, m := range ms {
		t.Run(m.name, func(t *testing.T) {
			defer r.release()
			unpackCase(t, r, m)
		})
	}
}

func unpackCase(t *testing.T, r *rig, m *matrix) {
	in := pack.Matrix{
		Rows: m.rows, Cols: m.cols, Kind: uint8(m.kind),
		Indptr: m.ptr, Indices: m.idx, Counts: m.u32, F32: m.f32, F64: m.f64,
	}
	packed, err := pack.Append(nil, in, &pack.Scratch{})
	r.ok(err)
	for _, spare := range []int64{0, 5} { // room for more values than there are
		out := kernels.CSR{
			Rows: m.rows, Cols: m.cols, NNZ: m.nnz() + spare, Kind: m.kind,
			Indptr: r.alloc(int64(8 * (m.rows + 1))), Indices: r.alloc(4 * (m.nnz() + spare)),
			Values: r.alloc(m.kind.Bytes() * (m.nnz() + spare)),
		}
		op := &kernels.Unpack{Packed: up(r, packed), Bytes: int64(len(packed)), X: out}
		r.run(op)
		sameMatrix(t, r, out, m)

		short := *op
		short.Bytes -= 64
		if err := r.fails(&short); !errors.Is(err, errs.Corrupt) {
			t.Errorf("a packed chunk that ends early: %v, want an errs.Corrupt error", err)
		}
		wide := *op
		wide.X.Cols++
		if r.fails(&wide) == nil {
			t.Error("no error for another number of genes")
		}
		if m.nnz() > 0 {
			small := *op
			small.X.NNZ = m.nnz() - 1
			if r.fails(&small) == nil {
				t.Error("no error when X has too little room")
			}
		}
	}
}
