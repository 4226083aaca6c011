package cpu

import "golang.org/x/sys/cpu"

// addTerms is addTermsGo; see there.
func addTerms(acc []lanes, t *termTable, idx, val []uint32) int {
	if !cpu.X86.HasAVX2 || len(idx) == 0 || len(acc) == 0 {
		return addTermsGo(acc, t, idx, val)
	}
	return addTermsAVX2(&acc[0], len(acc), t, t.epoch, &idx[0], &val[:len(idx)][0], len(idx))
}

// addTermsAVX2 adds to acc[cols] the entries of n values:
//
//	for i := range n {
//		if idx[i] >= cols || val[i] >= 64 || t.stamp[val[i]] != epoch {
//			return i
//		}
//		acc[idx[i]] += t.lanes[val[i]]
//	}
//
// The four lanes are one 32-byte addition; there are no carries between them.
//
//go:noescape
func addTermsAVX2(acc *lanes, cols int, t *termTable, epoch uint32, idx, val *uint32, n int) int
