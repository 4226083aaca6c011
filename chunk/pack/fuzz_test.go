package pack

import (
	"encoding/binary"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
)

// FuzzUnpack decodes any bytes: no panic, and what is accepted is canonical.
func FuzzUnpack(f *testing.F) {
	var s Scratch
	add := func(m Matrix) {
		b, err := Append(nil, m, &s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(Matrix{Cols: 3})
	add(realistic(3, 400, 60, 1))
	add(Matrix{Rows: 1, Cols: 9, Kind: Float32, Indptr: []int64{0, 1}, Indices: []uint32{4}, F32: []float32{2.5}})
	f.Add([]byte("GPSK"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadHeader(b)
		if err == nil && h.NNZ+int64(h.Rows) > 1<<22 {
			t.Skip("large")
		}
		for _, s := range []*Scratch{{}, {goOnly: true}} {
			var out Matrix
			switch err := Decode(b, &out, s); {
			case err == nil:
				wantCanonical(t, &out)
			case !errors.Is(err, errs.Corrupt) && !errors.Is(err, errs.Unsupported):
				t.Fatal(err)
			}
		}
		_ = Verify(b)
		if err == nil && h.Cols < 1<<16 {
			genes, k := drawGenes(h.Cols, 0.3, 1)
			var some Matrix
			if DecodeSelect(b, genes, k, &some, new(Scratch)) == nil {
				wantCanonical(t, &some)
			}
		}
	})
}

// FuzzPack packs any matrix and unpacks it again.
func FuzzPack(f *testing.F) {
	f.Add([]byte("01234567"))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<63))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { checkIdentity(t, drawMatrix(t)) }))
}
