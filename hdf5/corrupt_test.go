package hdf5

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/testdata"
)

// small keeps what a damaged file can ask for within a test's means.
var small = Limits{MaxChunkBytes: 16 << 20, MaxAlloc: 32 << 20}

// exercise does all that a reader can with the bytes of a file. Blind, it does
// not look at the checksums of metadata, so that damage is met behind them.
func exercise(b []byte, blind bool) error {
	src := &source{r: bytes.NewReader(b), size: int64(len(b)), blind: blind}
	f, err := openSource(src, "x.h5", small)
	if err != nil {
		return err
	}
	dec := NewDecoder()
	return errors.Join(f.Verify(context.Background(), VerifyOptions{}), f.Walk(func(o Object, err error) error {
		if err != nil {
			return err
		}
		as, _ := o.Attrs()
		for _, a := range as {
			_, _ = a.Strings()
			_, _ = a.Ints()
			_, _ = a.Floats()
			_, _ = a.Refs()
		}
		d, ok := o.(*Dataset)
		if !ok {
			return nil
		}
		const limit = 4 << 20
		_, _ = d.ReadStrings(limit)
		_, _ = d.ReadFloat64s(limit)
		if r := d.RowBytes(); r > 0 && r < limit && d.rows() > 2 {
			_ = d.ReadRows(context.Background(), dec, make([]byte, r), d.rows()/2, d.rows()/2+1)
		}
		return nil
	}))
}

// faultKind reports whether an error is of a kind that damage may give.
func faultKind(err error) bool {
	for _, k := range []error{errs.Corrupt, errs.Unsupported, errs.Limit} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// damage flips bytes, overwrites words with telling values, or cuts the file.
func damage(rng *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + rng.IntN(4) {
		// Metadata is dense at the start of a file and rare elsewhere.
		at := rng.IntN(len(b))
		if rng.IntN(2) == 0 {
			at = rng.IntN(min(len(b), 16<<10))
		}
		switch rng.IntN(10) {
		case 0:
			b = b[:max(1, rng.IntN(len(b)))]
		case 1, 2:
			words := []uint64{0, 1, undef, 1 << 31, 1 << 40, 1 << 62, uint64(len(b)), uint64(rng.IntN(len(b)))}
			copy(b[at:], le.AppendUint64(nil, words[rng.IntN(len(words))]))
		default:
			b[at] ^= byte(1 << rng.IntN(8))
		}
	}
	return b
}

func corpus(tb testing.TB) (files [][]byte) {
	names := []string{
		testdata.Path(tb, "archives/mini_mat.anndata-v0.10.9.h5ad"), testdata.Path(tb, "archives/cellxgene_nan.h5ad"),
		testdata.Path(tb, "archives/v0.11.4/adata.h5ad"),
	}
	if os.Getenv("GPUSC_PYTHON") != "" {
		for _, p := range generated(tb) {
			if st, err := os.Stat(p); err == nil && st.Size() < 1<<20 && !strings.Contains(p, "v114") {
				names = append(names, p)
			}
		}
	}
	for _, p := range names {
		b, err := os.ReadFile(p)
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, b)
	}
	return files
}

// Damaged files give an error of a known kind or are read; nothing panics,
// takes long, or allocates much.
func TestDamagedFiles(t *testing.T) {
	files := corpus(t)
	rounds := 600
	if testing.Short() {
		rounds = 100
	}
	caught := 0
	var worst time.Duration
	var most uint64
	for i := range rounds {
		seed := uint64(i)
		rng := rand.New(rand.NewPCG(seed, 7))
		b := damage(rng, files[i%len(files)])
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		start := time.Now()
		err := exercise(b, rng.IntN(2) == 0)
		took := time.Since(start)
		runtime.ReadMemStats(&m1)
		worst, most = max(worst, took), max(most, m1.TotalAlloc-m0.TotalAlloc)
		if err != nil {
			caught++
			if !faultKind(err) {
				t.Errorf("seed %d: error of no known kind: %v", seed, err)
			}
		}
		if took > 10*time.Second {
			t.Errorf("seed %d (file %d): took %v", seed, i%len(files), took)
		}
		if a := m1.TotalAlloc - m0.TotalAlloc; a > 512<<20 {
			t.Errorf("seed %d (file %d): allocated %d MiB in all", seed, i%len(files), a>>20)
		}
	}
	t.Logf("%d damaged files, %d refused, slowest %v, most allocated in all %d MiB", rounds, caught, worst, most>>20)
	if caught < rounds/10 {
		t.Errorf("only %d of %d damaged files were refused", caught, rounds)
	}
}

