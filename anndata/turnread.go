package anndata

import (
	"context"

	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// columnRun is how many values are decoded at a time, of rows and of values.
const columnRun = 1 << 18

// block is a run of the stored values of a csc matrix, decoded.
type block struct {
	rows   []uint32
	values []byte
	err    error
}

// walkColumns calls fn for every stored value, columns rising, in the order of
// the file. Runs are decoded ahead by as many goroutines as the file may use.
func (s *turnedSource) walkColumns(ctx context.Context, fn func(col int64, row uint32, value []byte) error) error {
	c := &csrSource{m: s.m}
	if err := c.open(); err != nil {
		return err
	}
	step, ahead, res, err := s.decodeBudget(c)
	if err != nil {
		return err
	}
	defer res.Release()
	c.pool = scratches{ledger: memory.New(0)} // reserved above
	ends := &columnEnds{c: c, ctx: ctx}
	if err := ends.fill(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	blocks := decodeAhead(ctx, c, step, ahead)
	defer func() { // no goroutine outlives the call
		stop()
		for ch := range blocks {
			<-ch
		}
	}()
	at, col := int64(0), int64(0)
	size := s.t.Size()
	for ch := range blocks {
		b := <-ch
		if b.err != nil {
			return b.err
		}
		for i, row := range b.rows {
			for at >= ends.end {
				if err := ends.next(); err != nil {
					return err
				}
				col++
			}
			if err := fn(col, row, b.values[i*size:(i+1)*size]); err != nil {
				return err
			}
			at++
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return ends.rest(at)
}

// decodeBudget chooses how many values are decoded at a time and how many times
// ahead, and reserves the memory.
func (s *turnedSource) decodeBudget(c *csrSource) (step int64, ahead int, res *memory.Reservation, err error) {
	step = columnRun
	if k := c.data.chunk; k > 0 {
		step = max(k, step-step%k)
	}
	step = max(min(step, c.data.n), 1)
	l := s.m.file.ledger()
	one := c.perReader() + step*int64(4+s.t.Size())
	ahead = int(max(1, min(int64(s.m.file.threads()), l.Free()/2/one)))
	// One more run is in the hands of the reader.
	need := int64(ahead+1) * one
	if err := s.m.mustFit(need); err != nil {
		return 0, 0, nil, err
	}
	res, err = l.Reserve(memory.Host, "decoding a csc matrix", need)
	return step, ahead, res, err
}

// decodeAhead decodes runs of step values in order, ahead of them at a time.
func decodeAhead(ctx context.Context, c *csrSource, step int64, ahead int) <-chan chan block {
	out := make(chan chan block, max(ahead-1, 0))
	go func() {
		defer close(out)
		for lo := int64(0); lo < c.data.n; lo += step {
			ch := make(chan block, 1)
			select {
			case out <- ch:
			case <-ctx.Done():
				return
			}
			go func() { ch <- c.decodeBlock(ctx, lo, min(lo+step, c.data.n)) }()
		}
	}()
	return out
}

// decodeBlock decodes the values [lo, hi) and their rows.
func (c *csrSource) decodeBlock(ctx context.Context, lo, hi int64) (b block) {
	sc, err := c.pool.get()
	if err != nil {
		return block{err: err}
	}
	defer c.pool.put(sc)
	b.rows = make([]uint32, 0, hi-lo)
	b.err = c.indices.each(ctx, sc, 0, lo, hi, nil, func(raw []byte) error {
		at, n := len(b.rows), len(raw)/c.indices.t.Size()
		b.rows = b.rows[:at+n]
		bad := narrowIndices(b.rows[at:], c.indices.t, raw, c.m.Rows)
		for i := 0; bad < 0 && i < n; i++ {
			if int64(b.rows[at+i]) >= c.m.Rows {
				bad = i
			}
		}
		if bad >= 0 {
			return errs.At(errs.Corrupt, "", c.m.Path+"/indices", "place %d: row %d of a matrix of %d rows",
				lo+int64(at+bad), widenInts(nil, c.indices.t, raw)[bad], c.m.Rows)
		}
		return nil
	})
	if b.err != nil {
		return b
	}
	b.values = make([]byte, 0, (hi-lo)*int64(c.data.t.Size()))
	b.err = c.data.each(ctx, sc, 0, lo, hi, nil, func(raw []byte) error {
		b.values = append(b.values, raw...)
		return nil
	})
	return b
}

// columnEnds walks indptr: end is where the current column's values end.
type columnEnds struct {
	c   *csrSource
	ctx context.Context
	buf []int64
	at  int64 // entries of indptr taken
	end int64
}

func (e *columnEnds) place() string { return e.c.m.Path + "/indptr" }

// fill reads the first two entries.
func (e *columnEnds) fill() error {
	first, err := e.take()
	if err != nil {
		return err
	}
	if first != 0 {
		return errs.At(errs.Corrupt, "", e.place(), "starts at %d, not at 0", first)
	}
	if e.c.indptr.n < 2 {
		return nil
	}
	return e.next()
}

// take gives the next entry.
func (e *columnEnds) take() (int64, error) {
	if len(e.buf) == 0 {
		hi := min(e.at+1<<16, e.c.indptr.n)
		sc := &scratch{dec: hdf5.NewDecoder()}
		err := e.c.indptr.each(e.ctx, sc, 0, e.at, hi, nil, func(raw []byte) error {
			e.buf = append(e.buf, widenInts(nil, e.c.indptr.t, raw)...)
			return nil
		})
		if err != nil {
			return 0, err
		}
		if len(e.buf) == 0 {
			return 0, errs.At(errs.Corrupt, "", e.place(), "ends at %d, but data has %d values", e.end, e.c.data.n)
		}
	}
	x := e.buf[0]
	e.buf = e.buf[1:]
	e.at++
	return x, nil
}

// next goes to the next column.
func (e *columnEnds) next() error {
	x, err := e.take()
	if err != nil {
		return err
	}
	if x < e.end || x > e.c.data.n {
		return errs.At(errs.Corrupt, "", e.place(), "column %d, place %d: %d follows %d in a list of %d values",
			e.at-2, e.at-1, x, e.end, e.c.data.n)
	}
	e.end = x
	return nil
}

// rest checks that the columns after the last value are empty.
func (e *columnEnds) rest(n int64) error {
	for e.at < e.c.indptr.n {
		if err := e.next(); err != nil {
			return err
		}
	}
	if e.end != n {
		return errs.At(errs.Corrupt, "", e.place(), "ends at %d, but data has %d values", e.end, n)
	}
	return nil
}
