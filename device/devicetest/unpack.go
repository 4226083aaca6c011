package devicetest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

func testUnpack(t *testing.T, r *rig) {
	ms := append(matrices(what{huge: true, negative: true}),
		generate("several superblocks", 300, 400, kernels.Counts, 0.2, true, anyCount),
		generate("many rows", 9000, 20, kernels.Counts, 0.1, true, smallCount),
		generate("several superblocks", 90, 200, kernels.Float64, 0.7, true, positive64))
	for _, m := range ms {
		t.Run(m.name, func(t *testing.T) {
			defer r.release()
			unpackCase(t, r, m)
		})
	}
	for _, m := range []*matrix{
		generate("damaged", 5000, 40, kernels.Counts, 0.06, true, anyCount),
		generate("damaged", 40, 100, kernels.Float32, 0.3, true, signed),
	} {
		t.Run(m.name, func(t *testing.T) { unpackDamaged(t, r, m) })
	}
}

// packed returns m as a packed chunk.
func (m *matrix) packed(r *rig) []byte {
	in := pack.Matrix{
		Rows: m.rows, Cols: m.cols, Kind: uint8(m.kind),
		Indptr: m.ptr, Indices: m.idx, Counts: m.u32, F32: m.f32, F64: m.f64,
	}
	packed, err := pack.Append(nil, in, &pack.Scratch{})
	r.ok(err)
	return packed
}

// unpackDamaged changes one byte at a time. What pack.Decode refuses must be an
// error; of the rest a backend may refuse more, but not unpack it to something else.
func unpackDamaged(t *testing.T, r *rig, m *matrix) {
	rng := rand.New(rand.NewPCG(7, uint64(m.kind)))
	packed := m.packed(r)
	h, err := pack.ReadHeader(packed)
	r.ok(err)
	starts := []int64{0, 16, 24, 40, h.Lens, h.Lens + 8, h.Idx, h.Idx + 8, h.Vals, h.Vals + 8}
	refused, same := 0, 0
	for range 150 {
		bad := bytes.Clone(packed)
		at := rng.Int64N(h.Size) // anywhere, or in header and tables
		if rng.IntN(3) > 0 {
			at = min(starts[rng.IntN(len(starts))]+rng.Int64N(16), h.Size-1)
		}
		bad[at] ^= byte(1 + rng.IntN(255))
		out := kernels.CSR{
			Rows: m.rows, Cols: m.cols, NNZ: m.nnz(), Kind: m.kind,
			Indptr: r.alloc(int64(8 * (m.rows + 1))), Indices: r.alloc(4 * m.nnz()), Values: r.alloc(m.kind.Bytes() * m.nnz()),
		}
		var want pack.Matrix
		wantErr := pack.Decode(bad, &want, &pack.Scratch{})
		ok := wantErr == nil && want.Rows == m.rows && want.Cols == m.cols && want.Kind == uint8(m.kind) && want.NNZ() <= m.nnz()
		err := r.fails(&kernels.Unpack{Packed: up(r, bad), Bytes: h.Size, X: out})
		switch {
		case err != nil && !ok:
			refused++
		case err == nil && ok:
			same++
			sameMatrix(t, r, out, &matrix{
				rows: want.Rows, kind: m.kind, ptr: want.Indptr, idx: want.Indices, u32: want.Counts, f32: want.F32, f64: want.F64,
			})
		case err == nil:
			t.Fatalf("byte %d is %d, not %d: no error, want %v", at, bad[at], packed[at], wantErr)
		}
		r.release()
	}
	if refused < 20 || same < 10 {
		t.Errorf("%d damaged chunks were refused and %d unpacked: too few to tell", refused, same)
	}
}

func unpackCase(t *testing.T, r *rig, m *matrix) {
	packed := m.packed(r)
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
