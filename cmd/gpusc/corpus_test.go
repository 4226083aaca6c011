package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// corpusFiles is how many mutated files TestCorpus tries: make corpus asks for
// 100,000.
var corpusFiles = flag.Int("corpus", 300, "mutated files that TestCorpus tries")

// corpusSeed is the seed of the campaign.
var corpusSeed = flag.Uint64("corpus.seed", 1, "seed of the mutated files of TestCorpus")

// mutate changes a few places of a file as broken disks, transfers and liars do.
func mutate(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(3) {
		at := r.IntN(len(b))
		if r.IntN(2) == 0 {
			at = r.IntN(min(len(b), 4096)) // where the structure begins
		}
		switch r.IntN(6) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2: // a size or address that lies
			lies := []uint64{0, 1, 1 << 31, 1 << 32, 1 << 60, 1<<63 - 1, 1<<64 - 1, uint64(len(b)), uint64(r.IntN(len(b)))}
			if at+8 <= len(b) {
				binary.LittleEndian.PutUint64(b[at:], lies[r.IntN(len(lies))])
			}
		case 3: // a run of zeros, as of a sector that was never written
			clear(b[at:min(len(b), at+1+r.IntN(512))])
		case 4: // a piece that lies at another place
			n := min(1+r.IntN(256), len(b)-at)
			from := r.IntN(len(b) - n + 1)
			copy(b[at:at+n], bytes.Clone(b[from:from+n]))
		case 5:
			if b = b[:max(at, 1)]; len(b) < 16 {
				return b
			}
		}
	}
	return b
}

// TestCorpus runs mutated files through run and check, in this process: each
// ends within two seconds with a result or with one line and a status that says
// bad input, leaves nothing behind and takes little memory.
func TestCorpus(t *testing.T) {
	_, whole := small(t)
	dir := t.TempDir()
	in, outDir := filepath.Join(dir, "in.h5ad"), filepath.Join(dir, "out")
	if err := os.Mkdir(outDir, 0o755); err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{}
	var slowest time.Duration
	before := runtime.NumGoroutine()
	for i := range *corpusFiles {
		r := rand.New(rand.NewPCG(*corpusSeed, uint64(i)))
		if err := os.WriteFile(in, mutate(r, whole), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"run", in, "-o", filepath.Join(outDir, "out.h5ad"), "--min-genes", "0", "--min-cells", "0", "--n-top-genes", "20", "--n-comps", "3", "--memory", "256MiB", "--threads", "2", "--tmp", outDir}
		if i%3 == 0 {
			args = []string{"check", in, "--memory", "256MiB"}
		}
		var out, words bytes.Buffer
		start := time.Now()
		status := run(args, &out, &words)
		took := time.Since(start)
		slowest = max(slowest, took)
		counts[status]++
		errorLines := strings.Count(words.String(), "gpusc: ")
		switch {
		case status != 0 && status != 3 && !(status == 4 && strings.Contains(words.String(), "--memory")):
			t.Errorf("file %d: exit status %d: %.2000s", i, status, words.String())
		case status != 0 && errorLines != 1:
			t.Errorf("file %d: not one line: %.2000s", i, words.String())
		case took > 2*time.Second:
			t.Errorf("file %d took %v", i, took)
		}
		if status == 0 {
			_ = os.Remove(filepath.Join(outDir, "out.h5ad"))
		}
		empty(t, outDir)
		if t.Failed() {
			_ = os.WriteFile(filepath.Join(os.TempDir(), "gpusc-corpus-failed.h5ad"), mutate(rand.New(rand.NewPCG(*corpusSeed, uint64(i))), whole), 0o644)
			t.Fatalf("seed %d, file %d: see gpusc-corpus-failed.h5ad in %s", *corpusSeed, i, os.TempDir())
		}
	}
	time.Sleep(50 * time.Millisecond)
	if n := runtime.NumGoroutine(); n > before+5 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	t.Logf("%d files: exit statuses %v, the slowest took %v", *corpusFiles, counts, slowest)
}
