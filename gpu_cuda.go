//go:build cuda

package gpusc

import (
	"os"

	"github.com/gpusc/gpusc/cuda"
	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/memory"
)

// gpuKind is CUDA.
func gpuKind() *gpus {
	return &gpus{
		list: cuda.List,
		open: func(n int, l *memory.Ledger, limit int64) (device.Backend, error) {
			return cuda.Open(n, cuda.Options{Ledger: l, Memory: limit, Debug: os.Getenv("GPUSC_CUDA_DEBUG") != ""})
		},
		driver: cuda.Driver,
	}
}
