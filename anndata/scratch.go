package anndata

import (
	"sync"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/memory"
)

// scratch is what one reader at work needs: a decoder and the bytes of one chunk.
type scratch struct {
	dec *hdf5.Decoder
	buf []byte
	row []byte // a second buffer, for dense rows
	res *memory.Reservation
}

// bytes gives n aligned bytes, the same ones at every call.
func (s *scratch) bytes(n int) []byte {
	s.buf = alloc(s.buf, n)
	return s.buf[:n]
}

// second is bytes of another buffer.
func (s *scratch) second(n int) []byte {
	s.row = alloc(s.row, n)
	return s.row[:n]
}

// scratches lends scratch to the readers of a source. It makes as many as there
// are readers at once and keeps them.
type scratches struct {
	ledger *memory.Ledger
	each   int64 // bytes of one, as reserved

	mu   sync.Mutex
	free []*scratch
	all  []*scratch
}

func (p *scratches) get() (*scratch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s, nil
	}
	res, err := p.ledger.Reserve(memory.Host, "buffer of one HDF5 chunk per reader", p.each)
	if err != nil {
		return nil, err
	}
	s := &scratch{dec: hdf5.NewDecoder(), res: res}
	p.all = append(p.all, s)
	return s, nil
}

func (p *scratches) put(s *scratch) {
	p.mu.Lock()
	p.free = append(p.free, s)
	p.mu.Unlock()
}

func (p *scratches) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.all {
		s.res.Release()
	}
	p.all, p.free = nil, nil
}
