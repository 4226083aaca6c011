package hdf5

import (
	"github.com/gpusc/gpusc/internal/errs"
)

// LayoutClass says how a dataset's bytes are stored.
type LayoutClass uint8

// The layouts.
const (
	Compact    LayoutClass = iota // in the object header
	Contiguous                    // in one piece
	Chunked                       // in tiles, each through the filters
)

// String names the layout.
func (c LayoutClass) String() string {
	switch c {
	case Compact:
		return "compact"
	case Contiguous:
		return "contiguous"
	}
	return "chunked"
}

// Layout describes how a dataset is stored.
type Layout struct {
	Class   LayoutClass
	Chunk   []int64  // elements of a chunk along each axis; nil unless Chunked
	Filters []Filter // in the order in which a writer applies them
}

// The kinds of chunk index. The first is that of layout versions 1 to 3; the
// others have the numbers of version 4.
const (
	indexTree1 = iota
	indexSingle
	indexImplicit
	indexFixed
	indexExtensible
	indexTree2
)

// stored is where a dataset's bytes are: the layout message.
type stored struct {
	class      LayoutClass
	addr       uint64 // of the bytes or of the chunk index, undef if none
	size       uint64 // Contiguous: bytes
	compact    []byte
	chunk      []int64
	elem       int64 // Chunked: bytes of an element
	index      int
	rawEdges   bool // chunks that cross the edge are not filtered
	single     bool // indexSingle: the next two fields are there
	singleSize uint64
	singleMask uint32
}

// decodeLayout reads a layout message, versions 1 to 5.
func decodeLayout(b []byte, addr uint64) (stored, error) {
	c := &cursor{b: b}
	s := stored{addr: undef}
	var err error
	switch version := c.u8(); version {
	case 1, 2:
		err = s.layout1(c)
	case 3, 4, 5:
		err = s.layout3(c, version)
	default:
		err = errs.New(errs.Unsupported, "layout version %d is not known", version)
	}
	if err == nil && c.bad {
		err = errs.New(errs.Corrupt, "layout message of %d bytes is too short", len(b))
	}
	return s, atAddr(err, addr)
}

func (s *stored) layout1(c *cursor) error {
	rank, class := c.u8(), c.u8()
	c.skip(5)
	if class > 2 {
		return errs.New(errs.Corrupt, "layout class %d", class)
	}
	s.class = LayoutClass(class)
	if s.class != Compact {
		s.addr = c.u64()
	}
	switch s.class {
	case Chunked:
		return s.dims(c, rank, 4)
	case Contiguous:
		c.skip(4 * rank)
		s.size = undef // not stated
	case Compact:
		c.skip(4 * rank)
		s.compact = c.bytes(int(c.u32()))
	}
	return nil
}

// dims reads chunk dimensions, the last of which is an element's bytes.
func (s *stored) dims(c *cursor, rank, width int) error {
	if rank < 2 || rank > maxRank+1 || width < 1 || width > 8 {
		return errs.New(errs.Corrupt, "chunks of rank %d in %d bytes", rank-1, width)
	}
	for range rank - 1 {
		d := c.uint(width)
		if d == 0 || d > 1<<40 {
			return errs.New(errs.Corrupt, "chunk dimension %d", d)
		}
		s.chunk = append(s.chunk, int64(d))
	}
	s.elem = int64(c.uint(width))
	return nil
}

func (s *stored) layout3(c *cursor, version int) error {
	class := c.u8()
	switch class {
	case 0:
		s.class = Compact
		s.compact = c.bytes(c.u16())
	case 1:
		s.class = Contiguous
		s.addr, s.size = c.u64(), c.u64()
	case 2:
		s.class = Chunked
		if version >= 4 {
			return s.chunked4(c)
		}
		rank := c.u8()
		s.addr = c.u64()
		return s.dims(c, rank, 4)
	case 3:
		return errs.New(errs.Unsupported, "is a virtual dataset").
			Do("write it out as a plain dataset, for example with h5repack or h5py")
	default:
		return errs.New(errs.Corrupt, "layout class %d", class)
	}
	return nil
}

// chunked4 reads the chunked layout of versions 4 and 5.
func (s *stored) chunked4(c *cursor) error {
	flags, rank, width := c.u8(), c.u8(), c.u8()
	s.rawEdges = flags&1 != 0
	if err := s.dims(c, rank, width); err != nil {
		return err
	}
	s.index = c.u8()
	switch s.index {
	case indexSingle:
		if flags&2 != 0 {
			s.single, s.singleSize, s.singleMask = true, c.u64(), c.u32()
		}
	case indexImplicit:
	case indexFixed:
		c.skip(1)
	case indexExtensible:
		c.skip(5)
	case indexTree2:
		c.skip(6)
	default:
		return errs.New(errs.Unsupported, "chunk index kind %d is not known", s.index)
	}
	s.addr = c.u64()
	return nil
}

// decodePipeline reads a filter pipeline message, versions 1 and 2.
func decodePipeline(b []byte) ([]Filter, error) {
	c := &cursor{b: b}
	version, n := c.u8(), c.u8()
	if version != 1 && version != 2 || n > 32 {
		return nil, errs.New(errs.Corrupt, "filter pipeline of version %d with %d filters", version, n)
	}
	if version == 1 {
		c.skip(6)
	}
	var list []Filter
	for range n {
		f := Filter{ID: uint16(c.u16())}
		name := 0
		if version == 1 || f.ID >= 256 {
			name = c.u16()
		}
		f.Optional = c.u16()&1 != 0
		params := c.u16()
		if version == 1 {
			name = (name + 7) &^ 7
		}
		f.Name = cstring(c.bytes(name))
		p := c.bytes(4 * params)
		if version == 1 && params%2 == 1 {
			c.skip(4)
		}
		for ; len(p) >= 4; p = p[4:] {
			f.Params = append(f.Params, le.Uint32(p))
		}
		if c.bad {
			return nil, errs.New(errs.Corrupt, "filter pipeline of %d bytes is too short", len(b))
		}
		list = append(list, f)
	}
	return list, nil
}

// cstring is the text before the first NUL.
func cstring(b []byte) string {
	for i, v := range b {
		if v == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// decodeFill reads a fill value message, old (kind 4) or new; nil means zeros.
func decodeFill(kind int, b []byte) ([]byte, error) {
	c := &cursor{b: b}
	var v []byte
	if kind == msgFillOld {
		v = c.bytes(int(c.u32()))
	} else {
		switch version := c.u8(); version {
		case 1, 2: // the size is there only if a value is defined
			c.skip(2)
			if c.u8() == 0 {
				break
			}
			if n := int32(c.u32()); n > 0 {
				v = c.bytes(int(n))
			}
		case 3:
			if c.u8()&0x20 != 0 {
				v = c.bytes(int(c.u32()))
			}
		default:
			return nil, errs.New(errs.Unsupported, "fill value version %d is not known", version)
		}
	}
	if c.bad {
		return nil, errs.New(errs.Corrupt, "fill value message of %d bytes is too short", len(b))
	}
	for _, x := range v {
		if x != 0 {
			return v, nil
		}
	}
	return nil, nil
}
