//go:build !cuda

package gpusc

// gpuKind is nil: this build has the processor only.
func gpuKind() *gpus { return nil }
