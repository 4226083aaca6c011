//go:build cuda

package cuda

import (
	"testing"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// TestFarPlaces adds up for so many groups that a sum's place does not fit 32 bits.
// Only a few bytes of the sums are touched.
func TestFarPlaces(t *testing.T) {
	const genes, groups = 1 << 16, 1<<16 + 3
	o := testOptions()
	o.Debug = false // it would fill all
	b, err := Open(0, o)
	if err != nil {
		t.Skipf("no device: %v", err)
	}
	defer func() { ok(t, b.Close()) }()
	if b.Info().Memory < 110e9 {
		t.Skipf("the device has %d bytes of memory, 110 GB are needed", b.Info().Memory)
	}
	group := []int32{groups - 1, 0, groups / 2, 7, groups - 3}
	x := kernels.CSR{Rows: len(group), Cols: genes, NNZ: int64(len(group)), Kind: kernels.Counts}
	x.Indptr = fill(t, b, []int64{0, 1, 2, 3, 4, 5})
	x.Indices = fill(t, b, []uint32{genes - 1, 0, 1, 2, 3})
	x.Values = fill(t, b, []uint32{1, 2, 3, 4, 5})
	of := fill(t, b, group)
	sum, err := b.Alloc(16*genes*groups, "sums")
	ok(t, err)
	cells, err := b.Alloc(8*genes*groups, "cells")
	ok(t, err)
	s, err := b.Stream()
	ok(t, err)
	place := func(row int) int64 { return int64(group[row])*genes + []int64{genes - 1, 0, 1, 2, 3}[row] }
	for row := range group {
		ok(t, s.Clear(sum, 16*place(row), 16))
		ok(t, s.Clear(cells, 8*place(row), 8))
	}
	ok(t, s.Launch(&kernels.GeneStats{X: x, Groups: groups, Group: of, Sum: sum, Cells: cells}))
	h, err := b.HostAlloc(24*5, "test")
	ok(t, err)
	for row := range group {
		ok(t, s.Download(h, int64(16*row), sum, 16*place(row), 16))
		ok(t, s.Download(h, int64(80+8*row), cells, 8*place(row), 8))
	}
	ok(t, s.Close())
	sums := unsafe.Slice((*kernels.Fixed)(unsafe.Pointer(&h.Bytes()[0])), 5)
	counts := unsafe.Slice((*uint64)(unsafe.Pointer(&h.Bytes()[80])), 5)
	for row := range group {
		if sums[row] != (kernels.Fixed{Hi: int64(row + 1)}) || counts[row] != 1 {
			t.Errorf("group %d: sum %v of %d cells, want %d of 1", group[row], sums[row], counts[row], row+1)
		}
	}
	for _, k := range []device.Buffer{x.Indptr, x.Indices, x.Values, of, sum, cells} {
		k.Free()
	}
	h.Free()
}
