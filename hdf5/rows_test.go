package hdf5

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gpusc/gpusc/internal/errs"
)

// each opens the files and calls fn with every dataset.
func each(t *testing.T, files []string, fn func(d *Dataset)) {
	t.Helper()
	for _, p := range files {
		f, err := Open(p)
		if err != nil {
			t.Fatal(err)
		}
		err = f.Walk(func(o Object, err error) error {
			if d, ok := o.(*Dataset); ok && !strings.Contains(d.path, "REFUSED") {
				fn(d)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		_ = f.Close()
	}
}

// matching gives the generated files whose name has a prefix.
func matching(t *testing.T, prefix string) (files []string) {
	for _, p := range generated(t) {
		if strings.HasPrefix(filepath.Base(p), prefix) {
			files = append(files, p)
		}
	}
	return files
}

// Any range of rows is the same part of the whole, whatever was read before.
func TestReadRowsRanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dec := NewDecoder()
	each(t, append(matching(t, "chunks_"), matching(t, "types_")...), func(d *Dataset) {
		whole, err := d.ReadBytes(0)
		if err != nil {
			t.Error(err)
			return
		}
		n := d.rows()
		for range 20 {
			lo := rng.Int64N(n + 1)
			hi := lo + rng.Int64N(n-lo+1)
			got := make([]byte, (hi-lo)*d.RowBytes())
			if err := d.ReadRows(context.Background(), dec, got, lo, hi); err != nil {
				t.Error(err)
				return
			}
			if !bytes.Equal(got, whole[lo*d.RowBytes():hi*d.RowBytes()]) {
				t.Errorf("%s %s: rows %d to %d of %d differ", d.f.name, d.path, lo, hi, n)
				return
			}
		}
	})
}

// The stored chunks of one-dimensional datasets, decoded one by one, are the
// dataset; FindChunk finds the chunk of every element.
func TestChunksOneByOne(t *testing.T) {
	dec := NewDecoder()
	each(t, append(matching(t, "chunks_"), matching(t, "array_paged")...), func(d *Dataset) {
		if d.Layout().Class != Chunked || len(d.Dims()) != 1 || d.Type().hasHeap() {
			return
		}
		whole, err := d.ReadBytes(0)
		if err != nil {
			t.Error(err)
			return
		}
		n, err := d.NumChunks()
		if err != nil {
			t.Error(err)
			return
		}
		buf := make([]byte, d.ChunkBytes())
		last := int64(-1)
		c, size := d.Layout().Chunk[0], int64(d.Type().Size)
		for i := range n {
			info := d.Chunk(i)
			if info.Offset[0] <= last {
				t.Errorf("%s: chunk %d is not in order", d.path, i)
				return
			}
			last = info.Offset[0]
			if d.FindChunk(last) != i || d.FindChunk(min(last+c, d.Len())-1) != i {
				t.Errorf("%s: element %d: chunk %d, want %d", d.path, last, d.FindChunk(last), i)
				return
			}
			if err := d.DecodeChunk(dec, i, buf); err != nil {
				t.Error(err)
				return
			}
			part := whole[last*size:]
			part = part[:min(len(part), len(buf))]
			if !bytes.Equal(part, buf[:len(part)]) {
				t.Errorf("%s: chunk %d differs from the rows", d.path, i)
				return
			}
		}
		if d.FindChunk(-1) != -1 || d.FindChunk(d.Len()) != -1 {
			t.Errorf("%s: a chunk outside the dataset", d.path)
		}
	})
}

// Goroutines with a Decoder each read one dataset at the same time.
func TestConcurrentReaders(t *testing.T) {
	f, err := Open(matching(t, "chunks_latest")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.Root().Dataset("chunks/grow_gzip")
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 4 {
		wg.Go(func() {
			dec, out := NewDecoder(), make([]byte, d.Len()*4)
			if err := d.ReadRows(context.Background(), dec, out, 0, d.Len()); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if want == nil {
				want = out
			}
			if !bytes.Equal(want, out) {
				t.Error("readers differ")
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = d.ReadRows(ctx, NewDecoder(), want, 0, d.Len())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled", err)
	}
}

func TestLookup(t *testing.T) {
	for _, p := range matching(t, "links_") {
		f, err := Open(p)
		if err != nil {
			t.Fatal(err)
		}
		same := map[string]string{
			"links/soft": "links/g9/child 3", "/links//soft_rel": "/links/./g9/child 3", "links/hard": "links/g9",
		}
		for a, b := range same {
			x, err1 := f.Lookup(a)
			y, err2 := f.Lookup(b)
			if err1 != nil || err2 != nil || x.Addr() != y.Addr() {
				t.Errorf("%s and %s: %v %v", a, b, err1, err2)
			}
		}
		bad := map[string]error{
			"links/dangling": errs.Data, "links/loop1": errs.Corrupt, "links/external": errs.Unsupported,
			"links/ordered/z20/x": errs.Data, "nothing": errs.Data,
		}
		for path, kind := range bad {
			if _, err := f.Lookup(path); !errors.Is(err, kind) || !strings.Contains(err.Error(), p) {
				t.Errorf("%s: error %v, want %v", path, err, kind)
			} else {
				t.Log(err)
			}
		}
		g, err := f.Root().Group("links")
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := g.Has("external"); !ok || err != nil {
			t.Error("no external link", err)
		}
		if ok, err := g.Has("elsewhere"); ok || err != nil {
			t.Error("a link that is not there", err)
		}
		_ = f.Close()
	}
}

// References lead to the objects that they were made of.
func TestDeref(t *testing.T) {
	for _, p := range matching(t, "types_") {
		f, err := Open(p)
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.Root().Dataset("types/refs")
		if err != nil {
			t.Fatal(err)
		}
		refs, err := d.ReadRefs(0)
		if err != nil || len(refs) != 3 || refs[2] != 0 {
			t.Fatal(refs, err)
		}
		o, err := f.Deref(refs[0])
		if err != nil {
			t.Fatal(err)
		}
		if v, err := o.(*Dataset).ReadInt64s(0); err != nil || len(v) != 5 || v[3] != 77 {
			t.Error(v, err)
		}
		if _, err := f.Deref(refs[2]); !errors.Is(err, errs.Data) {
			t.Error("a null reference gives", err)
		}
		_ = f.Close()
	}
}

// Datatypes written anew from their parts mean the same.
func TestDatatypeRoundTrip(t *testing.T) {
	n := 0
	each(t, matching(t, "types_"), func(d *Dataset) {
		x := d.Type()
		if x.Class == ClassComplex || x.RefKind == RefAny {
			return
		}
		y, err := decodeDatatype(withoutRaw(x).encode())
		if err != nil {
			t.Errorf("%s: %v", d.path, err)
			return
		}
		a, b := withoutRaw(x), withoutRaw(y)
		if !bytes.Equal(a.encode(), b.encode()) || a.Class != b.Class || a.Size != b.Size {
			t.Errorf("%s: %+v becomes %+v", d.path, x, y)
		}
		n++
	})
	if n < 100 {
		t.Errorf("only %d types", n)
	}
}

func withoutRaw(t *Datatype) *Datatype {
	c := *t
	c.Raw = nil
	if c.Base != nil {
		c.Base = withoutRaw(c.Base)
	}
	c.Members = nil
	for _, m := range t.Members {
		m.Type = withoutRaw(m.Type)
		c.Members = append(c.Members, m)
	}
	return &c
}

// The chunk index of a dataset of many chunks is small and read in few calls.
func TestIndexCost(t *testing.T) {
	f, err := Open(matching(t, "array_paged")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"a", "b", "c", "t"} {
		d, err := f.Root().Dataset(name)
		if err != nil {
			t.Fatal(err)
		}
		before := f.src.reads
		n, err := d.NumChunks()
		if err != nil {
			t.Fatal(err)
		}
		x := d.index
		bytes := 8*cap(x.addr) + 4*cap(x.size) + 4*cap(x.mask) + 8*cap(x.lin)
		t.Logf("%s: %d chunks, %.1f bytes each, %d reads", name, n, float64(bytes)/float64(n), f.src.reads-before)
		if bytes > 32*n+1024 || f.src.reads-before > 10+n/50 {
			t.Errorf("%s: %d bytes and %d reads for %d chunks", name, bytes, f.src.reads-before, n)
		}
	}
	runtime.KeepAlive(f)
}

// Reading is refused before anything is allocated when it is over the limit.
func TestLimits(t *testing.T) {
	p := matching(t, "chunks_v110")[0]
	f, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.Root().Dataset("chunks/fixed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadInt64s(1000); !errors.Is(err, errs.Limit) {
		t.Error("no limit:", err)
	}
	s, err := f.Root().Dataset("chunks/strings")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadStrings(3000*16 + 100); !errors.Is(err, errs.Limit) {
		t.Error("no limit:", err)
	}
	g, err := OpenLimits(p, Limits{MaxChunkBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Root().Dataset("chunks/fixed"); !errors.Is(err, errs.Limit) {
		t.Error("no limit:", err)
	}
}

func TestNotHDF5(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.h5ad")
	for _, s := range []string{"", "hello", strings.Repeat("x", 5000)} {
		if err := os.WriteFile(p, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(p); !errors.Is(err, errs.Corrupt) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder opens")
	}
	if _, err := Open(p + "no"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
