package anndata

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// every gives 0, k, 2k ... below n.
func every(n, k int64) []int64 {
	out := []int64{}
	for i := int64(0); i < n; i += k {
		out = append(out, i)
	}
	return out
}

// copyFile copies a whole file, cut as pick of compare.py cuts it.
func copyFile(t testing.TB, from, to, how, compression string, threads int) {
	t.Helper()
	ctx := context.Background()
	f, err := Open(ctx, from, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sub Subset
	if strings.Contains(how, "obs") {
		sub.Obs = every(f.NObs(), 3)
	}
	if strings.Contains(how, "var") {
		sub.Var = every(f.NVars(), 2)
	}
	w, err := Create(to, WriterOptions{Compression: compression, Threads: threads, Nulls: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.CopyAll(ctx, f, CopyOptions{Subset: sub}); err != nil {
		w.Abort()
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// checkPairs compares pairs of files with anndata.
func checkPairs(t *testing.T, how string, pairs []string) {
	t.Helper()
	out := python(t, "compare.py", append([]string{how}, pairs...)...)
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		if line != "ok" {
			name := pairs[2*i]
			if strings.HasPrefix(line, "skip") {
				t.Logf("%s: %s", name, line)
				continue
			}
			t.Errorf("%s: %s", name, line)
		}
	}
}

// TestCopyKeepsEverything copies every archive, whole and cut, and lets anndata
// compare the result with what it makes of the original.
func TestCopyKeepsEverything(t *testing.T) {
	for _, how := range []string{"all", "var", "obs+var"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			var pairs []string
			for i, p := range archives(t) {
				to := filepath.Join(dir, fmt.Sprintf("%d.h5ad", i))
				copyFile(t, p, to, how, []string{"none", "gzip", "lzf"}[i%3], 0)
				pairs = append(pairs, p, to)
			}
			checkPairs(t, how, pairs)
		})
	}
}
