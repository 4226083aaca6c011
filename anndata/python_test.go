package anndata

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gpusc/gpusc/internal/testdata"
)

// python runs a script of testdata, or Python text, with the interpreter that
// GPUSC_PYTHON names, and gives its output.
func python(t testing.TB, script string, args ...string) string {
	t.Helper()
	py := os.Getenv("GPUSC_PYTHON")
	if py == "" {
		t.Skip("GPUSC_PYTHON is not set: no anndata to compare with")
	}
	cmd := []string{"-c", script}
	if strings.HasSuffix(script, ".py") {
		cmd = []string{filepath.Join("testdata", script)}
	}
	out, err := exec.Command(py, append(cmd, args...)...).Output()
	if err != nil {
		msg := ""
		if x, ok := err.(*exec.ExitError); ok {
			msg = string(x.Stderr)
		}
		t.Fatalf("python: %v\n%s", err, msg)
	}
	return string(out)
}

// archives lists every .h5ad of the data folder.
func archives(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, g := range []string{"archives/*.h5ad", "archives/*/*.h5ad", "counts/*.h5ad"} {
		m, err := filepath.Glob(filepath.Join(testdata.Dir(t), g))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m...)
	}
	if len(out) == 0 {
		t.Skip("no .h5ad in the data folder")
	}
	return out
}
