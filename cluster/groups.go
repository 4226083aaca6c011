package cluster

import "slices"

// groups lists the members of every label.
type groups struct {
	start []int32 // members of c are all[start[c]:start[c+1]]
	all   []int32
}

func newGroups(n int) groups {
	return groups{start: make([]int32, n+2), all: make([]int32, n)}
}

// fill sorts the places of labels, which are in [0, count), by label; members of one
// label rise.
func (s *groups) fill(labels []int32, count int) {
	start := s.start[:count+2]
	clear(start)
	for _, c := range labels {
		start[c+2]++
	}
	for c := range count {
		start[c+2] += start[c+1]
	}
	// start[c+1] is where c begins, and after this loop where it ends.
	for v, c := range labels {
		s.all[start[c+1]] = int32(v)
		start[c+1]++
	}
}

func (s *groups) of(c int32) []int32 { return s.all[s.start[c]:s.start[c+1]] }

// renumber makes labels, which are below len(seen), dense in order of first
// appearance and returns how many there are.
func renumber(labels, seen []int32) int {
	for i := range seen {
		seen[i] = -1
	}
	next := int32(0)
	for i, c := range labels {
		if seen[c] < 0 {
			seen[c] = next
			next++
		}
		labels[i] = seen[c]
	}
	return int(next)
}

// rank makes labels 0 for the largest and so on, ties by the smallest member, and
// returns how many there are.
func rank(labels []int32) int {
	seen := make([]int32, len(labels))
	count := renumber(labels, seen)
	members := make([]int32, count)
	by := make([]int32, count)
	for i := range by {
		by[i] = int32(i)
	}
	for _, c := range labels {
		members[c]++
	}
	slices.SortFunc(by, func(a, b int32) int {
		if d := int(members[b]) - int(members[a]); d != 0 {
			return d
		}
		return int(a - b)
	})
	place := seen[:count]
	for i, c := range by {
		place[c] = int32(i)
	}
	for i, c := range labels {
		labels[i] = place[c]
	}
	return count
}
