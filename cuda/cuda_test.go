//go:build cuda

package cuda

import (
	"os"
	"strconv"
	"testing"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/device/devicetest"
)

// testOptions are those of tests: with the fault that TestMutants asks for, and memory
// by GPUSC_TEST_POOL: "debug" (the default) fills it, which can hide what goes wrong
// among streams; "plain" is what users have; "apart" is for tools that watch the
// driver's allocations.
func testOptions() Options {
	n, _ := strconv.Atoi(os.Getenv("GPUSC_TEST_BUG"))
	pool := os.Getenv("GPUSC_TEST_POOL")
	return Options{Debug: pool == "" || pool == "debug", Apart: pool == "apart", bug: bug(n)}
}

// openTest opens the first device: a real one, or the emulator's (make test-cuda).
func openTest(t *testing.T) device.Backend {
	t.Helper()
	b, err := Open(0, testOptions())
	if err != nil && os.Getenv("GPUSC_TEST_DEVICE") == "required" {
		t.Fatalf("no device: %v", err)
	}
	if err != nil {
		t.Skipf("no device: %v", err)
	}
	return b
}

func TestConformance(t *testing.T) { devicetest.RunExact(t, openTest) }

// TestScratchInTurn: scratch memory that grows may be cut from what earlier work of the
// same stream still uses, so nothing may be done to it out of turn.
func TestScratchInTurn(t *testing.T) {
	b, ok := openTest(t).(*backend)
	if !ok {
		t.Fatal("another backend")
	}
	defer b.Close()
	for range 20 {
		st, err := b.Stream()
		if err != nil {
			t.Fatal(err)
		}
		s := st.(*stream)
		const n = 1300
		h, err := b.HostAlloc(n, "answer")
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int64{1000, n, 1800} { // the third fits into the first two
			at, err := s.scratch(size)
			if err != nil {
				t.Fatal(err)
			}
			if size != n {
				continue
			}
			if err := s.set(at, 7, n); err != nil {
				t.Fatal(err)
			}
			if err := s.Download(h, 0, s.own.k, 0, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for i, x := range h.Bytes() {
			if x != 7 {
				t.Fatalf("byte %d is %#x, as if something else had used the memory meanwhile", i, x)
			}
		}
		h.Free()
	}
}
