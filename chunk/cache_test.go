package chunk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/gpusc/gpusc/chunk/pack"
	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// fill puts all pieces of src into a new cache, by several goroutines and in
// an order of its own.
func fill(t testing.TB, src Source, o CacheOptions) *Cached {
	t.Helper()
	o.Spans = len(src.Spans())
	_, o.Cols = src.Shape()
	c := NewCache(o)
	defer c.Close()
	var g errgroup.Group
	g.SetLimit(4)
	for _, i := range rand.Perm(o.Spans) {
		g.Go(func() error {
			var ch Chunk
			if err := src.Read(bg, i, &ch); err != nil {
				return err
			}
			return c.Put(bg, i, &ch)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	d, err := c.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func testSource(t testing.TB, rows int) *MemSource {
	t.Helper()
	src, err := FromChunk(mixed(rows, 60, 5), MemOptions{SpanRows: 7})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestCacheAnywhere wants the same chunks and bytes in memory, on disk, or both.
func TestCacheAnywhere(t *testing.T) {
	src := testSource(t, 500)
	for name, limit := range map[string]int64{"disk": 0, "both": 30000, "memory": 1 << 40} {
		t.Run(name, func(t *testing.T) {
			l, dir := memory.New(1<<20), t.TempDir()
			d := fill(t, src, CacheOptions{Ledger: l, Tmp: dir, MemoryLimit: limit})
			mem, disk := d.Bytes()
			if mem > limit || (mem > 0) != (name != "disk") || (disk > 0) != (name != "memory") {
				t.Fatalf("%d in memory, %d on disk", mem, disk)
			}
			if l.Used(memory.Host) < mem || l.Used(memory.Scratch) < disk {
				t.Fatal("not all of it is in the ledger")
			}
			if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
				t.Fatalf("a scratch file has a name: %v %v", names, err)
			}
			compareSources(t, src, d)
			if err := d.Close(); err != nil || len(l.Leaks()) > 0 {
				t.Fatal(err, l.Leaks())
			}
			if err := errors.Join(d.Close(), d.c.Close()); err != nil {
				t.Fatal(err)
			}
			if err := d.Read(bg, 0, &Chunk{}); !errors.Is(err, errs.Usage) {
				t.Fatal(err)
			}
		})
	}
}

func compareSources(t *testing.T, src Source, d *Cached) {
	t.Helper()
	if diff := cmp.Diff(src.Spans(), d.Spans()); diff != "" {
		t.Fatal(diff)
	}
	rows, cols := d.Shape()
	if r, c := src.Shape(); r != rows || c != cols {
		t.Fatal(rows, cols)
	}
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			var want, got, ch Chunk
			var buf []byte
			for k := range src.Spans() {
				i := (k + w*17) % len(src.Spans())
				if err := errors.Join(src.Read(bg, i, &want), d.Read(bg, i, &got)); err != nil {
					t.Error(err)
					return
				}
				if diff := cmp.Diff(copyOf(&want), copyOf(&got), cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
				var err error
				if buf, err = d.Packed(i, buf); err != nil || int64(len(buf)) != d.PackedSize(i) {
					t.Error(err)
				}
				wantSelected(t, d, i, &got)
				if lies, ok := d.View(i); ok && string(lies) != string(buf) || pack.Verify(buf) != nil {
					t.Error("packed bytes differ", err)
				}
				var m pack.Matrix
				if err := pack.Decode(buf, &m, new(pack.Scratch)); err != nil {
					t.Error(err)
				}
				ch = Chunk{Rows: m.Rows, Cols: m.Cols, Kind: Kind(m.Kind), Indptr: m.Indptr, Indices: m.Indices, Counts: m.Counts, F32: m.F32, F64: m.F64}
				if !cmp.Equal(rowsOf(&ch), rowsOf(&want), cmpopts.EquateEmpty()) {
					t.Error("packed piece differs")
				}
			}
		})
	}
	wg.Wait()
}

// wantSelected reads every third gene of piece i, which all is the whole of.
func wantSelected(t *testing.T, d *Cached, i int, all *Chunk) {
	genes, k := make([]int32, all.Cols), int32(0)
	for g := range genes {
		genes[g] = -1
		if g%3 == 1 {
			genes[g] = k
			k++
		}
	}
	var ch Chunk
	if err := d.ReadSelect(bg, i, genes, int(k), &ch); err != nil {
		t.Error(err)
		return
	}
	got := rowsOf(&ch)
	for r, want := range rowsOf(all) {
		for g, v := range want {
			if g%3 == 1 && got[r][g/3] != v {
				t.Errorf("piece %d, row %d, gene %d: %v, not %v", i, r, g, got[r][g/3], v)
			}
			if g%3 == 1 {
				delete(got[r], g/3)
			}
		}
		if len(got[r]) > 0 || ch.Row0 != all.Row0 {
			t.Errorf("piece %d, row %d has more: %v", i, r, got[r])
		}
	}
	if err := d.ReadSelect(bg, i, genes[1:], int(k), &ch); !errors.Is(err, errs.Usage) {
		t.Error(err)
	}
}

// TestCacheFewerRows puts pieces that lost rows, some all of them.
func TestCacheFewerRows(t *testing.T) {
	c := NewCache(CacheOptions{Spans: 4, Cols: 9, Tmp: t.TempDir()})
	defer c.Close()
	for i, rows := range []int{2, 0, 0, 1} {
		ch := Chunk{Rows: rows, Cols: 9, Indptr: []int64{0, 1, 2}[:rows+1], Indices: []uint32{3, 4}[:rows], Counts: []uint32{1, 2}[:rows]}
		if err := c.Put(bg, i, &ch); err != nil {
			t.Fatal(err)
		}
	}
	d, err := c.Seal()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	want := []Span{{0, 2, 2}, {2, 0, 0}, {2, 0, 0}, {2, 1, 1}}
	if diff := cmp.Diff(want, d.Spans()); diff != "" || d.NNZ() != 3 {
		t.Fatal(diff)
	}
	var ch Chunk
	if err := d.Read(bg, 3, &ch); err != nil || ch.Row0 != 2 || ch.Rows != 1 {
		t.Fatal(err, ch)
	}
	if err := d.Read(bg, 1, &ch); err != nil || ch.Rows != 0 || ch.NNZ() != 0 {
		t.Fatal(err, ch)
	}
}

func TestCacheRefuses(t *testing.T) {
	ch := Chunk{Rows: 1, Cols: 9, Indptr: []int64{0, 1}, Indices: []uint32{3}, Counts: []uint32{1}}
	c := NewCache(CacheOptions{Spans: 2, Cols: 9, Tmp: t.TempDir(), MemoryLimit: 1 << 20})
	defer c.Close()
	want := func(kind, err error) {
		t.Helper()
		if !errors.Is(err, kind) {
			t.Error(err)
		}
	}
	bad := ch
	bad.Counts = []uint32{0}
	want(errs.Data, c.Put(bg, 1, &bad))
	bad = ch
	bad.Cols = 10
	want(errs.Usage, c.Put(bg, 1, &bad))
	if err := c.Put(bg, 1, &ch); err != nil {
		t.Fatal(err)
	}
	want(errs.Usage, c.Put(bg, 1, &ch))
	want(errs.Usage, c.Put(bg, 2, &ch))
	want(errs.Usage, c.Put(bg, -1, &ch))
	_, err := c.Seal()
	want(errs.Usage, err)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	want(context.Canceled, c.Put(ctx, 0, &ch))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	want(errs.Usage, c.Put(bg, 0, &ch))
	_, err = c.Seal()
	want(errs.Usage, err)
}

// faulty is a scratch file on a disk that goes wrong.
type faulty struct {
	scratchFile
	space int64 // writes beyond it fail
	flip  bool  // reads come back changed
}

func (f *faulty) WriteAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > f.space {
		return 0, syscall.ENOSPC
	}
	return f.scratchFile.WriteAt(b, off)
}

func (f *faulty) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.scratchFile.ReadAt(b, off)
	if f.flip && n > 0 {
		b[n/2] ^= 4
	}
	return n, err
}

