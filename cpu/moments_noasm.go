//go:build !amd64

package cpu

// addTerms is addTermsGo; see there.
func addTerms(acc []lanes, t *termTable, idx, val []uint32) int {
	return addTermsGo(acc, t, idx, val)
}