// A file cut anywhere is refused when it is opened: the superblock says where
// it ends.
func TestTruncatedFiles(t *testing.T) {
	for _, b := range corpus(t) {
		for _, n := range []int{len(b) / 3, len(b) / 2, len(b) - 1} {
			_, err := NewFile(bytes.NewReader(b[:n]), int64(n), "cut.h5ad")
			if !errors.Is(err, errs.Corrupt) {
				t.Errorf("%d of %d bytes: %v", n, len(b), err)
			}
		}
	}
}

// A chunk that reaches beyond the end of the file is told with its dataset,
// the offset, its number and how much is missing.
func TestTruncatedChunk(t *testing.T) {
	b, err := os.ReadFile(testdata.Path(t, "counts/kang_pbmc_stim_counts_2000x9015.h5ad"))
	if err != nil {
		t.Fatal(err)
	}
	load := func() (*Dataset, error) {
		f, err := NewFile(bytes.NewReader(b), int64(len(b)), "atlas.h5ad")
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.Root().Dataset("X/indices")
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.NumChunks()
		return d, err
	}
	d, err := load()
	if err != nil {
		t.Fatal(err)
	}
	c := d.Chunk(12)
	entry := bytes.Index(b, le.AppendUint64(nil, c.Addr))
	le.PutUint64(b[entry:], uint64(len(b)-100))
	_, err = load()
	want := fmt.Sprintf("atlas.h5ad: X/indices at %#x: chunk 12 truncated (have 100 of %d bytes); ", len(b)-100, c.Stored)
	if !errors.Is(err, errs.Corrupt) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q, want %q", err, want)
	}
}

// What a checksum covers never changes silently: a flip of any bit of a chunk
// that fletcher32 or adler32 guards is found.
func TestFlippedChunks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, p := range matching(t, "filters_v110") {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"gzip1", "gzip9", "fletcher", "all", "noise", "fletcher_first"} {
			for range 40 {
				flipChunk(t, rng, b, "filters/"+name)
			}
		}
	}
}

func flipChunk(t *testing.T, rng *rand.Rand, b []byte, name string) {
	t.Helper()
	f, err := NewFile(bytes.NewReader(b), int64(len(b)), "x.h5")
	if err != nil {
		t.Fatal(err)
	}
	d, err := f.Root().Dataset(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := d.NumChunks()
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, d.ChunkBytes())
	got := make([]byte, d.ChunkBytes())
	i := rng.IntN(n)
	if err := d.DecodeChunk(NewDecoder(), i, want); err != nil {
		t.Fatal(err)
	}
	c := d.Chunk(i)
	at := c.Addr + rng.Uint64N(c.Stored)
	flip := byte(1 << rng.IntN(8))
	b[at] ^= flip
	err = d.DecodeChunk(NewDecoder(), i, got)
	b[at] ^= flip
	if err == nil && !bytes.Equal(want, got) {
		t.Errorf("%s: a flip at %#x changed values silently", name, at)
	}
}

func FuzzOpen(f *testing.F) {
	for _, b := range corpus(f) {
		if len(b) < 20<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<20 {
			t.Skip("longer than a file that this test needs")
		}
		for _, blind := range []bool{false, true} {
			if err := exercise(b, blind); err != nil && !faultKind(err) {
				t.Errorf("error of no known kind: %v", err)
			}
		}
	})
}

func FuzzDatatype(f *testing.F) {
	for _, t := range []*Datatype{Int8(), Uint64(), Float16(), VLenString(), FixedString(9), Bool(), ObjectRef()} {
		f.Add(t.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := decodeDatatype(b)
		if err != nil {
			return
		}
		if _, err := decodeDatatype(x.encode()); err != nil {
			t.Error(err)
		}
	})
}