func TestCacheDiskFull(t *testing.T) {
	src, l, dir := testSource(t, 200), memory.New(0), t.TempDir()
	c := NewCache(CacheOptions{Ledger: l, Tmp: dir, Spans: len(src.Spans()), Cols: 60})
	c.file.open = func(dir string) (scratchFile, error) {
		f, err := openScratch(dir)
		return &faulty{scratchFile: f, space: 3 * scratchAlign}, err
	}
	var err error
	for i := 0; err == nil && i < len(src.Spans()); i++ {
		var ch Chunk
		if err = src.Read(bg, i, &ch); err == nil {
			err = c.Put(bg, i, &ch)
		}
	}
	if !errors.Is(err, errs.Resource) || !errors.Is(err, syscall.ENOSPC) ||
		!strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "--tmp") {
		t.Fatal(err)
	}
	if _, err := c.Seal(); err == nil {
		t.Fatal("a cache with a hole is sealed")
	}
	if err := c.Close(); err != nil || len(l.Leaks()) > 0 {
		t.Fatal(err, l.Leaks())
	}
	nowhere := NewCache(CacheOptions{Tmp: filepath.Join(dir, "nowhere"), Spans: 1, Cols: 60})
	var ch Chunk
	if err := src.Read(bg, 0, &ch); err != nil {
		t.Fatal(err)
	}
	if err := nowhere.Put(bg, 0, &ch); !errors.Is(err, errs.Resource) {
		t.Fatal(err)
	}
}

