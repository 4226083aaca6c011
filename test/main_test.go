package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gpuscBinary builds gpusc; the build cache makes every call but the first quick.
func gpuscBinary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gpusc")
	cmd := exec.Command("go", "build", "-o", path, "github.com/gpusc/gpusc/cmd/gpusc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// python is the interpreter with scanpy. The test is skipped where there is none.
func python(t testing.TB) string {
	t.Helper()
	py := os.Getenv("GPUSC_PYTHON")
	if py == "" {
		t.Skip("GPUSC_PYTHON is not set: no scanpy to compare with (make test sets it)")
	}
	return py
}

// caseReport is one line that a script writes for each of its cases.
type caseReport struct {
	Case    string
	Seconds float64
	Notes   []string // figures of agreement
	Fails   []string // what differs: expected and got
	Skip    string   // why the case was left out
}

// script runs a Python script of this folder with the binary, a scratch folder
// and further arguments. Each case that it reports becomes a subtest.
func script(t *testing.T, name string, args ...string) {
	t.Helper()
	py := python(t)
	dir := t.TempDir()
	cmd := exec.Command(py, append([]string{"-W", "ignore", name, gpuscBinary(t), dir}, args...)...)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=2", "MPLBACKEND=Agg", "MPLCONFIGDIR="+dir)
	var errw bytes.Buffer
	cmd.Stderr = &errw
	out, err := cmd.Output()
	n := 0
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var r caseReport
		if !strings.HasPrefix(sc.Text(), "{") {
			continue // a library's own words
		}
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v: %s", name, err, sc.Text())
		}
		n++
		t.Run(r.Case, func(t *testing.T) {
			t.Logf("%.2f s", r.Seconds)
			for _, s := range r.Notes {
				t.Log(s)
			}
			for _, s := range r.Fails {
				t.Error(s)
			}
			if r.Skip != "" {
				t.Skip(r.Skip)
			}
		})
	}
	if err != nil || n == 0 {
		t.Fatalf("%s: %v after %d cases\n%s", name, err, n, errw.String())
	}
}
