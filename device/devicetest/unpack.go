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
		// Neither exceptions nor the end of the genes tell of what is wrong here.
		generate("damaged", 2000, 3000, kernels.Counts, 0.003, true, func(r *rand.Rand) float64 { return float64(1 + r.IntN(4)) }),
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
	starts := []int64{0, h.Lens, h.Idx, h.Vals} // of the header and the tables
	refused, same := 0, 0
	for k := range int64(200) {
		bad := bytes.Clone(packed)
		at, by := rng.Int64N(h.Size), byte(1+rng.IntN(255))
		if k < 128 { // the first 32 bytes of each start
			at, by = starts[k/32]+k%32, byte(1)
		} else if k < 160 {
			at = starts[k%4] + rng.Int64N(48)
		}
		bad[at] ^= by
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
