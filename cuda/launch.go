//go:build cuda

package cuda

import (
	"fmt"
	"math"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels/ptx"
)

// dims is the shape of a launch; a dimension of the grid may be 0: nothing runs.
type dims struct {
	grid, block [3]int64
	shared      int // bytes of dynamic shared memory
}

// line is a grid of one dimension.
func line(blocks int64, threads int) dims {
	return dims{grid: [3]int64{blocks, 1, 1}, block: [3]int64{int64(threads), 1, 1}}
}

// warps is a grid with a warp for each of n rows, eight to a block.
func warps(n int) dims { return line((int64(n)+7)/8, 256) }

// threads is a grid with a thread for each of n elements.
func threads(n int64) dims { return line((n+255)/256, 256) }

// launch queues a kernel of kernels/<stem>.cu. Arguments follow the two that every
// kernel has; they are ptr, integers, float64 or bool.
func (s *stream) launch(stem, kernel string, d dims, args ...any) error {
	if d.grid[0] == 0 || d.grid[1] == 0 || d.grid[2] == 0 {
		return nil
	}
	if d.grid[0] > math.MaxInt32 || d.grid[1] > 65535 || d.grid[2] > 65535 {
		return errs.New(errs.Limit, "%s: a grid of %v blocks is too large", kernel, d.grid)
	}
	f, err := s.b.function(stem, kernel)
	if err != nil {
		return err
	}
	s.seq++
	slots := append(s.slots[:0], uint64(s.status), s.seq)
	for _, a := range args {
		slots = append(slots, slot(a))
	}
	s.slots = slots
	if len(slots) > maxArgs {
		return errs.New(errs.Usage, "%s has %d parameters", kernel, len(slots))
	}
	s.names = append(s.names, s.op)
	s.b.meter.launches.Add(1)
	return s.driver("launch "+kernel, func() error {
		if err := f.allow(d.shared); err != nil {
			return err
		}
		if err := s.enter(computing); err != nil {
			return err
		}
		return f.launch(s.cu, d, slots)
	})
}

// slot is an argument in 8 bytes.
func slot(a any) uint64 {
	switch a := a.(type) {
	case ptr:
		return uint64(a)
	case int:
		return uint64(a)
	case int64:
		return uint64(a)
	case uint64:
		return a
	case float64:
		return math.Float64bits(a)
	case bool:
		if a {
			return 1
		}
		return 0
	}
	panic(fmt.Sprintf("an argument of type %T", a)) // a mistake in this package; tests launch every kernel
}

// function finds a kernel, loading the image of its operation when it is first asked for.
func (b *backend) function(stem, kernel string) (*function, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.functions[kernel]; f != nil {
		return f, nil
	}
	m, ok := b.modules[stem]
	if !ok {
		var err error
		if m, err = b.load(stem); err != nil {
			return nil, err
		}
		b.modules[stem] = m
	}
	f := &function{}
	err := b.ctx.do(func() (err error) {
		f.f, err = m.Function(kernel)
		return err
	})
	if err != nil {
		return nil, tell(b.name, "no kernel "+kernel, err)
	}
	b.functions[kernel] = f
	return f, nil
}

// load gives the driver the kernels of an operation: machine code if it takes it, else
// PTX. An older driver refuses machine code of a newer compiler.
func (b *backend) load(stem string) (m cu.Module, err error) {
	images := ptx.Images(stem, b.info.Compute)
	if len(images) == 0 {
		return m, errs.New(errs.Unsupported, "no kernels for %q in this program", stem)
	}
	for _, image := range images {
		err = b.ctx.do(func() (err error) {
			m, err = cu.LoadData(string(image))
			return err
		})
		if err == nil {
			return m, nil
		}
	}
	return m, tell(b.name, "the kernels of "+stem+" cannot be loaded", err)
}
