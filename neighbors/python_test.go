package neighbors

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// python runs a script with the interpreter that GPUSC_PYTHON names.
func python(t testing.TB, script string, args ...string) string {
	t.Helper()
	py := os.Getenv("GPUSC_PYTHON")
	if py == "" {
		t.Skip("GPUSC_PYTHON is not set: no scikit-learn and umap-learn to compare with")
	}
	out, err := exec.Command(py, append([]string{"-W", "ignore", "-c", script}, args...)...).Output()
	if err != nil {
		msg := ""
		if x, ok := err.(*exec.ExitError); ok {
			msg = string(x.Stderr)
		}
		t.Fatalf("python: %v\n%s", err, msg)
	}
	return string(out)
}

// write stores numbers for Python's np.fromfile.
func write[T any](t testing.TB, path string, x []T) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = binary.Write(f, binary.LittleEndian, x)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// read returns what Python's tofile wrote.
func read[T int32 | int64 | float32 | float64](t testing.TB, path string) []T {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var one T
	x := make([]T, len(b)/binary.Size(one))
	if _, err := binary.Decode(b, binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// close32 compares numbers by absolute difference.
func close32(t testing.TB, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i, v := range got {
		if d := math.Abs(float64(v) - float64(want[i])); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tol) {
		t.Errorf("%s: number %d is %g, want %g", what, at, got[at], want[at])
	}
}

// files names files in a folder of the test.
func files(t testing.TB) func(name string) string {
	dir := t.TempDir()
	return func(name string) string { return filepath.Join(dir, name) }
}
