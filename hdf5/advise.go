package hdf5

import "os"

// mostAhead bounds what is read ahead at once.
const mostAhead = 64 << 20

// WillNeed tells the system that elements [lo, hi) of a 1-D chunked dataset will
// be read soon, so that the disk works while the processor decodes. It is a hint:
// it returns at once and has no effect where it cannot help.
func (d *Dataset) WillNeed(lo, hi int64) {
	f, ok := d.f.closer.(*os.File)
	if !ok || hi <= lo || len(d.Dims()) != 1 || d.Layout().Class != Chunked {
		return
	}
	a, b := d.FindChunk(lo), d.FindChunk(hi-1)
	if a < 0 || b < 0 {
		return
	}
	first, last := d.Chunk(a), d.Chunk(b)
	if n := last.Addr + last.Stored - first.Addr; last.Addr >= first.Addr && n <= mostAhead {
		willNeed(f, int64(first.Addr), int64(n))
	}
}
