package chunk

import (
	"context"
	"os"
	"sync"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// CacheOptions configures a Cache.
type CacheOptions struct {
	Ledger      *memory.Ledger // nil: nothing is reserved
	Tmp         string         // folder of the scratch file; empty: os.TempDir()
	MemoryLimit int64          // bytes of memory for packed pieces, as far as the ledger has them
	Spans       int            // number of pieces
	Cols        int64          // genes of every piece
}

// Cache takes the pieces of a matrix in any order and from any number of
// goroutines, packs them (package chunk/pack) and keeps them: in memory while
// the limit and the ledger allow it, then in one scratch file that has no name,
// so that nothing is left of it however the process ends. Seal makes a Source
// of it. What is read from there does not depend on where a piece lies.
type Cache struct {
	o     CacheOptions
	mu    sync.Mutex // guards pieces, busy, over
	piece []piece
	busy  int  // calls of Put under way
	over  bool // sealed or closed
	arena arena
	file  scratch
	bufs  buffers
}

// piece is where one packed piece lies.
type piece struct {
	rows, nnz, size int64
	data            []byte // in memory, or nil
	off             int64  // in the scratch file
	state           pieceState
}

type pieceState uint8

const (
	missing pieceState = iota
	coming
	stored
)

// NewCache returns an empty cache. It reserves and opens nothing yet.
func NewCache(o CacheOptions) *Cache {
	if o.Ledger == nil {
		o.Ledger = memory.New(0)
	}
	if o.Tmp == "" {
		o.Tmp = os.TempDir()
	}
	return &Cache{
		o: o, piece: make([]piece, max(o.Spans, 0)),
		arena: arena{ledger: o.Ledger, limit: o.MemoryLimit},
		file:  scratch{ledger: o.Ledger, dir: o.Tmp, open: openScratch},
		bufs:  buffers{ledger: o.Ledger},
	}
}

// Put packs and keeps piece i, which may have fewer rows than the span it came
// from, even none; its Row0 is not looked at, and c can be used again when Put
// returns. Each piece is put once. Errors: errs.Data where c is not canonical,
// errs.Budget where not even one packed piece fits, errs.Resource where the
// scratch file cannot be written, errs.Usage for a wrong or used number.
func (c *Cache) Put(ctx context.Context, i int, ch *Chunk) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if int64(ch.Cols) != c.o.Cols {
		return errs.New(errs.Usage, "piece %d has %d genes, not %d", i, ch.Cols, c.o.Cols)
	}
	if err := c.begin(i); err != nil {
		return err
	}
	p, err := c.store(ctx, i, ch)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	c.piece[i] = p // on an error the zero piece, which can be put again
	return err
}

// begin claims number i.
func (c *Cache) begin(i int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return errs.New(errs.Usage, "piece %d is put into a cache that is sealed or closed", i)
	case i < 0 || i >= len(c.piece):
		return errs.New(errs.Usage, "no piece %d of %d", i, len(c.piece))
	case c.piece[i].state != missing:
		return errs.New(errs.Usage, "piece %d is put twice", i)
	}
	c.piece[i].state = coming
	c.busy++
	return nil
}

func (c *Cache) store(ctx context.Context, i int, ch *Chunk) (piece, error) {
	s := c.bufs.scratch()
	defer c.bufs.putScratch(s)
	plan, err := pack.NewPlan(pack.Matrix{
		Rows: ch.Rows, Cols: ch.Cols, Kind: uint8(ch.Kind), Indptr: ch.Indptr, Indices: ch.Indices,
		Counts: ch.Counts, F32: ch.F32, F64: ch.F64,
	}, s)
	if err != nil {
		return piece{}, err
	}
	p := piece{rows: int64(ch.Rows), nnz: ch.NNZ(), size: plan.Size(), state: stored}
	if mem := c.arena.alloc(p.size); mem != nil {
		p.data = plan.Append(mem[:0])
		return p, nil
	}
	buf, err := c.bufs.get(ctx, p.size)
	if err != nil {
		return piece{}, err
	}
	defer c.bufs.put(buf)
	if p.off, err = c.file.write(plan.Append(buf.data[:0])); err != nil {
		return piece{}, err
	}
	return p, nil
}

// Seal ends the cache and returns what it holds as a Source, which from then
// on owns memory and scratch file. Pieces that are missing are errs.Usage.
func (c *Cache) Seal() (*Cached, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.busy > 0 {
		return nil, errs.New(errs.Usage, "a cache is sealed twice, after Close, or while pieces are put")
	}
	d := &Cached{c: c, spans: make([]Span, len(c.piece))}
	for i, p := range c.piece {
		if p.state != stored {
			return nil, errs.New(errs.Usage, "piece %d of %d was not put into the cache", i, len(c.piece))
		}
		d.spans[i] = Span{Row0: d.rows, Rows: p.rows, NNZ: p.nnz}
		d.rows += p.rows
		d.nnz += p.nnz
		if p.data == nil {
			d.scratch += p.size
		} else {
			d.memory += p.size
		}
	}
	c.over = true
	return d, nil
}

// Close frees a cache that is not to be sealed. After Seal it does nothing, so
// that it can be deferred. No Put may be under way.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	c.over = true
	return c.free()
}

func (c *Cache) free() error {
	c.bufs.free()
	c.arena.free()
	c.piece = nil
	return c.file.close()
}
