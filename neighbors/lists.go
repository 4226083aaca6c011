package neighbors

import "math"

// A list holds the best candidates of one row as rising keys. A key is the canonical
// value, mapped so that unsigned order is its order, over the place of the candidate
// in the order of ties. That order is total, so a list does not depend on when a
// candidate was offered.

// noKey stands in places not yet filled.
const noKey = ^uint64(0)

// key joins a value and a place.
func key(v float32, place uint32) uint64 {
	if v == 0 {
		v = 0 // minus zero
	}
	b := math.Float32bits(v)
	if b>>31 == 0 {
		b |= 1 << 31
	} else {
		b = ^b
	}
	return uint64(b)<<32 | uint64(place)
}

// value returns the value that key was given.
func value(key uint64) float32 {
	b := uint32(key >> 32)
	if b>>31 == 1 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	return math.Float32frombits(^b)
}

// place returns the place that key was given.
func place(key uint64) uint32 { return uint32(key) }

// insert puts v into the list unless it is too large, and tells whether it did.
func insert(list []uint64, v uint64) bool {
	p := len(list) - 1
	if v >= list[p] {
		return false
	}
	for ; p > 0 && list[p-1] > v; p-- {
		list[p] = list[p-1]
	}
	list[p] = v
	return true
}

// emptyLists returns n lists of k places.
func emptyLists(n, k int) []uint64 {
	l := make([]uint64, n*k)
	clear64(l)
	return l
}

// clear64 empties lists.
func clear64(l []uint64) {
	for i := range l {
		l[i] = noKey
	}
}

// ring returns the place of row j in the list of row i of n: how far j follows i in
// the circle of rows. Ties by the smallest index would send every one of many equal
// rows to the same few, which become hubs; in this order each has the ones after it.
func ring(i, j int32, n int) uint32 {
	if j < i {
		return uint32(int(j) - int(i) + n)
	}
	return uint32(j - i)
}

// unring returns the row at a place of row i's list.
func unring(i int32, place uint32, n int) int32 {
	j := int(i) + int(place)
	if j >= n {
		j -= n
	}
	return int32(j)
}
