package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpusc/gpusc/hdf5"
)

// small is a whole h5ad file of 60 cells x 40 genes, and its bytes.
func small(t testing.TB) (path string, b []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "small.h5ad")
	if status, _, words, err := call("synth", "-o", path, "--cells", "60", "--genes", "40", "--counts", "60"); status != 0 || err != nil {
		t.Fatal(status, words, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, b
}

// refused runs every reading command on a file that cannot be read, and wants
// one line that names it, exit status 3, nothing left in the folder, and an end
// within two seconds and 256 MiB.
func refused(t *testing.T, path string, want ...string) {
	t.Helper()
	for _, verb := range []string{"run", "info", "plan", "check"} {
		args := []string{verb, path, "--min-genes", "0", "--min-cells", "0"}
		dir := t.TempDir()
		out := filepath.Join(dir, "out.h5ad")
		switch verb {
		case "run":
			args = append(args, "-o", out, "--memory", "256MiB", "--tmp", dir)
		case "info", "check":
			args = args[:2]
		}
		c := program(args...)
		var words strings.Builder
		c.Stderr = &words
		start := time.Now()
		_ = c.Run()
		took, code := time.Since(start), c.ProcessState.ExitCode()
		if verb != "run" && code == 0 {
			continue // what only values show, the structure does not
		}
		oneError(t, strings.Join(args[:2], " "), code, words.String(), want...)
		if took > 2*time.Second {
			t.Errorf("%s took %v", verb, took)
		}
		if rss := maxRSS(c.ProcessState); rss > 256<<20 {
			t.Errorf("%s took %d MiB", verb, rss>>20)
		}
		empty(t, dir)
	}
}

// oneError wants exit status 3 and one line with the words.
func oneError(t *testing.T, what string, code int, words string, want ...string) {
	t.Helper()
	if code != 3 {
		t.Errorf("%s: exit status %d: %s", what, code, words)
	}
	if !strings.HasPrefix(words, "gpusc: ") || strings.Count(words, "\n") != 1 {
		t.Errorf("%s: the error is not one line: %s", what, words)
	}
	for _, w := range want {
		if !strings.Contains(words, w) {
			t.Errorf("%s: no %q in %s", what, w, words)
		}
	}
}

// empty wants nothing to be left in a folder.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("%s is left", f.Name())
	}
}

// TestNoFile gives what is no HDF5 file.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, s string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, path := range map[string]string{
		"missing": filepath.Join(dir, "missing.h5ad"), "folder": dir, "null": "/dev/null", "zero": "/dev/zero",
		"empty": write("empty.h5ad", ""), "text": write("text.h5ad", "cell,gene,count\n"),
		"signature": write("signature.h5ad", "\x89HDF\r\n\x1a\n"), "gzip": write("x.h5ad.gz", "\x1f\x8b\x08\x00\x00\x00\x00\x00"),
	} {
		t.Run(name, func(t *testing.T) { refused(t, path, path, "; ") })
	}
}

// TestTruncated cuts a file at many places.
func TestTruncated(t *testing.T) {
	_, b := small(t)
	path := filepath.Join(t.TempDir(), "cut.h5ad")
	for i := range 12 {
		n := len(b) * i / 12
		if i == 11 {
			n = len(b) - 1
		}
		if err := os.WriteFile(path, b[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		refused(t, path, path)
	}
}

// matrix is a made-up h5ad file whose parts can be wrong.
type matrix struct {
	shape           []int64
	indptr, indices []int64
	data            []float64
	obs, vars       int
	noX             bool
}

// good is 3 cells x 4 genes.
func good() matrix {
	return matrix{
		shape: []int64{3, 4}, indptr: []int64{0, 2, 3, 5}, indices: []int64{0, 2, 1, 0, 3},
		data: []float64{1, 2, 3, 4, 5}, obs: 3, vars: 4,
	}
}

// write makes the file.
func (m matrix) write(t *testing.T, path string) {
	t.Helper()
	w, err := hdf5.Create(path, hdf5.Options{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	m.fill(t, w)
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestLies gives matrices that contradict themselves.
func TestLies(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  func(*matrix)
		want []string
	}{
		{"shape 2^60", func(m *matrix) { m.shape = []int64{1 << 60, 1 << 60} }, nil},
		{"rows 2^60", func(m *matrix) { m.shape[0] = 1 << 60 }, nil},
		{"columns 2^60", func(m *matrix) { m.shape[1] = 1 << 60 }, nil},
		{"negative shape", func(m *matrix) { m.shape[0] = -3 }, nil},
		{"shape of 3", func(m *matrix) { m.shape = []int64{3, 4, 5} }, nil},
		{"indptr falls", func(m *matrix) { m.indptr = []int64{0, 3, 2, 5} }, []string{"X/indptr"}},
		{"indptr ends early", func(m *matrix) { m.indptr[3] = 4 }, []string{"X/indptr"}},
		{"indptr ends late", func(m *matrix) { m.indptr[3] = 6 }, []string{"X/indptr"}},
		{"indptr 2^60", func(m *matrix) { m.indptr[2], m.indptr[3] = 1<<60, 1<<60 }, []string{"X/indptr"}},
		{"indptr begins at 1", func(m *matrix) { m.indptr[0] = 1 }, []string{"X/indptr"}},
		{"indptr negative", func(m *matrix) { m.indptr[1] = -1 }, []string{"X/indptr"}},
		{"indptr short", func(m *matrix) { m.indptr = m.indptr[:3] }, []string{"X/indptr"}},
		{"indptr long", func(m *matrix) { m.indptr = append(m.indptr, 5) }, []string{"X/indptr"}},
		{"indices out of range", func(m *matrix) { m.indices[4] = 4 }, []string{"X/indices"}},
		{"indices negative", func(m *matrix) { m.indices[4] = -1 }, []string{"X/indices"}},
		{"indices short", func(m *matrix) { m.indices = m.indices[:4] }, []string{"X"}},
		{"data short", func(m *matrix) { m.data = m.data[:4] }, []string{"X"}},
		{"no X", func(m *matrix) { m.noX = true }, []string{"X"}},
		{"too few genes", func(m *matrix) { m.vars = 3 }, []string{"var"}},
		{"too many genes", func(m *matrix) { m.vars = 5 }, []string{"var"}},
		{"too few cells", func(m *matrix) { m.obs = 2 }, []string{"obs"}},
		{"no cells", func(m *matrix) {
			*m = matrix{shape: []int64{0, 4}, indptr: []int64{0}, vars: 4}
		}, []string{"nothing to do"}},
		{"no genes", func(m *matrix) {
			*m = matrix{shape: []int64{3, 0}, indptr: []int64{0, 0, 0, 0}, obs: 3}
		}, []string{"nothing to do"}},
		{"NaN", func(m *matrix) { m.data[3] = math.NaN() }, []string{"cell", "gene"}},
		{"negative", func(m *matrix) { m.data[3] = -2 }, []string{"cell", "gene"}},
		{"infinite", func(m *matrix) { m.data[3] = math.Inf(1) }, []string{"cell", "gene"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := good()
			c.lie(&m)
			path := filepath.Join(t.TempDir(), "lie.h5ad")
			m.write(t, path)
			refused(t, path, append(c.want, path)...)
		})
	}
	t.Run("none", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "good.h5ad")
		good().write(t, path)
		for _, verb := range []string{"info", "check", "plan"} {
			if status, _, words, err := call(verb, path); status != 0 || err != nil {
				t.Error(verb, status, words, err)
			}
		}
	})
}
