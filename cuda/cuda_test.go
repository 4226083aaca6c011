//go:build cuda

package cuda

import (
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/device/devicetest"
)

// openTest opens the first device: a real one, or the emulator's (make test-cuda).
func openTest(t *testing.T) device.Backend {
	t.Helper()
	b, err := Open(0, Options{Debug: true})
	if err != nil {
		t.Skipf("no device: %v", err)
	}
	return b
}

func TestConformance(t *testing.T) { devicetest.RunExact(t, openTest) }
