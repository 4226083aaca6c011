package cpu

import (
	"testing"

	"github.com/gpusc/gpusc/kernels"
)

// BenchmarkLaunch is the smallest launch there is: what the queue, the meter and
// the checks cost.
func BenchmarkLaunch(b *testing.B) {
	dev := open(b, Options{})
	s := newQueue(b, dev)
	d, err := dev.Alloc(64, "bench")
	must(b, err)
	op := &kernels.RowStats{X: kernels.CSR{Rows: 1, Indptr: d}, Total: d, Detected: d}
	must(b, s.Clear(d, 0, 64))
	for b.Loop() {
		must(b, s.Launch(op))
		must(b, s.Sync())
	}
	must(b, s.Close())
	d.Free()
	must(b, dev.Close())
}
