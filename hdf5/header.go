package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// The header messages that the reader knows.
const (
	msgNull         = 0x00
	msgDataspace    = 0x01
	msgLinkInfo     = 0x02
	msgDatatype     = 0x03
	msgFillOld      = 0x04
	msgFill         = 0x05
	msgLink         = 0x06
	msgExternal     = 0x07
	msgLayout       = 0x08
	msgGroupInfo    = 0x0A
	msgPipeline     = 0x0B
	msgAttribute    = 0x0C
	msgSharedTable  = 0x0F
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
	msgDriverInfo   = 0x14
	msgAttrInfo     = 0x15
	msgLast         = 0x18
)

// Bits of a message's flags.
const (
	flagShared      = 0x02
	flagMustKnow    = 0x80
	maxHeaderChunks = 1 << 16
)

// message is one header message.
type message struct {
	kind  int
	flags uint8
	body  []byte
	addr  uint64 // of the body, for errors
}

// header is an object's messages in the order of the file, without the null
// and continuation messages.
type header struct {
	addr uint64
	msgs []message
}

// find gives the first message of a kind.
func (h *header) find(kind int) *message {
	for i := range h.msgs {
		if h.msgs[i].kind == kind {
			return &h.msgs[i]
		}
	}
	return nil
}

// extent is a run of bytes in the file.
type extent struct{ addr, n uint64 }

// headerReader collects the messages of one object header.
type headerReader struct {
	f       *File
	h       *header
	entry   int // bytes in front of a message's body
	queue   []extent
	seen    map[uint64]bool
	total   uint64
	version int
}

// header reads the object header at addr, versions 1 and 2.
func (f *File) header(addr uint64) (*header, error) {
	b, err := f.src.meta(addr, 16, "object header")
	if err != nil {
		return nil, err
	}
	r := &headerReader{f: f, h: &header{addr: addr}, seen: map[uint64]bool{}}
	if string(b[:4]) == "OHDR" {
		r.version = 2
		err = r.first2(addr, b)
	} else if b[0] == 1 {
		r.version, r.entry = 1, 8
		n := uint64(le.Uint32(b[8:]))
		err = r.chunk(extent{addr + 16, n})
	} else {
		err = corrupt(addr, "not an object header (starts with % x)", b[:4])
	}
	for len(r.queue) > 0 && err == nil {
		e := r.queue[0]
		r.queue = r.queue[1:]
		err = r.chunk(e)
	}
	if err != nil {
		return nil, err
	}
	return r.h, nil
}

// first2 reads the prefix and first chunk of a version 2 header.
func (r *headerReader) first2(addr uint64, b []byte) error {
	if b[4] != 2 {
		return unsupported(addr, "object header version %d is not known", b[4])
	}
	flags := b[5]
	n := 6
	if flags&0x20 != 0 {
		n += 16
	}
	if flags&0x10 != 0 {
		n += 4
	}
	r.entry = 4
	if flags&0x04 != 0 {
		r.entry = 6
	}
	width := 1 << (flags & 3)
	p, err := r.f.src.meta(addr, uint64(n+width), "object header")
	if err != nil {
		return err
	}
	prefix := uint64(len(p))
	size := leUint(p[n:])
	if size > maxMeta {
		return corrupt(addr, "object header of %d bytes", size)
	}
	whole, err := r.f.src.meta(addr, prefix+size+4, "object header")
	if err != nil {
		return err
	}
	if err := r.f.src.verify(addr, whole, "object header"); err != nil {
		return err
	}
	return r.messages(whole[prefix:prefix+size], addr+prefix)
}

// chunk reads one continuation (or the only chunk of version 1).
func (r *headerReader) chunk(e extent) error {
	r.total += e.n
	if r.seen[e.addr] || len(r.seen) > maxHeaderChunks || r.total > maxMeta {
		return corrupt(e.addr, "object header continues without end")
	}
	r.seen[e.addr] = true
	if r.version == 1 {
		b, err := r.f.src.meta(e.addr, e.n, "object header")
		if err != nil {
			return err
		}
		return r.messages(b, e.addr)
	}
	if e.n < 8 {
		return corrupt(e.addr, "object header continuation of %d bytes", e.n)
	}
	b, err := r.f.src.signed(e.addr, e.n, "OCHK", "object header continuation", true)
	if err != nil {
		return err
	}
	return r.messages(b[4:len(b)-4], e.addr+4)
}

