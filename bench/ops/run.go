package ops

import (
	"context"
	"slices"
	"time"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// Options says what is measured. The zero value is useful.
type Options struct {
	Rows    int     // cells; 0: 4096
	Genes   int     // 0: 28,000
	Density float64 // share of values that are stored; 0: 0.07
	Seed    uint64
	Runs    int // timings of each operation, of which the median is told; 0: 5
	// Streams run side by side. 0: as many as the device has threads where it shares
	// the host's memory, else 1.
	Streams int
	// Ledger is the account that the made-up counts are reserved in; nil: none.
	Ledger *memory.Ledger
	// PeakF32 and PeakF64 are what the device's maker declares, in FLOP/s; 0: not
	// known, and shares of it are not told.
	PeakF32, PeakF64 float64
	// Progress is told the name of what is measured next; nil: nobody.
	Progress func(name string)
}

func (o *Options) ensureDefaults(i device.Info) {
	if o.Rows == 0 {
		o.Rows = 4096
	}
	if o.Genes == 0 {
		o.Genes = 28000
	}
	if o.Density == 0 {
		o.Density = 0.07
	}
	if o.Runs == 0 {
		o.Runs = 5
	}
	if o.Streams == 0 {
		o.Streams = 1
		if i.Unified {
			o.Streams = max(i.Parallelism, 1)
		}
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
}

func (o *Options) check() error {
	switch {
	case o.Rows < 1 || o.Rows > 1<<24:
		return errs.New(errs.Usage, "cannot measure with %d cells", o.Rows).Do("give 1 to %d", 1<<24)
	case o.Genes < 20 || o.Genes > 1<<20:
		return errs.New(errs.Usage, "cannot measure with %d genes", o.Genes).Do("give 20 to %d", 1<<20)
	case !(o.Density > 0 && o.Density <= 1):
		return errs.New(errs.Usage, "a density of %g cannot be", o.Density).Do("give a share between 0 and 1, like 0.07")
	case o.Runs < 0 || o.Streams < 0 || o.Streams > 1024:
		return errs.New(errs.Usage, "cannot measure %d times on %d streams", o.Runs, o.Streams)
	}
	return nil
}

// Operation is what was measured of one operation.
type Operation struct {
	Name     string  `json:"name"`
	Moves    string  `json:"moves"`                  // the formula of Bytes
	Bytes    int64   `json:"bytes"`                  // of one launch
	Flops    int64   `json:"flops,omitempty"`        // of one launch
	Double   bool    `json:"float64,omitempty"`      // Flops are of float64
	Seconds  float64 `json:"seconds"`                // one launch among many, on each stream
	Alone    float64 `json:"alone_seconds"`          // one launch and Sync
	Launches int     `json:"launches"`               // in a row, for Seconds
	Runs     int     `json:"runs"`                   // of which Seconds and Alone are the medians
	Rate     float64 `json:"bytes_per_second"`       // of all streams
	Share    float64 `json:"share"`                  // of the memory ceiling
	FlopRate float64 `json:"flop_per_second"`        // of all streams, 0: not counted
	FlopPart float64 `json:"flop_share"`             // of the declared peak, 0: none declared
	Not      string  `json:"not_measured,omitempty"` // why there are no figures
}

// Result is what Measure finds.
type Result struct {
	Device     device.Info `json:"device"`
	Rows       int         `json:"rows"`
	Genes      int         `json:"genes"`
	NNZ        int64       `json:"nnz"`
	Selected   int         `json:"selected_genes"`
	SelNNZ     int64       `json:"selected_nnz"`
	TileRows   int         `json:"tile_rows"`
	TileHot    int         `json:"tile_dense_genes"`
	Streams    int         `json:"streams"`
	Ceilings   []Ceiling   `json:"ceilings"`
	PeakF32    float64     `json:"declared_peak_float32,omitempty"` // FLOP/s
	PeakF64    float64     `json:"declared_peak_float64,omitempty"`
	Operations []Operation `json:"operations"`
}

// Measure measures every operation of the catalogue that the device has. What
// fails on its own is told in its row and does not stop the others.
//
// Errors: errs.Usage for options that cannot be, errs.Budget where memory does not
// do, and the device's own.
func Measure(ctx context.Context, dev device.Backend, o Options) (*Result, error) {
	o.ensureDefaults(dev.Info())
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Ledger != nil {
		// Indices and counts, once in pieces and once in one run, and what is selected.
		need := int64(3 * 8 * float64(o.Rows) * float64(o.Genes) * min(1, 1.3*o.Density))
		r, err := o.Ledger.Reserve(memory.Host, "made-up counts", need)
		if err != nil {
			return nil, err
		}
		defer r.Release()
	}
	o.Progress("making counts")
	src, err := source(ctx, o)
	if err != nil {
		return nil, err
	}
	all, err := counts(ctx, src, dev.Info().Parallelism)
	if err != nil {
		return nil, err
	}
	m, err := newMeter(dev, &o)
	if err != nil {
		return nil, err
	}
	defer m.close()
	in, err := load(m.shared, all, src.MarkerOf())
	if err != nil {
		return nil, err
	}
	return m.all(ctx, in)
}

// meter measures on some streams of a device.
type meter struct {
	o       *Options
	dev     device.Backend
	streams []device.Stream
	shared  *arena // what all operations read
}

func newMeter(dev device.Backend, o *Options) (*meter, error) {
	m := &meter{o: o, dev: dev}
	for range o.Streams {
		s, err := dev.Stream()
		if err != nil {
			m.close()
			return nil, err
		}
		m.streams = append(m.streams, s)
	}
	m.shared = &arena{dev: dev, s: m.streams[0]}
	return m, nil
}

func (m *meter) close() {
	for _, s := range m.streams {
		_ = s.Close() // its failure was told when it was waited for
	}
	if m.shared != nil {
		m.shared.free()
	}
}

func (m *meter) all(ctx context.Context, in *inputs) (*Result, error) {
	r := &Result{
		Device: m.dev.Info(), Rows: in.all.rows, Genes: in.all.cols, NNZ: in.all.nnz(),
		Selected: in.sel.cols, SelNNZ: in.sel.nnz(), TileRows: in.tile.rows, TileHot: in.plan.Hot,
		Streams: len(m.streams), PeakF32: m.o.PeakF32, PeakF64: m.o.PeakF64,
	}
	var err error
	m.o.Progress("ceilings")
	if r.Ceilings, err = m.ceilings(ctx); err != nil {
		return nil, err
	}
	most := memoryCeiling(r.Ceilings)
	for _, c := range cases() {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		m.o.Progress(c.name)
		op := Operation{Name: c.name, Moves: c.moves}
		if !m.dev.Supports(c.name) {
			op.Not = m.dev.Info().Name + " has no such operation"
		} else if err := m.operation(ctx, in, c, &op); err != nil {
			op.Not = err.Error()
			// A stream that failed stays so: the others get new ones.
			if err := m.renew(); err != nil {
				return nil, err
			}
		}
		if op.Not == "" {
			op.rates(len(m.streams), most, m.o)
		}
		r.Operations = append(r.Operations, op)
	}
	return r, context.Cause(ctx)
}

// rates works out what follows from bytes and seconds.
func (op *Operation) rates(streams int, most float64, o *Options) {
	per := float64(streams) / max(op.Seconds, 1e-12)
	op.Rate, op.FlopRate = float64(op.Bytes)*per, float64(op.Flops)*per
	op.Share = op.Rate / most
	peak := o.PeakF32
	if op.Double {
		peak = o.PeakF64
	}
	if peak > 0 {
		op.FlopPart = op.FlopRate / peak
	}
}

// renew replaces the streams.
func (m *meter) renew() error {
	for i, old := range m.streams {
		_ = old.Close()
		s, err := m.dev.Stream()
		if err != nil {
			m.streams = slices.Delete(m.streams, i, i+1)
			return err
		}
		m.streams[i] = s
	}
	m.shared.s = m.streams[0]
	return nil
}

// operation times one operation.
func (m *meter) operation(ctx context.Context, in *inputs, c oneCase, op *Operation) error {
	works := make([]work, len(m.streams))
	for i, s := range m.streams {
		a := &arena{dev: m.dev, s: s}
		defer a.free()
		works[i] = c.make(in, a)
		if a.err != nil {
			return a.err
		}
	}
	op.Bytes, op.Flops, op.Double = works[0].bytes, works[0].flops, works[0].double
	t, err := m.time(ctx, func(i int) error { return m.streams[i].Launch(works[i].op()) })
	op.Seconds, op.Alone, op.Launches, op.Runs = t.many, t.alone, t.launches, t.runs
	return err
}

// timing is how long something takes.
type timing struct {
	many, alone    float64 // seconds: one among many, one and Sync
	launches, runs int
}

const (
	rowSeconds  = 0.02 // a row of launches takes about so long
	maxLaunches = 200
	caseSeconds = 3.0 // after which fewer runs have to do
)

// time calls queue for each stream, once and several times before a Sync.
func (m *meter) time(ctx context.Context, queue func(stream int) error) (timing, error) {
	once := func(n int) (float64, error) {
		start := time.Now()
		for range n {
			for i := range m.streams {
				if err := queue(i); err != nil {
					return 0, err
				}
			}
		}
		for _, s := range m.streams {
			if err := s.Sync(); err != nil {
				return 0, err
			}
		}
		return time.Since(start).Seconds(), context.Cause(ctx)
	}
	var t timing
	if err := m.sync(); err != nil {
		return t, err
	}
	if _, err := once(1); err != nil { // loads the kernel
		return t, err
	}
	var alone, many []float64
	for begun := time.Now(); t.runs < m.o.Runs && (t.runs == 0 || time.Since(begun).Seconds() < caseSeconds); t.runs++ {
		one, err := once(1)
		if err != nil {
			return t, err
		}
		if t.launches == 0 {
			t.launches = min(max(int(rowSeconds/max(one, 1e-9)), 1), maxLaunches)
		}
		alone = append(alone, one)
		row, err := once(t.launches)
		if err != nil {
			return t, err
		}
		many = append(many, row/float64(t.launches))
	}
	t.alone, t.many = median(alone), median(many)
	return t, nil
}

func (m *meter) sync() error {
	for _, s := range m.streams {
		if err := s.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
