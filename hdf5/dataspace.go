package hdf5

import (
	"math"
	"math/bits"

	"github.com/gpusc/gpusc/internal/errs"
)

// maxRank is the most dimensions that the format allows.
const maxRank = 32

// space is a dataspace: null, scalar (dims nil) or simple.
type space struct {
	null    bool
	dims    []int64
	maxDims []int64 // -1: unlimited
	len     int64   // elements
}

// decodeSpace reads a dataspace message, versions 1 and 2.
func decodeSpace(b []byte) (space, error) {
	c := &cursor{b: b}
	version, rank, flags := c.u8(), c.u8(), c.u8()
	var s space
	switch version {
	case 1:
		c.skip(5)
	case 2:
		s.null = c.u8() == 2
	default:
		return s, errs.New(errs.Unsupported, "dataspace version %d is not known", version)
	}
	if rank > maxRank {
		return s, errs.New(errs.Corrupt, "dataspace of rank %d", rank)
	}
	if s.null {
		return s, nil
	}
	var over bool
	s.len = 1
	for range rank {
		d := c.u64()
		over = over || d > math.MaxInt64
		s.dims = append(s.dims, int64(d))
		s.len, over = mul(s.len, int64(d), over)
	}
	s.maxDims = s.dims
	if flags&1 != 0 && rank > 0 {
		s.maxDims = make([]int64, rank)
		for i := range s.maxDims {
			d := c.u64()
			s.maxDims[i] = int64(d)
			if d != undef && (d > math.MaxInt64 || int64(d) < s.dims[i]) {
				over = true
			}
		}
	}
	if c.bad {
		return s, errs.New(errs.Corrupt, "dataspace of %d bytes is too short for rank %d", len(b), rank)
	}
	if over {
		return s, errs.New(errs.Corrupt, "dataspace with impossible dimensions %d of at most %d", s.dims, s.maxDims)
	}
	return s, nil
}

// mul multiplies two counts and keeps note of overflow.
func mul(a, b int64, over bool) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return int64(lo), over || hi != 0 || lo > math.MaxInt64
}
