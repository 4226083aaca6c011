package decomp

import (
	"testing"

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
