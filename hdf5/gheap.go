package hdf5

// globalHeap reads variable-length data. It keeps the collections read last,
// because neighbours in a dataset mostly lie in one collection. It belongs to
// one goroutine.
type globalHeap struct {
	f    *File
	last *collection
	kept []*collection // oldest first
	held int
}

// maxHeld bounds the bytes of collections kept; the newest stays in any case.
const maxHeld = 8 << 20

// collection is one global heap collection ("GCOL").
type collection struct {
	addr uint64
	b    []byte
	objs []heapObj // by index
}

type heapObj struct{ off, n uint32 }

func (h *globalHeap) collection(addr uint64) (*collection, error) {
	if h.last != nil && h.last.addr == addr {
		return h.last, nil
	}
	for _, c := range h.kept {
		if c.addr == addr {
			h.last = c
			return c, nil
		}
	}
	c, err := h.f.readCollection(addr)
	if err != nil {
		return nil, err
	}
	h.last = c
	h.kept = append(h.kept, c)
	h.held += c.cost()
	for h.held > maxHeld && len(h.kept) > 1 {
		h.held -= h.kept[0].cost()
		h.kept = append(h.kept[:0], h.kept[1:]...)
	}
	return c, nil
}

func (c *collection) cost() int { return len(c.b) + 8*len(c.objs) }

// readCollection reads a collection and finds its objects.
func (f *File) readCollection(addr uint64) (*collection, error) {
	h, err := f.src.signed(addr, 16, "GCOL", "global heap", false)
	if err != nil {
		return nil, err
	}
	if h[4] != 1 {
		return nil, unsupported(addr, "global heap version %d is not known", h[4])
	}
	c := &collection{addr: addr}
	if c.b, err = f.src.meta(addr, le.Uint64(h[8:]), "global heap"); err != nil {
		return nil, err
	}
	for pos := 16; len(c.b)-pos >= 16; {
		i, n := int(le.Uint16(c.b[pos:])), le.Uint64(c.b[pos+8:])
		if i == 0 { // the free space, which is last
			break
		}
		if n > uint64(len(c.b)-pos-16) {
			return nil, corrupt(addr+uint64(pos), "global heap object truncated (have %d of %d bytes)", len(c.b)-pos-16, n)
		}
		for len(c.objs) <= i {
			c.objs = append(c.objs, heapObj{})
		}
		c.objs[i] = heapObj{uint32(pos + 16), uint32(n)}
		pos += 16 + int(n+7)&^7
	}
	return c, nil
}

// object gives the n bytes that a variable-length element's 12 byte heap
// reference (address, index) stands for. They alias the collection.
func (h *globalHeap) object(ref []byte, n uint64) ([]byte, error) {
	addr, i := le.Uint64(ref), le.Uint32(ref[8:])
	if n == 0 {
		return nil, nil
	}
	c, err := h.collection(addr)
	if err != nil {
		return nil, err
	}
	if uint64(i) >= uint64(len(c.objs)) || c.objs[i].off == 0 {
		return nil, corrupt(addr, "global heap has no object %d", i)
	}
	o := c.objs[i]
	if n > uint64(o.n) {
		return nil, corrupt(addr, "global heap object %d truncated (have %d of %d bytes)", i, o.n, n)
	}
	return c.b[o.off:][:n:n], nil
}

// sequence gives the bytes of a variable-length element (length, heap
// reference) whose items are of size bytes.
func (h *globalHeap) sequence(elem []byte, size int) ([]byte, error) {
	return h.object(elem[4:], uint64(le.Uint32(elem))*uint64(size))
}
