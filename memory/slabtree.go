package memory

// tree holds free runs by size, and by address among those of one size. It is a
// treap: a search tree by that order and a heap by a hash of the address, so
// that its depth is O(log runs) for any order of inserts, and the same runs
// always make the same tree.
type tree struct{ root *seg }

// node is a segment's place in a tree.
type node struct {
	left, right *seg
	prio        uint64
}

func newSeg(addr uint64, n int64) *seg {
	// The mix of splitmix64: neighbours in address get unlike priorities.
	h := addr + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return &seg{addr: addr, n: n, node: node{prio: h ^ h>>31}}
}

func less(a, b *seg) bool { return a.n < b.n || a.n == b.n && a.addr < b.addr }

// ceil returns the smallest run of at least n bytes, nil for none.
func (t *tree) ceil(n int64) *seg {
	var best *seg
	for x := t.root; x != nil; {
		if x.n >= n {
			best, x = x, x.left
		} else {
			x = x.right
		}
	}
	return best
}

func (t *tree) insert(x *seg) {
	at := &t.root
	for *at != nil && (*at).prio >= x.prio {
		at = (*at).side(x)
	}
	// x takes the place of the rest of the tree, which is split around it.
	rest := *at
	*at = x
	l, r := &x.left, &x.right
	for rest != nil {
		if less(rest, x) {
			*l, l, rest = rest, &rest.right, rest.right
		} else {
			*r, r, rest = rest, &rest.left, rest.left
		}
	}
	*l, *r = nil, nil
}

// remove takes x out. Its size must be what it was at insert.
func (t *tree) remove(x *seg) {
	at := &t.root
	for *at != x {
		if *at == nil {
			return
		}
		at = (*at).side(x)
	}
	// The two sides of x are merged into its place.
	a, b := x.left, x.right
	for a != nil && b != nil {
		if a.prio >= b.prio {
			*at, at, a = a, &a.right, a.right
		} else {
			*at, at, b = b, &b.left, b.left
		}
	}
	if a == nil {
		a = b
	}
	*at = a
	x.left, x.right = nil, nil
}

// side returns the child of y under which x belongs.
func (y *seg) side(x *seg) **seg {
	if less(x, y) {
		return &y.left
	}
	return &y.right
}
