//go:build cuda

package cuda

import (
	"os"
	"strconv"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/device/devicetest"
)

// testOptions are those of tests, with what TestMutants and TestAddressSanitizer ask for.
func testOptions() Options {
	n, _ := strconv.Atoi(os.Getenv("GPUSC_TEST_BUG"))
	return Options{Debug: true, bug: bug(n), apart: os.Getenv("GPUSC_TEST_APART") != ""}
}

// openTest opens the first device: a real one, or the emulator's (make test-cuda).
func openTest(t *testing.T) device.Backend {
	t.Helper()
	b, err := Open(0, testOptions())
	if err != nil {
		t.Skipf("no device: %v", err)
	}
	return b
}

func TestConformance(t *testing.T) { devicetest.RunExact(t, openTest) }
