package pack

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gpusc/gpusc/internal/errs"
)

// realistic draws cells as they come from a droplet experiment: a few genes
// are in every cell with counts in the hundreds, most are seldom seen.
func realistic(rows, cols, perRow int, seed uint64) Matrix {
	rng := rand.New(rand.NewPCG(seed, 7))
	rate := make([]float64, cols)
	sum := 0.0
	for i := range rate {
		rate[i] = math.Exp(rng.NormFloat64() * 1.9)
		sum += min(rate[i], 20)
	}
	m := Matrix{Rows: rows, Cols: cols, Indptr: make([]int64, 1, rows+1)}
	for range rows {
		depth := float64(perRow) / sum * 0.8 * math.Exp(rng.NormFloat64()*0.3)
		for g, r := range rate {
			if n := poisson(rng, r*depth); n > 0 {
				m.Indices = append(m.Indices, uint32(g))
				m.Counts = append(m.Counts, uint32(n))
			}
		}
		m.Indptr = append(m.Indptr, int64(len(m.Indices)))
	}
	return m
}

func poisson(rng *rand.Rand, mean float64) int {
	if mean > 30 {
		return int(math.Round(mean + math.Sqrt(mean)*rng.NormFloat64()))
	}
	n, p, limit := 0, rng.Float64(), math.Exp(-mean)
	for p > limit {
		p *= rng.Float64()
		n++
	}
	return n
}

// drawMatrix draws any canonical matrix, small or around the sizes of blocks.
func drawMatrix(t *rapid.T) Matrix {
	m := Matrix{
		Rows: rapid.IntRange(0, 40).Draw(t, "rows"),
		Cols: rapid.SampledFrom([]int{1, 2, 7, 300, 30000, 1 << 20, MaxCols}).Draw(t, "cols"),
		Kind: rapid.Uint8Range(0, 2).Draw(t, "kind"),
	}
	m.Indptr = make([]int64, 1, m.Rows+1)
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	wide := rapid.IntRange(1, 32).Draw(t, "bits")
	share := rapid.Float64Range(0, 1).Draw(t, "share of empty rows")
	longest := min(rapid.SampledFrom([]int{3, 200, 2000}).Draw(t, "longest"), m.Cols)
	for range m.Rows {
		n := rng.IntN(longest + 1)
		if rng.Float64() < share {
			n = 0
		}
		set := map[uint32]bool{}
		for range n {
			set[uint32(rng.IntN(m.Cols))] = true
		}
		at := len(m.Indices)
		for g := range set {
			m.Indices = append(m.Indices, g)
		}
		slices.Sort(m.Indices[at:])
		m.Indptr = append(m.Indptr, int64(len(m.Indices)))
	}
	for range m.Indices {
		switch m.Kind {
		case Counts:
			v := rng.Uint32() >> (32 - rng.IntN(wide+1))
			m.Counts = append(m.Counts, max(v, 1))
		case Float32:
			m.F32 = append(m.F32, math.Float32frombits(rng.Uint32()&0x7f7fffff))
		default:
			m.F64 = append(m.F64, rng.NormFloat64())
		}
	}
	return m
}

// checkIdentity packs and unpacks m with and without assembly and wants the
// same bytes and the same matrix.
func checkIdentity(t rapid.TB, m Matrix) []byte {
	t.Helper()
	fast, slow := &Scratch{}, &Scratch{goOnly: true}
	b, err := Append([]byte("x"), m, fast)
	if err != nil {
		t.Fatal(err)
	}
	b = b[1:]
	if c, err := Append(nil, m, slow); err != nil || !slices.Equal(b, c) {
		t.Fatalf("the twins pack different bytes (%v)", err)
	}
	if n := Bound(int64(m.Rows), m.NNZ(), m.Kind); int64(len(b)) > n {
		t.Fatalf("packed to %d bytes, more than the bound of %d", len(b), n)
	}
	if err := Verify(b); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Scratch{fast, slow} {
		var out Matrix
		if err := Decode(b, &out, s); err != nil {
			t.Fatal(err)
		}
		// Nil and empty slices are the same matrix.
		if !slices.Equal(out.Indptr, m.Indptr) || !slices.Equal(out.Indices, m.Indices) ||
			!slices.Equal(out.Counts, m.Counts) || !slices.Equal(out.F32, m.F32) ||
			!slices.Equal(out.F64, m.F64) || out.Rows != m.Rows || out.Cols != m.Cols || out.Kind != m.Kind {
			t.Fatalf("unpacked differently:\n%s", cmp.Diff(m, out))
		}
	}
	return b
}

func TestIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkIdentity(t, drawMatrix(t)) })
}

// TestSizes goes through the ends of blocks and superblocks.
func TestSizes(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 257, 4095, 4096, 4097, 8192, 12289} {
		m := Matrix{Rows: 2, Cols: 20000, Indptr: []int64{0, int64(n / 3), int64(n)}}
		for i := range n {
			j := i
			if i >= n/3 {
				j = i - n/3
			}
			m.Indices = append(m.Indices, uint32(j)*2)
			m.Counts = append(m.Counts, uint32(1+i%5+i%97/96*1000))
		}
		checkIdentity(t, m)
	}
}

