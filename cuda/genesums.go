//go:build cuda

package cuda

import (
	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/internal/errs"
)

// geneSums is what the operations have in common that add up over rows for each
// group and gene; kernels/genesums.cuh says how.
type geneSums struct {
	csr
	group  ptr
	groups int
	sums   int64 // groups*cols
}

func (c *check) geneSums(m csr, group ptr, groups int) geneSums {
	return geneSums{csr: m, group: group, groups: groups, sums: c.product(groups, m.cols, "Sum")}
}

// rowArgs are the parameters that describe rows [from, to).
func (g *geneSums) rowArgs(from, to int) []any {
	return []any{g.indptr, g.indices, g.values, from, to, g.cols, g.nnz, g.group, g.groups}
}

// sliceRows is how many rows are added to scratch words between two flushes; SLICE of
// kernels/genesums.cuh. It bounds what the words' narrow fields can reach.
const sliceRows = 1 << 16

// scratchLimit is the most scratch memory for words that an operation asks for.
// More would not stay in any L2 cache anyway.
const scratchLimit = 1 << 30

// worthScratch tells whether rows with that many values in all are worth scratch words
// for that many sums: words are filled with zeros before, and flushed after, each
// slice, which a slice with fewer values than words does not pay for.
func worthScratch(rows int, nnz, sums, bytes int64) bool {
	slices := (int64(rows) + sliceRows - 1) / sliceRows
	return sums > 0 && sums <= scratchLimit/bytes && nnz/max(slices, 1) >= sums
}

// inSlices queues walk for each slice of the rows. Where it pays, and there is memory,
// walk is given scratch words of so many bytes a sum, zero at first, and flush follows
// it; else words is 0 and there is nothing to flush. The sums have the same bits.
func (s *stream) inSlices(g *geneSums, bytes int64, walk func(from, to int, words ptr) error, flush func(words ptr) error) error {
	var words ptr
	if worthScratch(g.rows, g.nnz, g.sums, bytes) {
		var err error
		if words, err = s.scratch(g.sums * bytes); err != nil {
			if s.err != nil {
				return err
			}
			words = 0 // the device is full
		}
	}
	if words == 0 {
		return walk(0, g.rows, 0)
	}
	for from := 0; from < g.rows; from += sliceRows {
		if err := s.set(words, 0, g.sums*bytes); err != nil {
			return err
		}
		if err := walk(from, min(from+sliceRows, g.rows), words); err != nil {
			return err
		}
		if err := flush(words); err != nil {
			return err
		}
	}
	return nil
}

// inPairs is inSlices for operations with records of two sums: kernel <stem>_<kind>
// with parameters args between those of the rows and (words, sum, sq, more...), and
// kernel <stem>_flush.
func (s *stream) inPairs(g *geneSums, stem string, args []any, sum, sq ptr, more ...any) error {
	return s.inSlices(g, 32, func(from, to int, words ptr) error {
		a := append(append(g.rowArgs(from, to), args...), words, sum, sq)
		return s.launch(stem, stem+"_"+g.suffix(), warps(to-from), append(a, more...)...)
	}, func(words ptr) error {
		return s.launch(stem, stem+"_flush", threads(g.sums), words, g.sums, sum, sq)
	})
}

// multiprocessors returns how many the device has, and how much shared memory a block
// can be given.
func (s *stream) multiprocessors() (n, shared int, err error) {
	const optIn cu.DeviceAttribute = 97 // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
	if n, err = s.b.ctx.dev.Attribute(cu.MultiprocessorCount); err == nil {
		shared, err = s.b.ctx.dev.Attribute(optIn)
	}
	if err != nil {
		return 0, 0, tell(s.b.name, "cannot be asked for its multiprocessors", fromCu(err))
	}
	if n < 1 {
		return 0, 0, errs.New(errs.Resource, "%s says that it has %d multiprocessors", s.b.name, n)
	}
	return n, max(shared, sharedLimit), nil
}
