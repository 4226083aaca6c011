// Package words compares words, to tell the nearest of those that are known.
package words

import (
	"cmp"
	"slices"
)

// Distance is the number of letters to change, add or drop (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := prev
			if a[i] != b[j] {
				d = 1 + min(prev, row[j], row[j+1])
			}
			prev, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

// Nearest returns the n of the known words that are nearest to s, in the order that
// they are known in.
func Nearest(s string, known []string, n int) []string {
	at := make([]int, len(known))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(Distance(s, known[a]), Distance(s, known[b])) })
	at = at[:min(n, len(at))]
	slices.Sort(at)
	out := make([]string, len(at))
	for i, a := range at {
		out[i] = known[a]
	}
	return out
}
