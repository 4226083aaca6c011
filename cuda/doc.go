// Package cuda runs the catalogue of package kernels on NVIDIA devices. It is part
// of builds with -tags cuda only; such a program needs no CUDA installed and starts
// on machines without a driver, where List says why there is no device.
//
// # How it is put together
//
// driver.go is the border to the driver: package gorgonia.org/cu, and what that
// lacks. Calls go straight to the driver, on a thread that is locked and given the
// device's context for the length of the call, so that any goroutine may make them;
// the device itself is the queue, and no goroutine runs here.
//
// backend.go and stream.go are device.Backend and device.Stream; pool.go hands out
// device memory from one slab. Each operation has a file of its own with the stem of
// its twin in package cpu: it checks the sizes of what it is given, chooses a grid
// and launches the kernels of kernels/<stem>.cu.
//
// # Errors found by kernels
//
// A stream has a Status word on the device (kernels/common.cuh). The first launch
// that fails writes its number there; later launches see it and do nothing; Sync
// brings it back and turns it into words (status.go). So nothing waits for the
// answer of a check, and errors are sticky on the device as well.
//
// # Bits
//
// Every operation gives the bits of package cpu, covariances included.
package cuda
