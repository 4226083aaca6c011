package pack

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
)

// selectPlain is DecodeSelect the plain way.
func selectPlain(m *Matrix, genes []int32, cols int) Matrix {
	out := Matrix{Rows: m.Rows, Cols: cols, Kind: m.Kind, Indptr: make([]int64, 1)}
	for r := range m.Rows {
		for i := m.Indptr[r]; i < m.Indptr[r+1]; i++ {
			g := genes[m.Indices[i]]
			if g < 0 {
				continue
			}
			out.Indices = append(out.Indices, uint32(g))
			switch m.Kind {
			case Counts:
				out.Counts = append(out.Counts, m.Counts[i])
			case Float32:
				out.F32 = append(out.F32, m.F32[i])
			default:
				out.F64 = append(out.F64, m.F64[i])
			}
		}
		out.Indptr = append(out.Indptr, int64(len(out.Indices)))
	}
	return out
}

// drawGenes keeps each of n columns with a chance, and returns how many.
func drawGenes(n int, share float64, seed uint64) ([]int32, int) {
	rng := rand.New(rand.NewPCG(seed, 3))
	genes, k := make([]int32, n), 0
	for i := range genes {
		genes[i] = -1
		if rng.Float64() < share {
			genes[i] = int32(k)
			k++
		}
	}
	return genes, k
}

func TestDecodeSelect(t *testing.T) {
	var s Scratch
	var out Matrix // used again and again
	rapid.Check(t, func(t *rapid.T) {
		m := drawMatrix(t)
		if m.Cols > 30000 {
			t.Skip("many columns")
		}
		genes, k := drawGenes(m.Cols, rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "share"), 1)
		b, err := Append(nil, m, &s)
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeSelect(b, genes, k, &out, &s); err != nil {
			t.Fatal(err)
		}
		got := out
		switch m.Kind { // slices of other kinds are left from before
		case Counts:
			got.F32, got.F64 = nil, nil
		case Float32:
			got.Counts, got.F64 = nil, nil
		default:
			got.Counts, got.F32 = nil, nil
		}
		if d := cmp.Diff(selectPlain(&m, genes, k), got, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func TestDecodeSelectRefuses(t *testing.T) {
	var s Scratch
	b := checkIdentity(t, realistic(5, 300, 50, 1))
	up := make([]int32, 300)
	for i := range up {
		up[i] = int32(i)
	}
	down := slices.Clone(up)
	slices.Reverse(down)
	for name, err := range map[string]error{
		"too few":   DecodeSelect(b, up[:299], 300, &Matrix{}, &s),
		"too large": DecodeSelect(b, up, 299, &Matrix{}, &s),
		"falling":   DecodeSelect(b, down, 300, &Matrix{}, &s),
	} {
		if !errors.Is(err, errs.Usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range len(b) {
		if err := DecodeSelect(b[:n], up, 300, &Matrix{}, &s); !errors.Is(err, errs.Corrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// BenchmarkDecodeSelect keeps 2,000 of 28,000 genes; Gv/s as in BenchmarkDecode.
func BenchmarkDecodeSelect(b *testing.B) {
	m := realistic(500, 28000, 2000, 1)
	genes, k := drawGenes(m.Cols, 2.0/28, 2)
	var s Scratch
	p, err := Append(nil, m, &s)
	if err != nil {
		b.Fatal(err)
	}
	var out Matrix
	b.Run("fused", func(b *testing.B) {
		for b.Loop() {
			if err := DecodeSelect(p, genes, k, &out, &s); err != nil {
				b.Fatal(err)
			}
		}
		report(b, &m, len(p))
	})
	b.Run("after", func(b *testing.B) {
		for b.Loop() {
			if err := Decode(p, &out, &s); err != nil {
				b.Fatal(err)
			}
			selectPlain(&out, genes, k)
		}
		report(b, &m, len(p))
	})
}