// messages splits a chunk. What is shorter than a message's head is a gap.
func (r *headerReader) messages(b []byte, addr uint64) error {
	for pos := 0; len(b)-pos >= r.entry; {
		m := message{}
		var n int
		if r.version == 1 {
			m.kind, n, m.flags = int(le.Uint16(b[pos:])), int(le.Uint16(b[pos+2:])), b[pos+4]
		} else {
			m.kind, n, m.flags = int(b[pos]), int(le.Uint16(b[pos+1:])), b[pos+3]
		}
		pos += r.entry
		m.addr = addr + uint64(pos)
		if n > len(b)-pos {
			return corrupt(m.addr, "header message %#x truncated (have %d of %d bytes)", m.kind, len(b)-pos, n)
		}
		m.body = b[pos : pos+n : pos+n]
		pos += n
		switch {
		case m.kind == msgNull:
		case m.kind == msgContinuation:
			if n < 16 {
				return corrupt(m.addr, "header continuation of %d bytes", n)
			}
			r.queue = append(r.queue, extent{le.Uint64(m.body), le.Uint64(m.body[8:])})
		case m.kind > msgLast && m.flags&flagMustKnow != 0:
			return unsupported(m.addr, "header message %#x is not known and must not be ignored", m.kind)
		default:
			r.h.msgs = append(r.h.msgs, m)
		}
	}
	return nil
}

// body gives a message's bytes, following it to where it is shared.
func (f *File) body(m *message) ([]byte, error) {
	if m.flags&flagShared == 0 {
		return m.body, nil
	}
	return f.sharedBody(m.kind, m.body, m.addr, 0)
}

// sharedBody follows a shared message: to the header of a committed datatype,
// or to the heap of the shared message table.
func (f *File) sharedBody(kind int, b []byte, addr uint64, depth int) ([]byte, error) {
	if depth > 4 {
		return nil, corrupt(addr, "shared message points in a circle")
	}
	c := &cursor{b: b}
	version, where := c.u8(), c.u8()
	switch version {
	case 1:
		c.skip(6)
		where = 2
	case 2, 3:
	default:
		return nil, unsupported(addr, "shared message version %d is not known", version)
	}
	if where == 1 {
		id := c.bytes(8)
		if c.bad {
			return nil, corrupt(addr, "shared message is too short")
		}
		return f.sharedHeap(kind, id, addr)
	}
	at := c.u64()
	if c.bad {
		return nil, corrupt(addr, "shared message is too short")
	}
	h, err := f.header(at)
	if err != nil {
		return nil, err
	}
	m := h.find(kind)
	if m == nil {
		return nil, corrupt(at, "the object that shares message %#x has none", kind)
	}
	if m.flags&flagShared == 0 {
		return m.body, nil
	}
	return f.sharedBody(kind, m.body, m.addr, depth+1)
}

// sharedIndex is one index of the shared message table: which messages it
// holds, and the heap that they lie in.
type sharedIndex struct {
	kinds int // bit set of message kinds
	heap  uint64
}

// readSharedTable reads the master table ("SMTB") of shared messages.
func (f *File) readSharedTable(m message) error {
	c := &cursor{b: m.body}
	version, addr, n := c.u8(), c.u64(), c.u8()
	if c.bad || version != 0 || n > 8 {
		return corrupt(m.addr, "shared message table: version %d, %d indexes", version, n)
	}
	b, err := f.src.signed(addr, uint64(4+30*n+4), "SMTB", "shared message table", true)
	if err != nil {
		return err
	}
	c = &cursor{b: b, pos: 4}
	for range n {
		c.skip(2)
		kinds := c.u16()
		c.skip(4 + 2 + 2 + 2 + 8)
		f.shared = append(f.shared, sharedIndex{kinds, c.u64()})
	}
	return nil
}

// sharedHeap reads a message of a kind from the shared message heap.
func (f *File) sharedHeap(kind int, id []byte, addr uint64) ([]byte, error) {
	for _, s := range f.shared {
		if s.kinds&(1<<kind) == 0 || s.heap == undef {
			continue
		}
		h, err := f.fractalHeap(s.heap)
		if err != nil {
			return nil, err
		}
		return h.object(id)
	}
	return nil, errs.At(errs.Corrupt, "", atHex(addr), "message %#x is shared, but no table holds its kind", kind)
}
