package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// ChunkInfo is where one stored chunk is.
type ChunkInfo struct {
	Offset []int64 // first element along each axis
	Addr   uint64  // place in the file
	Stored uint64  // bytes in the file
	Mask   uint32  // bit i set: filter i was skipped
}

// NumChunks is the number of chunks that are stored; places of the grid that
// were never written have none. It loads the chunk index when first called.
// A dataset that is not chunked has 0: read it with ReadRows.
func (d *Dataset) NumChunks() (int, error) {
	ix, err := d.load()
	if err != nil {
		return 0, err
	}
	return len(ix.addr), nil
}

// ChunkBytes is the decoded size of a chunk, the same for all, also for those
// that reach beyond the dataset's extent; 0 if the dataset is not chunked.
func (d *Dataset) ChunkBytes() int64 { return d.chunkBytes }

// Chunk describes stored chunk i, 0 <= i < NumChunks, in row-major order of
// the grid. It panics if NumChunks was not asked first or i is out of range.
func (d *Dataset) Chunk(i int) ChunkInfo {
	ix, err := d.load()
	if err != nil {
		panic("hdf5: Chunk before a NumChunks that succeeded")
	}
	return ChunkInfo{Offset: d.offset(ix, i), Addr: ix.addr[i], Stored: ix.stored(i), Mask: ix.skipped(i)}
}

// offset gives the first element of chunk i along each axis.
func (d *Dataset) offset(ix *chunkIndex, i int) []int64 {
	off := make([]int64, len(ix.grid))
	p := ix.place(i)
	for k := len(off) - 1; k >= 0; k-- {
		g := uint64(ix.grid[k])
		off[k] = int64(p%g) * d.at.chunk[k]
		p /= g
	}
	return off
}

// FindChunk gives the stored chunk that holds element row of a 1-D dataset;
// -1 if none does, so that the element has the fill value.
func (d *Dataset) FindChunk(row int64) int { return d.FindChunkAt([]int64{row}) }

// FindChunkAt gives the stored chunk that holds an element, -1 if none does.
func (d *Dataset) FindChunkAt(element []int64) int {
	ix, err := d.load()
	if err != nil || len(element) != len(ix.grid) {
		return -1
	}
	var p uint64
	for k, e := range element {
		if e < 0 || e >= d.space.dims[k] {
			return -1
		}
		p = p*uint64(ix.grid[k]) + uint64(e/d.at.chunk[k])
	}
	return ix.at(p)
}

// RawChunk reads the stored bytes of chunk i, without decoding them, into dst
// if it is large enough, and returns them.
func (d *Dataset) RawChunk(i int, dst []byte) ([]byte, error) {
	ix, err := d.chunkAt(i)
	if err != nil {
		return nil, err
	}
	n := ix.stored(i)
	dst = grow(dst, int64(n))
	return dst, d.fail(chunkError(i, d.f.src.data(dst, ix.addr[i], "chunk")))
}

// chunkAt gives the index, having checked that it has chunk i.
func (d *Dataset) chunkAt(i int) (*chunkIndex, error) {
	ix, err := d.load()
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(ix.addr) {
		return nil, d.fail(errs.New(errs.Usage, "there is no chunk %d among %d", i, len(ix.addr)))
	}
	return ix, nil
}

// grow gives a slice of n bytes, b's memory if it is large enough.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}
