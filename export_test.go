package gpusc

import (
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/memory"
)

// On makes an engine of these options run on other backends.
func (o Options) On(open func(*memory.Ledger) ([]device.Backend, error)) Options {
	o.backends = open
	return o
}
