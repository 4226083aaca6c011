package decomp

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// gramRun is one run of Gram.Accumulate.
//
// Tiles go through in order. Each stream fills its part of a tile, waits for all
// others to have filled theirs, and multiplies its part. Two tiles are in work,
// so a stream that is done fills the next one meanwhile. A further stream, the
// gate, copies chunks to the device and tells when a chunk has been used up.
type gramRun struct {
	*Gram
	rows  int64
	genes int

	gate      device.Stream
	slots     []*slot
	sets      [sets]*tileSet
	constants []*array
	rank      device.Buffer
	center    device.Buffer
	mean, std device.Buffer
	acc, sum  device.Buffer
	own       []device.Buffer
}

// tileSet is the buffers of one tile.
type tileSet struct {
	tile kernels.GramTile
	bufs []device.Buffer
	used []device.Event // where the last multiplications of it end
}

// open allocates what is needed from the start.
func (r *gramRun) open() error {
	var err error
	if r.gate, err = r.Device.Stream(); err != nil {
		return err
	}
	rows := 1
	for _, s := range r.Source.Spans() {
		rows = max(rows, int(s.Rows))
	}
	rows = (rows + kernels.GramBlock - 1) / kernels.GramBlock * kernels.GramBlock
	nnz := firstNNZ(rows, r.genes)
	for range min(numReaders(len(r.Streams)), max(len(r.Source.Spans()), 1)) + 1 {
		s, err := newSlot(r.Device, rows, nnz, r.Values.Scale != nil)
		r.slots = append(r.slots, s)
		if err != nil {
			return err
		}
	}
	if err := r.setConstants(); err != nil {
		return err
	}
	for i := range r.sets {
		r.sets[i] = &tileSet{tile: kernels.GramTile{Rows: rows, Genes: r.genes, Hot: r.Plan.Hot, Rank: r.rank}}
		if err := r.sets[i].alloc(r.Device, nnz); err != nil {
			return err
		}
	}
	w := int64(r.sets[0].tile.Width())
	if r.acc, err = r.alloc(w*w*8, "products of genes"); err != nil {
		return err
	}
	if r.sum, err = r.alloc(w*8, "sums of genes"); err != nil {
		return err
	}
	if err := r.gate.Clear(r.acc, 0, w*w*8); err != nil {
		return err
	}
	return r.gate.Clear(r.sum, 0, w*8)
}

func (r *gramRun) alloc(n int64, what string) (device.Buffer, error) {
	b, err := r.Device.Alloc(n, what)
	if err == nil {
		r.own = append(r.own, b)
	}
	return b, err
}

// setConstants copies the arrays that stay the same to the device.
func (r *gramRun) setConstants() error {
	var err error
	if r.rank, err = constant(r, "gene ranks", r.Plan.Rank); err != nil {
		return err
	}
	if r.center, err = constant(r, "gene centres", r.Values.centers(r.Plan.Common)); err != nil {
		return err
	}
	if !r.Values.clips() {
		return nil
	}
	if r.Values.Mean != nil {
		if r.mean, err = constant(r, "gene means", r.Values.Mean); err != nil {
			return err
		}
	}
	r.std, err = constant(r, "gene deviations", r.Values.Std)
	return err
}

func constant[T any](r *gramRun, what string, v []T) (device.Buffer, error) {
	a := &array{dev: r.Device, what: what}
	r.constants = append(r.constants, a)
	if err := stage(a, v); err != nil {
		return nil, err
	}
	return a.buf, a.upload(r.gate, int64(len(view[byte](a.host))))
}

// alloc makes the buffers for tiles with nnz values.
func (t *tileSet) alloc(dev device.Backend, nnz int64) error {
	t.free()
	k := &t.tile
	k.NNZ = nnz
	blocks := int64(k.Rows / kernels.GramBlock)
	for _, b := range []struct {
		p    *device.Buffer
		n    int64
		what string
	}{
		{&k.Dense, int64(k.Groups()) * int64(k.Rows) * kernels.GramGroup * 4, "dense genes of a tile"},
		{&k.RowIdx, nnz * 4, "sparse genes of a tile"},
		{&k.RowVal, nnz * 4, "sparse genes of a tile"},
		{&k.RowEnd, int64(k.Rows) * 4, "sparse genes of a tile"},
		{&k.ColPtr, blocks * int64(k.Sparse()+1) * 4, "sparse genes of a tile"},
		{&k.ColAt, nnz * 4, "sparse genes of a tile"},
		{&k.ColVal, nnz * 4, "sparse genes of a tile"},
		{&k.ColPos, nnz * 4, "sparse genes of a tile"},
		{&k.Sum, blocks * int64(k.Width()) * 8, "gene sums of a tile"},
	} {
		buf, err := dev.Alloc(max(b.n, 8), b.what)
		if err != nil {
			return err
		}
		*b.p = buf
		t.bufs = append(t.bufs, buf)
	}
	return nil
}

