package anndata

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gpusc/gpusc/chunk"
	"github.com/gpusc/gpusc/hdf5"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

// readAll reads everything this package reads of a file, within 64 MiB, and
// gives the first error. Any error will do, but it must be one of the kinds.
func readAllOf(raw []byte, tmp string) error {
	h, err := hdf5.NewFile(bytes.NewReader(raw), int64(len(raw)), "fuzz")
	if err != nil {
		return err
	}
	l := memory.New(64 << 20)
	f, err := New(h, "fuzz", Options{Ledger: l, Threads: 2, Tmp: tmp, MaxElement: 16 << 20})
	if err != nil {
		return err
	}
	defer f.Close()
	var all []error
	els, err := f.Elements()
	all = append(all, err)
	for _, e := range els {
		all = append(all, wholeElement(f, e.Path))
	}
	for _, frame := range []func() (*Frame, error){f.Obs, f.Var} {
		fr, err := frame()
		all = append(all, err)
		if err == nil && fr.Len() < 1<<20 {
			for _, c := range fr.Cols {
				_, err := c.Strings()
				all = append(all, err)
			}
			all = append(all, fr.Select([]int64{}).Load())
		}
	}
	ms, err := f.Matrices()
	all = append(all, err)
	for _, mi := range ms {
		all = append(all, readMatrix(f, mi.Path))
	}
	_, _, err = f.Counts(context.Background(), "auto")
	all = append(all, err)
	if left := l.Leaks(); len(left) > 0 {
		return fmt.Errorf("reserved still: %v", left)
	}
	return errors.Join(all...)
}

// wholeElement reads an element in every way in which one is read whole.
func wholeElement(f *File, path string) error {
	t, terr := f.Table(context.Background(), path, 0)
	if t != nil {
		t.Close()
		if int64(len(t.Values)) != t.Rows*t.Cols {
			return fmt.Errorf("%s: %d values of %d x %d", path, len(t.Values), t.Rows, t.Cols)
		}
	}
	s, serr := f.Sparse(context.Background(), path)
	if s != nil {
		s.Close()
		for i := range s.Indptr[1:] {
			row := s.Indices[s.Indptr[i]:s.Indptr[i+1]]
			if len(row) > 0 && (row[0] < 0 || int64(row[len(row)-1]) >= f.NObs()) || !slices.IsSorted(row) {
				return fmt.Errorf("%s: row %d is %v", path, i, row)
			}
		}
	}
	_, xerr := f.Text(path)
	_, ierr := f.Int(path)
	for _, err := range []error{terr, serr, xerr, ierr} { // most elements are neither
		if !known(err) {
			return err
		}
	}
	return nil
}

func readMatrix(f *File, path string) error {
	m, err := f.Matrix(path)
	if err != nil || m.Rows*m.Cols > 1<<24 || m.Rows < 0 {
		return err
	}
	s, err := m.Source(context.Background(), SourceOptions{SpanNNZ: 1000})
	if err != nil {
		return err
	}
	defer s.Close()
	var c chunk.Chunk
	for i := range s.Spans() {
		if err := s.Read(context.Background(), i, &c); err != nil {
			return err
		}
		if int64(len(c.Indices)) < c.NNZ() || c.Indptr[0] != 0 || slices.ContainsFunc(c.Indices[:c.NNZ()], func(g uint32) bool { return int(g) >= c.Cols }) {
			return fmt.Errorf("%s: a chunk that is not canonical", path)
		}
	}
	return nil
}

func known(err error) bool {
	if err == nil {
		return true
	}
	for _, k := range []error{errs.Corrupt, errs.Unsupported, errs.Data, errs.Limit, errs.Budget, errs.Usage, errs.Resource} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// seeds are small files of every age, and one of our own.
func seeds(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	for _, p := range archives(t) {
		if b, err := os.ReadFile(p); err == nil && len(b) < 600<<10 {
			out[filepath.Base(filepath.Dir(p))+"/"+filepath.Base(p)] = b
		}
	}
	own := filepath.Join(t.TempDir(), "x")
	sampleFile(t, own, "gzip")
	b, err := os.ReadFile(own)
	must(t, err)
	out["own"] = b
	return out
}

// FuzzFile reads damaged files.
func FuzzFile(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	tmp := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := readAllOf(b, tmp); !known(err) {
			t.Fatal(err)
		}
	})
}

// TestDamaged reads every seed with bytes changed, blocks of it moved, or its
// end missing.
func TestDamaged(t *testing.T) {
	tmp := t.TempDir()
	slow := time.Duration(0)
	for name, b := range seeds(t) {
		must(t, readable(readAllOf(b, tmp)))
		r := rand.New(rand.NewPCG(7, uint64(len(b))))
		for range 60 {
			m := slices.Clone(b)
			for range 1 + r.IntN(8) {
				switch r.IntN(4) {
				case 0:
					m[r.IntN(len(m))] = byte(r.IntN(256))
				case 1:
					m[r.IntN(min(len(m), 4096))] ^= 1 << r.IntN(8)
				case 2:
					n := r.IntN(min(64, len(m)))
					copy(m[r.IntN(len(m)-n):], m[r.IntN(len(m)-n):][:n])
				default:
					k := r.IntN(len(m) - 8)
					copy(m[k:], []byte{0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0}[:1+r.IntN(8)])
				}
			}
			if r.IntN(10) == 0 {
				m = m[:r.IntN(len(m))]
			}
			start := time.Now()
			if err := readAllOf(m, tmp); !known(err) {
				t.Errorf("%s: %v", name, err)
			}
			slow = max(slow, time.Since(start))
		}
	}
	if slow > 10*time.Second {
		t.Errorf("one file took %v", slow)
	}
}

// readable drops the errors that an undamaged file may give: no counts.
func readable(err error) error {
	if errors.Is(err, errs.Data) {
		return nil
	}
	return err
}
