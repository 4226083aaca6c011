package decomp

import (
	"cmp"
	"slices"
)

// sortedDown returns the indices of x from the largest value to the smallest,
// ties by index.
func sortedDown[T cmp.Ordered](x []T) []int32 {
	order := make([]int32, len(x))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(x[b], x[a]) })
	return order
}
