package anndata

import (
	"context"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/memory"
)

// readAhead reads the given spans with as many readers as the file may use and
// hands their chunks to fn in order. Its memory is reserved.
func readAhead(ctx context.Context, f *File, src Source, spans []int, fn func(c *chunk.Chunk) error) error {
	type result struct {
		c   *chunk.Chunk
		err error
	}
	each := int64(0)
	for _, i := range spans {
		sp := src.Spans()[i]
		each = max(each, sp.NNZ*12+sp.Rows*8+8)
	}
	l := f.ledger()
	ahead := max(1, min(int64(f.threads()), l.Free()/2/max(each, 1)))
	res, err := l.Reserve(memory.Host, "rows being copied", (ahead+1)*each)
	if err != nil {
		return err
	}
	defer res.Release()
	ctx, stop := context.WithCancel(ctx)
	queue := make(chan chan result, ahead-1)
	free := make(chan *chunk.Chunk, ahead+1)
	for range ahead + 1 {
		free <- new(chunk.Chunk)
	}
	go func() {
		defer close(queue)
		for _, i := range spans {
			ch := make(chan result, 1)
			select {
			case queue <- ch:
			case <-ctx.Done():
				return
			}
			c := <-free // there are as many as can be on their way
			go func() {
				err := src.Read(ctx, i, c)
				ch <- result{c, err}
			}()
		}
	}()
	defer func() { // no goroutine outlives the call
		stop()
		for ch := range queue {
			r := <-ch
			free <- r.c
		}
	}()
	for ch := range queue {
		r := <-ch
		err := r.err
		if err == nil {
			err = fn(r.c)
		}
		free <- r.c
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
