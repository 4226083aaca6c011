package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// heapWriter writes the collections that hold strings of variable length and
// other sequences. A collection gets its address when it is begun and is
// written when it is full. Collections start small, so that a small file stays
// small, and double up to 64 KiB, which readers load in one piece.
type heapWriter struct {
	w    *Writer
	buf  []byte // the collection being filled, nil for none
	at   int64
	size int
	next int // size of the next collection
	last int // index of the last object in it
}

const (
	heapHeader    = 16
	heapMin       = 4 << 10
	heapMax       = 64 << 10
	heapMaxIndex  = 1<<16 - 1
	heapRefLen    = 16
	heapMaxObject = 1<<32 - 1
)

// ref stores data as one object and appends its 16-byte descriptor to dst: the
// length in elements, the collection's address, the index in it. No data at
// all needs no object.
func (h *heapWriter) ref(dst, data []byte, elements int) ([]byte, error) {
	if len(data) > heapMaxObject {
		return dst, errs.At(errs.Limit, h.w.path, "", "a string of %d bytes is longer than HDF5 can hold", len(data))
	}
	if len(data) == 0 {
		return append(dst, make([]byte, heapRefLen)...), nil
	}
	at, index, err := h.object(data)
	if err != nil {
		return dst, err
	}
	dst = le.AppendUint32(dst, uint32(elements))
	dst = le.AppendUint64(dst, uint64(at))
	return le.AppendUint32(dst, uint32(index)), nil
}

// object stores data and returns its collection and index.
func (h *heapWriter) object(data []byte) (at int64, index int, err error) {
	need := heapHeader + (len(data)+7)&^7
	if h.buf != nil && (len(h.buf)+need > h.size || h.last == heapMaxIndex) {
		if err := h.flush(); err != nil {
			return 0, 0, err
		}
	}
	if h.buf == nil {
		if err := h.begin(heapHeader + need); err != nil {
			return 0, 0, err
		}
	}
	h.last++
	var head [heapHeader]byte
	le.PutUint16(head[0:], uint16(h.last))
	le.PutUint16(head[2:], 1)
	le.PutUint64(head[8:], uint64(len(data)))
	h.buf = append(append(h.buf, head[:]...), data...)
	h.buf = append(h.buf, make([]byte, need-heapHeader-len(data))...)
	return h.at, h.last, nil
}

// begin sets a collection of at least need bytes aside. Chunks that were
// complete before it take their places first, so that no address depends on
// how fast the compressing goroutines are.
func (h *heapWriter) begin(need int) error {
	if err := h.w.pipe.drain(); err != nil {
		return err
	}
	h.size = max(need, h.next, heapMin)
	h.next = min(2*max(h.next, heapMin), heapMax)
	h.at = h.w.space.alloc(int64(h.size))
	h.last = 0
	h.buf = append(make([]byte, 0, h.size), "GCOL\x01\x00\x00\x00"...)
	h.buf = le.AppendUint64(h.buf, uint64(h.size))
	return nil
}

// flush writes the collection that is being filled; what is left of it becomes
// its free-space object.
func (h *heapWriter) flush() error {
	if h.buf == nil {
		return nil
	}
	rest := h.size - len(h.buf)
	h.buf = append(h.buf, make([]byte, rest)...)
	if rest >= heapHeader {
		le.PutUint64(h.buf[h.size-rest+8:], uint64(rest))
	}
	err := h.w.space.write(h.at, h.buf)
	h.buf = nil
	return err
}
