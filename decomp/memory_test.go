package decomp

import (
	"testing"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/cpu"
	"github.com/gpusc/gpusc/memory"
)

func TestGramMemory(t *testing.T) {
	for _, genes := range []int{10, 300, 700} {
		for _, streams := range []int{1, 2, 8} {
			c := generate(31, 9000, genes, float64(genes)/12, TileRows(genes))
			for _, hot := range []int{0, genes} {
				ledger := memory.New(0)
				c.run(t, Values{}, hot, streams, cpu.Options{Ledger: ledger})
				if peak, need := ledger.Peak(), GramMemory(genes, streams); peak > need || need > 20*peak+1<<20 {
					t.Errorf("%d genes, %d streams, hot %d: used %d bytes, %d foreseen", genes, streams, hot, peak, need)
				}
				if ledger.Used(memory.Host)+ledger.Used(memory.Pinned) != 0 {
					t.Errorf("leaks: %v", ledger.Leaks())
				}
			}
		}
	}
}

func TestGramDeviceMemory(t *testing.T) {
	for _, genes := range []int{10, 300, 700} {
		c := generate(32, 9000, genes, float64(genes)/12, TileRows(genes))
		c.kind = chunk.Counts
		for _, c.packed = range []bool{false, true} {
			for _, hot := range []int{0, genes} {
				ledger := memory.New(0)
				c.run(t, Values{}, hot, 2, cpu.Options{Ledger: ledger, Apart: true})
				host, dev := GramDeviceMemory(genes, 2, 2)
				if peak := ledger.PeakOf(memory.Device); peak > dev || dev > 20*peak+1<<20 {
					t.Errorf("%d genes, packed %v, hot %d: used %d bytes of the device, %d foreseen", genes, c.packed, hot, peak, dev)
				}
				if peak := ledger.Peak(); peak > host || !c.packed && host > 20*peak+1<<20 {
					t.Errorf("%d genes, packed %v, hot %d: used %d bytes of the host, %d foreseen", genes, c.packed, hot, peak, host)
				}
				if l := ledger.Leaks(); len(l) != 0 {
					t.Errorf("leaks: %v", l)
				}
			}
		}
	}
}
