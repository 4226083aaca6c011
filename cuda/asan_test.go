//go:build cuda

package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAddressSanitizer runs all tests of operations and streams with each buffer as an
// allocation of its own under AddressSanitizer. It is for make mutants.
func TestAddressSanitizer(t *testing.T) {
	lib := os.Getenv("LD_LIBRARY_PATH") + "-asan"
	if _, err := os.Stat(filepath.Join(lib, "obj", "stamp")); err != nil || os.Getenv("GPUSC_MUTANTS") != "all" {
		t.Skip("GPUSC_MUTANTS=all is not set, or make emulator-asan has not been run")
	}
	for _, tests := range []string{"TestConformance/op", "TestConformance/(stream|memory)", "TestPool"} {
		for _, seed := range []int{0, 3} {
			t.Run(fmt.Sprint(tests, " seed ", seed), func(t *testing.T) {
				t.Parallel()
				m := mutant{tests: tests, env: "GPUSC_TEST_POOL=apart ASAN"}
				if strings.Contains(tests, "Pool") {
					m.env = "ASAN" // it is about the pool
				}
				if out, ok := m.run(t, lib, seed, noBug); !ok {
					t.Errorf("%s", out[max(0, len(out)-6000):])
				}
			})
		}
	}
}
