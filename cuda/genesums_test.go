//go:build cuda

package cuda

import "testing"

// TestOwnWords sees that sums in blocks' own memory are chosen where they can be and
// pay, and that no block is given more than its words can count.
func TestOwnWords(t *testing.T) {
	const h100, optIn = 132, 227 << 10
	for _, k := range []struct {
		name      string
		rows      int
		nnz, sums int64
		ok        bool
		blocks    int64
	}{
		{"a chunk of 20,000 cells", 20000, 40e6, 30000, true, 132},
		{"two groups do not fit", 20000, 40e6, 60000, false, 0},
		{"as much as fits", 200000, 400e6, optIn / 4, true, 132},
		{"one more", 200000, 400e6, optIn/4 + 1, false, 0},
		{"too few values", 20000, 7e6, 30000, false, 0},
		{"few rows", 64, 128e3, 30000, true, 2},
		{"many rows", 1e6, 2e9, 30000, true, 245},
		{"no rows", 0, 0, 30000, false, 0},
		{"no genes", 10, 0, 0, false, 0},
	} {
		o, ok := ownWords(k.rows, k.nnz, k.sums, h100, optIn)
		if ok != k.ok || ok && o.blocks != k.blocks {
			t.Errorf("%s: %v and %d blocks, want %v and %d", k.name, ok, o.blocks, k.ok, k.blocks)
		}
		if ok && (o.each > ownRows || o.each*o.blocks < int64(k.rows) || o.each*(o.blocks-1) >= int64(k.rows) || o.shared > optIn) {
			t.Errorf("%s: %+v", k.name, o)
		}
	}
}

// TestWorthScratch sees that scratch words are taken where a slice has more values
// than there are words, and not more of them than the limit.
func TestWorthScratch(t *testing.T) {
	for _, k := range []struct {
		rows      int
		nnz, sums int64
		ok        bool
	}{
		{20000, 40e6, 30000, true},
		{20000, 29999, 30000, false},
		{20000, 30000, 30000, true},
		{2 * sliceRows, 30000, 30000, false},
		{2 * sliceRows, 60000, 30000, true},
		{20000, 1 << 40, scratchLimit/32 + 1, false},
		{0, 0, 30000, false},
		{5, 0, 0, false},
	} {
		if ok := worthScratch(k.rows, k.nnz, k.sums, 32); ok != k.ok {
			t.Errorf("%+v: %v", k, ok)
		}
	}
}
