package devicetest

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/gpusc/gpusc/device"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/kernels"
)

func testInfo(t *testing.T, r *rig) {
	i := r.dev.Info()
	if i.Name == "" || i.Memory <= 0 || i.Parallelism < 1 {
		t.Errorf("the backend tells too little of itself: %+v", i)
	}
	if r.dev.Supports("no such operation") {
		t.Error("Supports an operation that is not in the catalogue")
	}
}

// testShare sees that a shared buffer is the host memory itself.
func testShare(t *testing.T, r *rig) {
	h := r.host(100)
	b, ok := r.dev.Share(h)
	if ok != r.dev.Info().Unified {
		t.Errorf("Share is %v, Unified %v", ok, r.dev.Info().Unified)
	}
	if !ok {
		t.Skipf("%s does not read host memory", r.dev.Info().Name)
	}
	if b.Size() != 100 {
		t.Errorf("Size is %d", b.Size())
	}
	for i := range h.Bytes() {
		h.Bytes()[i] = 9
	}
	r.ok(r.s.Clear(b, 10, 80))
	r.ok(r.s.Sync())
	for i, x := range h.Bytes() {
		if (x == 0) != (i >= 10 && i < 90) {
			t.Fatalf("byte %d is %d", i, x)
		}
	}
	b.Free()
	h.Bytes()[0] = 1 // still there
}

// testSizes allocates what can and what cannot be.
func testSizes(t *testing.T, r *rig) {
	for _, n := range []int64{0, 1, 63, 64, 65, 4097, 1<<16 - 1, 1 << 16, 1<<20 + 1} {
		b, h := r.alloc(n), r.host(n)
		if n > 0 && uintptr(unsafe.Pointer(&h.Bytes()[0]))%64 != 0 {
			t.Errorf("%d bytes of staging memory are not aligned to 64", n)
		}
		for i := range h.Bytes() {
			h.Bytes()[i] = byte(i)
		}
		r.ok(r.s.Upload(b, 0, h, 0, n))
		got := down[byte](r, b, int(n))
		for i, x := range got {
			if x != byte(i) {
				t.Fatalf("byte %d of %d is %d", i, n, x)
			}
		}
	}
	for _, n := range []int64{1 << 50, 1<<62 + 1} {
		_, err := r.dev.Alloc(n, "the moon")
		if !errors.Is(err, errs.Budget) || !strings.Contains(err.Error(), "the moon") {
			t.Errorf("Alloc(%d): %v, want an errs.Budget error that names the moon", n, err)
		}
		_, err = r.dev.HostAlloc(n, "the sun")
		if !errors.Is(err, errs.Budget) || !strings.Contains(err.Error(), "the sun") {
			t.Errorf("HostAlloc(%d): %v, want an errs.Budget error that names the sun", n, err)
		}
	}
	if _, err := r.dev.Alloc(-1, "less than nothing"); err == nil {
		t.Error("Alloc(-1) gives no error")
	}
}

// testMeter sees that a backend that can tell what it did tells it right.
func testMeter(t *testing.T, r *rig) {
	m, ok := r.dev.(device.Meter)
	if !ok {
		t.Skipf("%s does not tell what it did", r.dev.Info().Name)
	}
	h, b := r.host(1000), r.alloc(1000)
	clear(h.Bytes())
	before := m.Busy()
	r.ok(r.s.Upload(b, 0, h, 0, 1000))
	r.ok(r.s.Upload(b, 100, h, 100, 30))
	r.ok(r.s.Clear(b, 0, 1000))
	for range 3 {
		r.ok(r.s.Launch(&kernels.RowStats{X: kernels.CSR{Rows: 1, Indptr: b}, Total: b, Detected: b}))
	}
	r.ok(r.s.Download(h, 0, b, 0, 500))
	r.ok(r.s.Sync())
	got := m.Busy().Sub(before)
	if got.Up != 1030 || got.Down != 500 || got.Launches != 3 || got.Copying < 0 || got.Computing < 0 {
		t.Errorf("the meter tells %+v of 1030 bytes up, 500 down and 3 launches", got)
	}
}

// testLeaks closes a backend with things left in it.
func testLeaks(t *testing.T, dev device.Backend) {
	b, err := dev.Alloc(100, "a forgotten buffer")
	if err != nil {
		t.Fatal(err)
	}
	h, err := dev.HostAlloc(100, "forgotten staging")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := dev.Alloc(100, "a freed buffer")
	if err != nil {
		t.Fatal(err)
	}
	kept.Free()
	if _, err := dev.Stream(); err != nil {
		t.Fatal(err)
	}
	err = dev.Close()
	for _, name := range []string{"a forgotten buffer", "forgotten staging", "stream"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Close does not tell of %s: %v", name, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "a freed buffer") {
		t.Errorf("Close tells of what was freed: %v", err)
	}
	b.Free()
	h.Free()
	if _, err := dev.Alloc(1, "late"); err == nil {
		t.Error("Alloc after Close gives no error")
	}
	if _, err := dev.Stream(); err == nil {
		t.Error("Stream after Close gives no error")
	}
}

// testDoubleFree frees twice, which does no harm but is told.
func testDoubleFree(t *testing.T, dev device.Backend) {
	b, err := dev.Alloc(100, "freed too often")
	if err != nil {
		t.Fatal(err)
	}
	other, err := dev.Alloc(100, "freed once")
	if err != nil {
		t.Fatal(err)
	}
	b.Free()
	b.Free()
	other.Free()
	err = dev.Close()
	if err == nil || !strings.Contains(err.Error(), "freed too often") || strings.Contains(err.Error(), "freed once") {
		t.Errorf("Close does not tell of the buffer that was freed twice: %v", err)
	}
}
