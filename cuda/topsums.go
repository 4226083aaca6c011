//go:build cuda

package cuda

import (
	"math/bits"

	"github.com/gpusc/gpusc/kernels"
)

// Sizes that kernels/topsums.cu knows too.
const (
	topSizes  = 8    // sums of a launch
	topSorted = 2048 // keys sorted without scratch memory
)

// Bounds of the scratch memory for sorting, and of the blocks that share it.
const (
	topScratch = 256 << 20
	topBlocks  = 1024
)

func topSums(s *stream, op *kernels.TopSums) error {
	c := check{s: s}
	m := c.csr(op.X, "X")
	last := 0
	for i, n := range op.N {
		if n < last {
			c.fail("N[%d] is %d; N must rise from 0", i, n)
		}
		last = n
	}
	k := len(op.N)
	out := c.need(op.Out, c.product(m.rows, k, "Out"), 8, "Out")
	if c.err != nil || k == 0 || m.rows == 0 {
		return c.err
	}
	// No row has more values than this, and no sum takes more.
	most := min(int64(last), int64(m.cols), m.nnz)
	for at := 0; at < k; at += topSizes {
		n := op.N[at:min(at+topSizes, k)]
		args := []any{m.indptr, m.values, m.rows, m.nnz, k, out + ptr(8*at), len(n)}
		for i := range topSizes {
			args = append(args, n[min(i, len(n)-1)])
		}
		var err error
		// That many counts add up to 2^53 at most, in any order to the same bits.
		if m.kind == kernels.Counts && most <= 1<<21 {
			err = s.launch("topsums", "topsums_u32", warps(m.rows), args...)
		} else {
			err = topSort(s, &m, most, args)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// topSort queues the sums that have an order.
func topSort(s *stream, m *csr, most int64, args []any) error {
	blocks, keys := int64(m.rows), int64(0)
	var scratch ptr
	if most > topSorted {
		keys = 1 << bits.Len64(uint64(most-1))
		blocks = min(blocks, topBlocks, max(topScratch/(8*keys), 1))
		var err error
		if scratch, err = s.scratch(8 * keys * blocks); err != nil {
			return err
		}
	}
	return s.launch("topsums", "topsums_sorted_"+m.suffix(), line(blocks, 128), append(args, scratch, keys)...)
}
