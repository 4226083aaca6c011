//go:build cuda

package cuda

import (
	"errors"
	"fmt"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
)

// minCompute is the oldest compute capability that the kernels are built for.
const minCompute = 80

// Count returns the number of devices that the driver shows, which is at least 1:
// where there is none, the error (errs.Resource) says why and what to do.
func Count() (int, error) {
	if what, remedy := driverTrouble(); what != "" {
		return 0, errs.New(errs.Resource, "%s", what).Do("%s", remedy)
	}
	n, err := cu.NumDevices()
	if err != nil {
		return 0, tell("cuda", "devices cannot be counted", fromCu(err))
	}
	if n == 0 {
		return 0, errs.New(errs.Resource, "the NVIDIA driver shows no device").
			Do("is CUDA_VISIBLE_DEVICES set to nothing, or the container without --gpus?")
	}
	return n, nil
}

// Driver returns the version of CUDA that the driver can do, for example "12.4".
func Driver() string {
	v := cu.Version()
	if v <= 0 {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d", v/1000, v%1000/10)
}

// List describes the devices. Where there is none, the error says why; with some it is
// of kind errs.Unsupported, for others that are too old.
func List() ([]device.Info, error) {
	n, err := Count()
	if err != nil {
		return nil, err
	}
	var out []device.Info
	var old error
	for i := range n {
		d, err := cu.GetDevice(i)
		if err != nil {
			return out, tell(fmt.Sprintf("cuda:%d", i), "cannot be found", fromCu(err))
		}
		info, err := describe(fmt.Sprintf("cuda:%d", i), d)
		if errors.Is(err, errs.Unsupported) { // a card for the screen beside one for work
			old = err
			continue
		}
		if err != nil {
			return out, err
		}
		out = append(out, info)
	}
	return out, old
}

// describe asks the driver about a device, and refuses one that is too old.
func describe(name string, d cu.Device) (device.Info, error) {
	info := device.Info{Name: name, Parallelism: 4}
	var err error
	if info.Model, err = d.Name(); err != nil {
		return info, tell(name, "cannot be asked for its name", fromCu(err))
	}
	if info.Memory, err = d.TotalMem(); err != nil {
		return info, tell(name, "cannot be asked for its memory", fromCu(err))
	}
	major, minor, err := d.ComputeCapability()
	if err != nil {
		return info, tell(name, "cannot be asked for its compute capability", fromCu(err))
	}
	info.Compute = fmt.Sprintf("sm_%d%d", major, minor)
	if major*10+minor < minCompute {
		return info, errs.New(errs.Unsupported, "%s (%s) has compute capability %d.%d, 8.0 is needed", name, info.Model, major, minor).
			Do("use --device cpu")
	}
	return info, nil
}
