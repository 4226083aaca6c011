package gpusc

import "github.com/gpusc/gpusc/device"

// Backends returns the devices that the engine has opened: the processor, or one
// or more GPUs. They belong to the engine and end with it; so must what is
// allocated on them.
func (e *Engine) Backends() []device.Backend { return e.backends }