// TestManyRows has more rows than a superblock, most of them empty.
func TestManyRows(t *testing.T) {
	m := Matrix{Rows: 20000, Cols: 100, Indptr: make([]int64, 1)}
	for r := range m.Rows {
		if r%7 == 3 {
			m.Indices = append(m.Indices, uint32(r%100))
			m.Counts = append(m.Counts, uint32(r)+1)
		}
		m.Indptr = append(m.Indptr, int64(len(m.Indices)))
	}
	checkIdentity(t, m)
}

// TestExtremes has the widest values and gaps that there are.
func TestExtremes(t *testing.T) {
	m := Matrix{Rows: 3, Cols: MaxCols, Indptr: []int64{0, 2, 4, 5}}
	m.Indices = []uint32{0, MaxCols - 1, 0, MaxCols - 1, MaxCols - 1}
	m.Counts = []uint32{math.MaxUint32, 1, math.MaxUint32, 1 << 31, 1<<31 - 1}
	checkIdentity(t, m)
	all := Matrix{Rows: 1, Cols: 1000, Indptr: []int64{0, 1000}}
	for i := range 1000 {
		all.Indices = append(all.Indices, uint32(i))
		all.Counts = append(all.Counts, math.MaxUint32-uint32(i%2))
	}
	checkIdentity(t, all)
}

func TestRefuses(t *testing.T) {
	ok := func() Matrix {
		return Matrix{
			Rows: 2, Cols: 10, Indptr: []int64{0, 2, 3}, Indices: []uint32{1, 5, 2}, Counts: []uint32{1, 2, 3},
		}
	}
	for name, c := range map[string]struct {
		change func(*Matrix)
		kind   error
	}{
		"equal indices":    {func(m *Matrix) { m.Indices[1] = 1 }, errs.Data},
		"falling indices":  {func(m *Matrix) { m.Indices[1] = 0 }, errs.Data},
		"index too large":  {func(m *Matrix) { m.Indices[1] = 10 }, errs.Data},
		"count of zero":    {func(m *Matrix) { m.Counts[1] = 0 }, errs.Data},
		"falling pointers": {func(m *Matrix) { m.Indptr[1] = 4 }, errs.Data},
		"negative pointer": {func(m *Matrix) { m.Indptr[1] = -4 }, errs.Data},
		"first not zero":   {func(m *Matrix) { m.Indptr[0] = 1 }, errs.Data},
		"short pointers":   {func(m *Matrix) { m.Indptr = m.Indptr[:2] }, errs.Data},
		"short values":     {func(m *Matrix) { m.Counts = m.Counts[:2] }, errs.Data},
		"short indices":    {func(m *Matrix) { m.Indices = m.Indices[:2] }, errs.Data},
		"kind":             {func(m *Matrix) { m.Kind = 3 }, errs.Limit},
		"columns":          {func(m *Matrix) { m.Cols = MaxCols + 1 }, errs.Limit},
		"rows":             {func(m *Matrix) { m.Rows = -1 }, errs.Limit},
	} {
		m := ok()
		c.change(&m)
		if _, err := Append(nil, m, &Scratch{}); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDamage flips bytes: Verify must see each, and Decode must either see it
// or return a canonical matrix.
func TestDamage(t *testing.T) {
	b := checkIdentity(t, realistic(20, 5000, 400, 3))
	rng := rand.New(rand.NewPCG(1, 2))
	var s Scratch
	var out Matrix
	for range 3000 {
		c := slices.Clone(b)
		i := rng.IntN(len(c))
		if rng.IntN(3) == 0 {
			i = rng.IntN(400) // the tables, more often
		}
		c[i] ^= 1 << rng.IntN(8)
		if Verify(c) == nil {
			t.Fatalf("a flipped bit of byte %d of %d is not seen", i, len(c))
		}
		if err := Decode(c, &out, &s); err == nil {
			wantCanonical(t, &out)
		}
	}
	for n := range len(b) {
		if err := Decode(b[:n], &out, &s); !errors.Is(err, errs.Corrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func wantCanonical(t *testing.T, m *Matrix) {
	t.Helper()
	if m.Indptr[0] != 0 || len(m.Indptr) != m.Rows+1 || int(m.NNZ()) != len(m.Indices) {
		t.Fatal("row pointers do not fit")
	}
	for r := range m.Rows {
		row := m.Indices[m.Indptr[r]:m.Indptr[r+1]]
		for i, g := range row {
			if int(g) >= m.Cols || i > 0 && row[i-1] >= g {
				t.Fatalf("row %d is not canonical: %v", r, row)
			}
		}
	}
	if m.Kind == Counts && slices.Contains(m.Counts, 0) {
		t.Fatal("a count of 0")
	}
}

// TestPlanReused packs different matrices with one scratch, larger and smaller.
func TestPlanReused(t *testing.T) {
	var s Scratch
	for i, perRow := range []int{300, 50, 600} {
		m := realistic(10+i, 3000, perRow, uint64(i))
		p, err := NewPlan(m, &s)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Append(nil)
		if int64(len(got)) != p.Size() || !slices.Equal(got, checkIdentity(t, m)) {
			t.Fatal("a used scratch changes the bytes")
		}
	}
}
