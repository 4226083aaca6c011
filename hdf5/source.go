package hdf5

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gpusc/gpusc/internal/errs"
)

// undef is the address that means "nowhere".
const undef = ^uint64(0)

// maxMeta bounds one block of metadata (an object header's chunk, a heap, a
// tree node), which is far below the size of data.
const maxMeta = 256 << 20

func atHex(addr uint64) string { return fmt.Sprintf("%#x", addr) }

// corrupt is a Corrupt error at an address; path and file are added by locate.
func corrupt(addr uint64, format string, a ...any) *errs.E {
	return errs.At(errs.Corrupt, "", atHex(addr), format, a...)
}

// unsupported is a refusal by name at an address.
func unsupported(addr uint64, format string, a ...any) *errs.E {
	return errs.At(errs.Unsupported, "", atHex(addr), format, a...)
}

// locate completes an error with the file, the object's path and a remedy. An
// error that has its file is left as it is.
func (f *File) locate(path string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var e *errs.E
	if !errors.As(err, &e) {
		return errs.At(errs.Corrupt, f.name, path, "").Because(err)
	}
	if e.File != "" {
		return err
	}
	e.File = f.name
	switch {
	case e.Place == "":
		e.Place = path
	case path != "":
		e.Place = path + " at " + e.Place
	}
	if e.Kind == errs.Corrupt && e.Remedy == "" {
		e.Remedy = "the file is damaged or cut short: fetch or write it again"
	}
	return err
}

// The read-ahead window of metadata: small while reads jump about, doubling
// while they run forward, so that an index stored in one piece costs few
// system calls and one strewn among data costs few bytes.
const (
	minWindow = 8 << 10
	maxWindow = 512 << 10
	segments  = 16
)

type segment struct {
	off int64
	b   []byte
}

// source reads a file through bounds checks. Addresses are those of the
// format, relative to the base address. It is safe for concurrent use.
type source struct {
	r    io.ReaderAt
	size int64  // bytes of the whole file
	base uint64 // file offset of address 0
	// blind ignores the checksums of metadata, so that tests reach the checks
	// behind them with damaged files.
	blind bool

	mu     sync.Mutex
	segs   [segments]segment
	next   int
	end    int64 // where the last window ended
	window int
	reads  int // system calls for metadata, for tests
}

// span is the highest address plus one.
func (s *source) span() uint64 { return uint64(s.size) - s.base }

// check says whether n bytes at addr lie in the file.
func (s *source) check(addr, n uint64, what string) error {
	span := s.span()
	switch {
	case addr == undef:
		return errs.At(errs.Corrupt, "", "", "%s has no address", what)
	case addr > span:
		return corrupt(addr, "%s lies outside the file of %d bytes", what, s.size)
	case n > span-addr:
		return corrupt(addr, "%s truncated (have %d of %d bytes)", what, span-addr, n)
	}
	return nil
}

// data fills dst from addr, past the cache.
func (s *source) data(dst []byte, addr uint64, what string) error {
	if err := s.check(addr, uint64(len(dst)), what); err != nil {
		return err
	}
	return s.pread(dst, int64(s.base+addr), what)
}

func (s *source) pread(dst []byte, off int64, what string) error {
	n, err := s.r.ReadAt(dst, off)
	if n == len(dst) {
		return nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF || err == nil {
		return corrupt(uint64(off)-s.base, "%s truncated (have %d of %d bytes)", what, n, len(dst)).
			Do("the file became shorter while it was read")
	}
	return errs.At(errs.Resource, "", atHex(uint64(off)-s.base), "cannot read %s", what).Because(err)
}

// meta gives n bytes of metadata at addr as a new slice.
func (s *source) meta(addr, n uint64, what string) ([]byte, error) {
	if err := s.check(addr, n, what); err != nil {
		return nil, err
	}
	if n > maxMeta {
		return nil, errs.At(errs.Limit, "", atHex(addr), "%s of %d bytes is over the limit of %d", what, n, maxMeta)
	}
	b := make([]byte, n)
	off := int64(s.base + addr)
	if n >= maxWindow {
		return b, s.pread(b, off, what)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seg, err := s.find(off, int(n), what)
	if err != nil {
		return nil, err
	}
	copy(b, seg.b[off-seg.off:])
	return b, nil
}

// find gives a segment that holds [off, off+n), reading one if none does.
func (s *source) find(off int64, n int, what string) (*segment, error) {
	for i := range s.segs {
		g := &s.segs[i]
		if off >= g.off && off+int64(n) <= g.off+int64(len(g.b)) {
			return g, nil
		}
	}
	if s.window == 0 {
		s.window = minWindow
	}
	if off >= s.end-int64(n) && off < s.end+int64(s.window) {
		s.window = min(2*s.window, maxWindow)
	} else {
		s.window = minWindow
	}
	want := max(s.window, n)
	if left := s.size - off; int64(want) > left {
		want = int(left)
	}
	g := &s.segs[s.next]
	s.next = (s.next + 1) % segments
	b := g.b[:0]
	if cap(b) < want {
		b = make([]byte, want)
	}
	g.b = nil // invalid until the read has succeeded
	b = b[:want]
	if err := s.pread(b, off, what); err != nil {
		return nil, err
	}
	s.reads++
	g.off, g.b, s.end = off, b, off+int64(want)
	return g, nil
}

// signed gives n bytes at addr that must open with the signature and, if sum,
// end with the lookup3 checksum of the rest.
func (s *source) signed(addr, n uint64, sig, what string, sum bool) ([]byte, error) {
	b, err := s.meta(addr, n, what)
	if err != nil {
		return nil, err
	}
	if string(b[:4]) != sig {
		return nil, corrupt(addr, "%s: signature %q, want %q", what, b[:4], sig)
	}
	if sum {
		return b, s.verify(addr, b, what)
	}
	return b, nil
}
