package decomp

import (
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/kernels"
)

// gramDevice is what a run holds on one device.
type gramDevice struct {
	GramDevice
	run   *gramRun
	first int // number of its first stream among those of all devices

	gate      device.Stream
	sets      [sets]*tileSet
	constants []*array
	rank      device.Buffer
	center    device.Buffer
	mean, std device.Buffer
	acc, sum  device.Buffer
	own       []device.Buffer
	x         [sets]*matrix // what packed tiles are unpacked into; nil: tiles come as they are
	stripe    device.Host   // of the accumulator, on its way back
}

// tileSet is the buffers of one tile.
type tileSet struct {
	tile kernels.GramTile
	bufs []device.Buffer
	used []device.Event // where the last multiplications of it end
}

// open allocates what is needed from the start, for tiles of so many rows.
func (d *gramDevice) open(rows int, nnz int64) error {
	var err error
	if d.gate, err = d.Backend.Stream(); err != nil {
		return err
	}
	for i := range d.x {
		if d.run.packed == nil {
			break
		}
		if d.x[i], err = newMatrix(d.Backend, rows, nnz); err != nil {
			return err
		}
	}
	if err := d.setConstants(); err != nil {
		return err
	}
	for i := range d.sets {
		d.sets[i] = &tileSet{tile: kernels.GramTile{Rows: rows, Genes: d.run.genes, Hot: d.run.Plan.Hot, Rank: d.rank}}
		if err := d.sets[i].alloc(d.Backend, nnz); err != nil {
			return err
		}
	}
	w := int64(d.sets[0].tile.Width())
	if d.acc, err = d.alloc(w*w*8, "products of genes"); err != nil {
		return err
	}
	if d.sum, err = d.alloc(w*8, "sums of genes"); err != nil {
		return err
	}
	if err := d.gate.Clear(d.acc, 0, w*w*8); err != nil {
		return err
	}
	return d.gate.Clear(d.sum, 0, w*8)
}

func (d *gramDevice) alloc(n int64, what string) (device.Buffer, error) {
	b, err := d.Backend.Alloc(n, what)
	if err == nil {
		d.own = append(d.own, b)
	}
	return b, err
}

// setConstants copies the arrays that stay the same to the device.
func (d *gramDevice) setConstants() error {
	var err error
	v := &d.run.Values
	if d.rank, err = constant(d, "gene ranks", d.run.Plan.Rank); err != nil {
		return err
	}
	if d.center, err = constant(d, "gene centres", v.centers(d.run.Plan.Common)); err != nil {
		return err
	}
	if !v.clips() {
		return nil
	}
	if v.Mean != nil {
		if d.mean, err = constant(d, "gene means", v.Mean); err != nil {
			return err
		}
	}
	d.std, err = constant(d, "gene deviations", v.Std)
	return err
}

func constant[T any](d *gramDevice, what string, v []T) (device.Buffer, error) {
	a := &array{dev: d.Backend, what: what}
	d.constants = append(d.constants, a)
	if err := stage(a, v); err != nil {
		return nil, err
	}
	return a.buf, a.upload(d.gate, int64(len(view[byte](a.host))))
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
func (d *gramDevice) free() {
	for _, s := range d.Streams {
		_ = s.Sync() // an error has been seen already, or nothing is left to say
	}
	if d.gate != nil {
		_ = d.gate.Close()
	}
	for _, t := range d.sets {
		if t != nil {
			t.free()
		}
	}
	for _, a := range d.constants {
		a.free()
	}
	for _, b := range d.own {
		b.Free()
	}
	for _, x := range d.x {
		if x != nil {
			x.free()
		}
	}
	if d.stripe != nil {
		d.stripe.Free()
	}
}

// tile queues the work of one tile in the set of that number, and returns an event
// of each stream: when the tile's chunk is used up there. Those of the last tile
// in the same set must have been waited for.
func (d *gramDevice) tile(s *staged, number int) ([]device.Event, error) {
	set := d.sets[number]
	if s.nnz > set.tile.NNZ {
		if err := d.enlarge(set, s.nnz+s.nnz/4); err != nil {
			return nil, err
		}
	}
	x, err := s.upload(d.gate, d.x[number])
	if err != nil {
		return nil, err
	}
	up, err := d.gate.Record()
	if err != nil {
		return nil, err
	}
	v, n := &d.run.Values, len(d.Streams)
	filled, err := d.launch(append([]device.Event{up}, set.used...), func(part int) device.Op {
		return &kernels.GramFill{
			X: x, T: s.transform(v), Mean: d.mean, Std: d.std,
			Centre: !v.NoCentre, Max: v.Max, Center: d.center,
			Tile: set.tile, Part: part, Parts: n,
		}
	})
	if err != nil {
		return nil, err
	}
	set.used, err = d.launch(filled, func(part int) device.Op {
		return &kernels.GramMultiply{
			Tile: set.tile, Rows: s.rows, Acc: d.acc, ColSum: d.sum, Part: d.first + part, Parts: d.run.parts,
		}
	})
	return filled, err
}

// launch queues one operation on each stream, after some events, and returns
// the events of their ends.
func (d *gramDevice) launch(after []device.Event, op func(part int) device.Op) ([]device.Event, error) {
	var ends []device.Event
	for part, s := range d.Streams {
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

// sync waits for the gate, after some events.
func (d *gramDevice) sync(after []device.Event) error {
	if err := wait(d.gate, after); err != nil {
		return err
	}
	return d.gate.Sync()
}

// enlarge gives a set room for more values, when nothing uses it any more.
func (d *gramDevice) enlarge(set *tileSet, nnz int64) error {
	for _, s := range d.Streams {
		if err := s.Sync(); err != nil {
			return err
		}
	}
	return set.alloc(d.Backend, nnz)
}
