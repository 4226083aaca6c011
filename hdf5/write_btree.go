package hdf5

// chunkRef is a stored chunk: its place among all chunks in row-major order,
// and where its bytes are.
type chunkRef struct {
	index int64
	addr  int64
	size  uint32
	mask  uint32
}

// offset appends the chunk's first element, axis by axis, moved on by step
// chunks along every axis.
func (d *DatasetWriter) offset(b []byte, index, step int64) []byte {
	at := make([]int64, len(d.dims))
	for i := len(d.dims) - 1; i > 0; i-- {
		n := (d.dims[i] + d.chunk[i] - 1) / d.chunk[i]
		at[i] = index % n
		index /= n
	}
	at[0] = index
	for i, x := range at {
		b = le.AppendUint64(b, uint64((x+step)*d.chunk[i]))
	}
	return b
}

// writeIndex writes the version 1 B-tree over the chunks, which stand in
// row-major order, and returns the address of its root.
func (d *DatasetWriter) writeIndex() (uint64, error) {
	if len(d.chunks) == 0 {
		return undef, nil
	}
	width := 2 * d.w.trees.chunkK
	keyLen := 8 + 8*(len(d.dims)+1)
	nodeLen := 24 + width*(keyLen+8) + keyLen
	level := d.chunks
	for depth := byte(0); ; depth++ {
		count := (len(level) + width - 1) / width
		base := d.w.space.alloc(int64(count) * int64(nodeLen))
		up := make([]chunkRef, 0, count)
		for i := range count {
			part := level[i*width : min((i+1)*width, len(level))]
			left, right := undef, undef
			if i > 0 {
				left = uint64(base) + uint64((i-1)*nodeLen)
			}
			b := append(make([]byte, 0, nodeLen), "TREE\x01"...)
			b = append(b, depth)
			b = le.AppendUint16(b, uint16(len(part)))
			b = le.AppendUint64(b, left)
			if i < count-1 {
				right = uint64(base) + uint64((i+1)*nodeLen)
			}
			b = le.AppendUint64(b, right)
			for _, c := range part {
				b = d.chunkKey(b, c, 0)
				b = le.AppendUint64(b, uint64(c.addr))
			}
			if i < count-1 {
				b = d.chunkKey(b, level[(i+1)*width], 0)
			} else {
				last := d.chunks[len(d.chunks)-1]
				b = d.chunkKey(b, chunkRef{index: last.index}, 1)
			}
			at := base + int64(i*nodeLen)
			if err := d.w.space.write(at, padTo(b, nodeLen)); err != nil {
				return 0, err
			}
			up = append(up, chunkRef{index: part[0].index, addr: at, size: part[0].size, mask: part[0].mask})
		}
		if count == 1 {
			return uint64(base), nil
		}
		level = up
	}
}

// chunkKey appends a key: stored size, filters left out, offset.
func (d *DatasetWriter) chunkKey(b []byte, c chunkRef, step int64) []byte {
	b = le.AppendUint32(b, c.size)
	b = le.AppendUint32(b, c.mask)
	return le.AppendUint64(d.offset(b, c.index, step), 0)
}