func (t *tileSet) free() {
	for _, b := range t.bufs {
		b.Free()
	}
	t.bufs = nil
}

// free waits for the device and gives everything back.
func (r *gramRun) free() {
	for _, s := range r.Streams {
		_ = s.Sync() // an error has been seen already, or nothing is left to say
	}
	if r.gate != nil {
		_ = r.gate.Close()
	}
	for _, s := range r.slots {
		if s != nil {
			s.release()
		}
	}
	for _, t := range r.sets {
		if t != nil {
			t.free()
		}
	}
	for _, a := range r.constants {
		a.free()
	}
	for _, b := range r.own {
		b.Free()
	}
}

// tiles sends every tile through.
func (r *gramRun) tiles(ctx context.Context) error {
	// The constants and the cleared sums must be there before the first fill.
	if err := r.gate.Sync(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	group.Go(func() error { return r.claim(ctx, next) })
	for range len(r.slots) - 1 {
		group.Go(func() error { return r.read(ctx, next) })
	}
	group.Go(func() error { return r.feed(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	for _, s := range r.Streams {
		if err := s.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// claim hands out tiles in order, each when its slot is free. Readers must not
// wait for slots by themselves: a later tile could take a slot before an earlier.
func (r *gramRun) claim(ctx context.Context, next chan<- int) error {
	defer close(next)
	for t := range r.Source.Spans() {
		select {
		case <-r.slots[t%len(r.slots)].free:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case next <- t:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// read fills the slots of tiles that have been claimed.
func (r *gramRun) read(ctx context.Context, next <-chan int) error {
	for t := range next {
		s, span := r.slots[t%len(r.slots)], r.Source.Spans()[t]
		s.lend()
		if err := r.Source.Read(ctx, t, &s.chunk); err != nil {
			return err
		}
		if err := s.take(span, r.genes, r.Values.Scale); err != nil {
			return err
		}
		s.ready <- struct{}{}
	}
	return nil
}

// feed queues the work of each tile and frees its slot when it has been filled.
func (r *gramRun) feed(ctx context.Context) error {
	done := int64(0)
	for t, span := range r.Source.Spans() {
		s := r.slots[t%len(r.slots)]
		select {
		case <-s.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		if span.Rows > 0 {
			if err := r.tile(s, r.sets[t%sets]); err != nil {
				return err
			}
		}
		s.free <- struct{}{}
		if done += span.Rows; r.Done != nil {
			r.Done(done)
		}
	}
	return nil
}

// tile queues the work of one tile and returns when its chunk is used up.
func (r *gramRun) tile(s *slot, set *tileSet) error {
	if nnz := s.chunk.NNZ(); nnz > set.tile.NNZ {
		if err := r.enlarge(set, nnz+nnz/4); err != nil {
			return err
		}
	}
	if err := s.upload(r.gate); err != nil {
		return err
	}
	up, err := r.gate.Record()
	if err != nil {
		return err
	}
	n := len(r.Streams)
	filled, err := r.launch(append([]device.Event{up}, set.used...), func(part int) device.Op {
		return &kernels.GramFill{
			X: s.csr(), T: s.transform(&r.Values), Mean: r.mean, Std: r.std,
			Centre: !r.Values.NoCentre, Max: r.Values.Max, Center: r.center,
			Tile: set.tile, Part: part, Parts: n,
		}
	})
	if err != nil {
		return err
	}
	rows := s.chunk.Rows
	set.used, err = r.launch(filled, func(part int) device.Op {
		return &kernels.GramMultiply{Tile: set.tile, Rows: rows, Acc: r.acc, ColSum: r.sum, Part: part, Parts: n}
	})
	if err != nil {
		return err
	}
	if err := wait(r.gate, filled); err != nil {
		return err
	}
	return r.gate.Sync()
}

// launch queues one operation on each stream, after some events, and returns
// the events of their ends.
func (r *gramRun) launch(after []device.Event, op func(part int) device.Op) ([]device.Event, error) {
	var ends []device.Event
	for part, s := range r.Streams {
		if err := wait(s, after); err != nil {
			return nil, err
		}
		if err := s.Launch(op(part)); err != nil {
			return nil, err
		}
		ev, err := s.Record()
		if err != nil {
			return nil, err
		}
		ends = append(ends, ev)
	}
	return ends, nil
}

func wait(s device.Stream, events []device.Event) error {
	for _, ev := range events {
		if err := s.Wait(ev); err != nil {
			return err
		}
	}
	return nil
}

// enlarge gives a set room for more values, when nothing uses it any more.
func (r *gramRun) enlarge(set *tileSet, nnz int64) error {
	for _, s := range r.Streams {
		if err := s.Sync(); err != nil {
			return err
		}
	}
	return set.alloc(r.Device, nnz)
}
