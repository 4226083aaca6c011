package gpusc

import (
	"errors"
	"strconv"
	"strings"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// gpus is the kind of devices that a build has beside the processor; see gpuKind,
// of which each build has its own.
type gpus struct {
	// list describes the devices that answer; where there is none, the error says why.
	// With some, an error of kind errs.Unsupported is about others, which are too old.
	list func() ([]device.Info, error)
	// open opens device n with at most limit bytes of device memory (0: what is free).
	open func(n int, l *memory.Ledger, limit int64) (device.Backend, error)
	// driver is the version of the driver.
	driver func() string
}

// choice is what --device asks for.
type choice struct {
	cpu   bool  // the processor
	any   bool  // the first GPU if one answers, else the processor
	all   bool  // every GPU
	which []int // these GPUs
}

// parseDevice reads the words of Options.Device.
func parseDevice(s string) (c choice, err error) {
	list, numbered := strings.CutPrefix(s, "cuda:")
	switch {
	case s == "" || s == "auto":
		c.any = true
	case s == "cpu":
		c.cpu = true
	case s == "cuda":
		c.all = true
	case numbered:
		seen := map[int]bool{}
		for part := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 {
				return c, errs.New(errs.Usage, "%q in --device %s is no number of a device", part, s).Do("write it like cuda:0 or cuda:0,1")
			}
			if seen[n] {
				return c, errs.New(errs.Usage, "--device %s names device %d twice", s, n)
			}
			seen[n] = true
			c.which = append(c.which, n)
		}
	default:
		return c, errs.New(errs.Usage, "there is no device %q", s).Do("use auto, cpu, cuda or cuda:0,1; gpusc devices lists what there is")
	}
	return c, nil
}

// numbers are those in the names of devices, "cuda:1".
func numbers(found []device.Info) (out []int) {
	for _, i := range found {
		if n, err := strconv.Atoi(strings.TrimPrefix(i.Name, "cuda:")); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// openGPUs opens the GPUs that are asked for. Without an error and without devices
// the processor is to be used; why then says what stood in the way, "" if nothing was asked.
func openGPUs(o Options, l *memory.Ledger) (b []device.Backend, why string, err error) {
	c, err := parseDevice(o.Device)
	if err != nil || c.cpu {
		return nil, "", err
	}
	kind := gpuKind()
	if kind == nil {
		if c.any {
			return nil, "", nil
		}
		return nil, "", errs.New(errs.Resource, "device %q is not in this build", o.Device).
			Do("use --device cpu, or the program that make build-cuda makes")
	}
	found, err := kind.list()
	if len(found) > 0 && errors.Is(err, errs.Unsupported) {
		err = nil
	}
	switch {
	case err != nil && c.any:
		return nil, err.Error(), nil
	case err != nil:
		return nil, "", err
	case c.any:
		c.which = numbers(found[:1])
	case c.all:
		c.which = numbers(found)
	}
	for _, n := range c.which {
		d, err := kind.open(n, l, o.DeviceMemory)
		if err != nil {
			for _, d := range b {
				_ = d.Close()
			}
			if c.any {
				return nil, err.Error(), nil
			}
			return nil, "", err
		}
		b = append(b, d)
	}
	return b, "", nil
}
