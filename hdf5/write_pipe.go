package hdf5

import (
	"sync"

	"github.com/gpusc/gpusc/memory"
)

// pipeline compresses chunks in parallel and places them in the order in which
// they became complete. The queue is emptied from its head only, so a chunk's
// address follows from the data written before it and nothing else.
type pipeline struct {
	w     *Writer
	jobs  chan *job
	wg    sync.WaitGroup
	queue []*job // complete chunks, oldest first, at most depth
	depth int
	idle  []*job
	bufs  [][]byte
	own   encoder // for the calling goroutine, with one thread
	res   *memory.Reservation
	need  int64
}

// job is one chunk on its way through the filters.
type job struct {
	d     *DatasetWriter
	index int64 // place of the chunk in row-major order
	raw   []byte
	out   []byte // room for the result, kept between uses
	got   []byte // the result: in out, or raw itself
	mask  uint32 // bit i: filter i was not applied
	err   error
	done  chan struct{}
}

func newPipeline(w *Writer) *pipeline {
	p := &pipeline{w: w, depth: w.o.Threads + 2}
	if w.o.Threads == 1 {
		p.depth = 0
	}
	return p
}

// begin accounts for chunks of n bytes and starts the goroutines with the
// first dataset that has filters.
func (p *pipeline) begin(n int64, filters bool) error {
	t := int64(p.w.o.Threads)
	need := (2*int64(p.depth+1) + t) * n
	if l := p.w.o.Ledger; l != nil && need > p.need {
		var err error
		if p.res == nil {
			p.res, err = l.Reserve(memory.Host, "HDF5 chunks being written", need)
		} else {
			err = p.res.Resize(need)
		}
		if err != nil {
			return err
		}
	}
	p.need = max(p.need, need)
	if !filters || p.jobs != nil || t == 1 {
		return nil
	}
	p.jobs = make(chan *job, p.depth)
	for range t {
		p.wg.Add(1)
		go func(jobs <-chan *job) {
			defer p.wg.Done()
			var e encoder
			for j := range jobs {
				e.encode(j)
				j.done <- struct{}{}
			}
		}(p.jobs)
	}
	return nil
}

// stop ends the goroutines. What is in the queue is lost.
func (p *pipeline) stop() {
	if p.jobs != nil {
		close(p.jobs)
		p.wg.Wait()
		p.jobs = nil
	}
	p.queue, p.idle, p.bufs = nil, nil, nil
	p.res.Release()
	p.res = nil
}

// buffer returns n bytes of any content.
func (p *pipeline) buffer(n int) []byte {
	for i, b := range p.bufs {
		if cap(b) >= n {
			last := len(p.bufs) - 1
			p.bufs[i] = p.bufs[last]
			p.bufs = p.bufs[:last]
			return b[:n]
		}
	}
	return make([]byte, n)
}

// recycle keeps a buffer for later.
func (p *pipeline) recycle(b []byte) {
	if len(p.bufs) <= p.depth {
		p.bufs = append(p.bufs, b)
	}
}

// submit takes raw, a whole chunk, which is the pipeline's from now on.
func (p *pipeline) submit(d *DatasetWriter, index int64, raw []byte) error {
	j := p.job(d, index, raw)
	switch {
	case len(d.filters) == 0:
		j.got = raw
		j.done <- struct{}{}
	case p.jobs == nil:
		p.own.encode(j)
		j.done <- struct{}{}
	default:
		p.jobs <- j
	}
	return p.enqueue(j)
}

// stored takes a chunk that is already encoded, in a buffer from p.buffer.
func (p *pipeline) stored(d *DatasetWriter, index int64, b []byte, mask uint32) error {
	j := p.job(d, index, b)
	j.got, j.mask = b, mask
	j.done <- struct{}{}
	return p.enqueue(j)
}

func (p *pipeline) job(d *DatasetWriter, index int64, raw []byte) *job {
	var j *job
	if n := len(p.idle); n > 0 {
		j, p.idle = p.idle[n-1], p.idle[:n-1]
	} else {
		j = &job{done: make(chan struct{}, 1)}
	}
	j.d, j.index, j.raw, j.got, j.mask, j.err = d, index, raw, nil, 0, nil
	return j
}

// enqueue adds a job and places the oldest ones until the queue has room.
func (p *pipeline) enqueue(j *job) error {
	p.queue = append(p.queue, j)
	for len(p.queue) > p.depth {
		if err := p.place(); err != nil {
			return err
		}
	}
	return nil
}

// drain places every chunk that is under way.
func (p *pipeline) drain() error {
	for len(p.queue) > 0 {
		if err := p.place(); err != nil {
			return err
		}
	}
	return nil
}

// place waits for the oldest chunk and writes it.
func (p *pipeline) place() error {
	j := p.queue[0]
	select {
	case <-j.done:
	case <-p.w.o.Context.Done():
		return p.w.o.Context.Err()
	}
	p.queue = append(p.queue[:0], p.queue[1:]...)
	if j.err != nil {
		return j.err
	}
	at, err := p.w.space.put(j.got)
	if err != nil {
		return err
	}
	j.d.chunks = append(j.d.chunks, chunkRef{index: j.index, addr: at, size: uint32(len(j.got)), mask: j.mask})
	p.recycle(j.raw)
	p.idle = append(p.idle, j)
	return nil
}