func TestCacheDamaged(t *testing.T) {
	src, bad := testSource(t, 50), &faulty{space: 1 << 30}
	c := NewCache(CacheOptions{Tmp: t.TempDir(), Spans: len(src.Spans()), Cols: 60})
	c.file.open = func(dir string) (f scratchFile, err error) {
		bad.scratchFile, err = openScratch(dir)
		return bad, err
	}
	for i := range src.Spans() {
		var ch Chunk
		if err := errors.Join(src.Read(bg, i, &ch), c.Put(bg, i, &ch)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := c.Seal()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	bad.flip = true
	if err := d.Read(bg, 2, &Chunk{}); !errors.Is(err, errs.Corrupt) || !strings.Contains(err.Error(), "piece 2") {
		t.Fatal(err)
	}
	if _, err := d.Packed(2, nil); !errors.Is(err, errs.Corrupt) {
		t.Fatal(err)
	}
}

// TestCacheTightBudget leaves room for one buffer: the others wait for it.
func TestCacheTightBudget(t *testing.T) {
	src := testSource(t, 300)
	l := memory.New(4500)
	d := fill(t, src, CacheOptions{Ledger: l, Tmp: t.TempDir(), MemoryLimit: 1500})
	compareSources(t, src, d)
	if err := d.Close(); err != nil || len(l.Leaks()) > 0 {
		t.Fatal(err, l.Leaks())
	}
	c := NewCache(CacheOptions{Ledger: memory.New(100), Tmp: t.TempDir(), Spans: 1, Cols: 60})
	var ch Chunk
	if err := src.Read(bg, 0, &ch); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(bg, 0, &ch); !errors.Is(err, errs.Budget) {
		t.Fatal(err)
	}
}

func TestUnlinked(t *testing.T) {
	dir := t.TempDir()
	f, err := openUnlinked(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("abc"), 5); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		t.Fatal(names)
	}
}

func BenchmarkCache(b *testing.B) {
	c := big()
	if err := Tidy(c); err != nil {
		b.Fatal(err)
	}
	src, err := FromChunk(c, MemOptions{SpanRows: 50})
	if err != nil {
		b.Fatal(err)
	}
	for name, limit := range map[string]int64{"memory": 1 << 40, "disk": 0} {
		d := fill(b, src, CacheOptions{Tmp: b.TempDir(), MemoryLimit: limit})
		b.Run("read/"+name, func(b *testing.B) {
			var ch Chunk
			for b.Loop() {
				for i := range d.Spans() {
					if err := d.Read(bg, i, &ch); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(2*float64(d.NNZ())*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gv/s")
		})
		b.Run("put/"+name, func(b *testing.B) {
			var ch Chunk
			if err := src.Read(bg, 3, &ch); err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				c := NewCache(CacheOptions{Tmp: b.TempDir(), MemoryLimit: limit, Spans: 100, Cols: int64(ch.Cols)})
				for i := range 100 {
					if err := c.Put(bg, i, &ch); err != nil {
						b.Fatal(err)
					}
					n += int(ch.NNZ())
				}
				c.Close()
			}
			b.ReportMetric(2*float64(n)/b.Elapsed().Seconds()/1e9, "Gv/s")
		})
		d.Close()
	}
}

func ExampleCache() {
	src, err := FromCSR([]int64{0, 2, 3}, []uint32{0, 2, 1}, []float32{5, 1, 2}, 3, MemOptions{SpanRows: 1})
	if err != nil {
		panic(err)
	}
	c := NewCache(CacheOptions{Ledger: memory.New(1 << 20), MemoryLimit: 1 << 19, Spans: 2, Cols: 3})
	defer c.Close()
	var ch Chunk
	for i := range src.Spans() { // in any order, by any number of goroutines
		if err := src.Read(context.Background(), i, &ch); err != nil {
			panic(err)
		}
		if err := c.Put(context.Background(), i, &ch); err != nil {
			panic(err)
		}
	}
	cached, err := c.Seal()
	if err != nil {
		panic(err)
	}
	defer cached.Close()
	if err := cached.Read(context.Background(), 1, &ch); err != nil {
		panic(err)
	}
	fmt.Println(ch.Row0, ch.Indices, ch.Counts)
	// Output: 1 [1] [2]
}
