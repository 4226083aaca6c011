package hdf5

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// faultSystem lets the operation number fail (counted from 1) fail.
type faultSystem struct {
	osSystem
	n, fail int
	open    int // files not closed
}

func (s *faultSystem) step() error {
	if s.n++; s.n == s.fail {
		return syscall.ENOSPC
	}
	return nil
}

type faultFile struct {
	storage
	s *faultSystem
}

func (s *faultSystem) wrap(f storage, err error) (storage, error) {
	if err != nil {
		return nil, err
	}
	s.open++
	return &faultFile{f, s}, nil
}

func (s *faultSystem) create(path string) (storage, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	return s.wrap(s.osSystem.create(path))
}

func (s *faultSystem) edit(path string) (storage, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	return s.wrap(s.osSystem.edit(path))
}

func (s *faultSystem) rename(from, to string, replace bool) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.osSystem.rename(from, to, replace)
}

func (s *faultSystem) syncDir(path string) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.osSystem.syncDir(path)
}

func (f *faultFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.s.step(); err != nil {
		n, _ := f.storage.WriteAt(b[:len(b)/2], at) // a short write
		return n, err
	}
	return f.storage.WriteAt(b, at)
}

func (f *faultFile) Sync() error {
	if err := f.s.step(); err != nil {
		return err
	}
	return f.storage.Sync()
}

func (f *faultFile) Truncate(n int64) error {
	if err := f.s.step(); err != nil {
		return err
	}
	return f.storage.Truncate(n)
}

func (f *faultFile) Close() error {
	f.s.open--
	return errors.Join(f.s.step(), f.storage.Close())
}

// fillBig writes enough to have many chunks under way, and large writes.
func fillBig(w *Writer) error {
	for _, name := range []string{"a", "b"} {
		d, err := w.Root().Dataset(name, Spec{
			Type: Int32(), Dims: []int64{-1}, Chunk: []int64{50_000},
			Compression: Compression{Kind: Gzip, Level: 1, Shuffle: name == "a"},
		})
		if err != nil {
			return err
		}
		v := make([]int32, 70_000)
		for i := range v {
			v[i] = int32(i * i % 1009)
		}
		for range 12 {
			if err := d.Append(i32bytes(v)); err != nil {
				return err
			}
		}
	}
	g, err := w.Root().Group("g")
	if err != nil {
		return err
	}
	return g.SetAttr("list", names("x", 5000))
}

func TestEveryFaultOfCreate(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for fail := 1; ; fail++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "x.h5")
		sys := &faultSystem{fail: fail}
		ledger := memory.New(0)
		w, err := Create(path, Options{Threads: 2, sys: sys, Ledger: ledger})
		if err == nil {
			if err = fillBig(w); err == nil {
				err = w.Commit()
			}
			if err != nil {
				if again := w.Commit(); again != err {
					t.Fatalf("fault %d: %v, then %v", fail, err, again)
				}
			}
			ok(t, w.Abort())
		}
		left := must(os.ReadDir(dir))(t)
		if n := ledger.Leaks(); len(n) > 0 || sys.open != 0 {
			t.Fatalf("fault %d: leaks %v, %d files open", fail, n, sys.open)
		}
		if err == nil {
			if sys.n >= fail {
				t.Fatalf("fault %d of %d passed unnoticed", fail, sys.n)
			}
			t.Logf("%d faults", fail-1)
			return
		}
		if !errors.Is(err, errs.Resource) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("fault %d: %v", fail, err)
		}
		// Only the very last step, the sync of the folder, comes after the
		// file is in its place.
		if len(left) > 1 || (len(left) == 1 && left[0].Name() != "x.h5") {
			t.Fatalf("fault %d: left %v", fail, left)
		}
	}
}

func TestCancel(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	w := must(Create(filepath.Join(dir, "x.h5"), Options{Threads: 3, Context: ctx}))(t)
	ok(t, fillBig(w))
	cancel()
	for range 2 {
		if err := w.Commit(); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if left := must(os.ReadDir(dir))(t); len(left) > 0 {
		t.Fatal(left)
	}
}

func TestBudget(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ledger := memory.New(1 << 20)
	w := must(Create(filepath.Join(t.TempDir(), "x.h5"), Options{Threads: 2, Ledger: ledger}))(t)
	spec := Spec{Type: Int32(), Dims: []int64{-1}, Chunk: []int64{1 << 20}}
	if _, err := w.Root().Dataset("a", spec); !errors.Is(err, errs.Budget) {
		t.Fatal(err)
	}
	spec.Chunk[0] = 1 << 12
	d := must(w.Root().Dataset("a", spec))(t)
	ok(t, d.Append(make([]byte, 400_000)))
	ok(t, w.Commit())
	if len(ledger.Leaks()) > 0 || ledger.Peak() == 0 {
		t.Fatal(ledger.Leaks())
	}
}
