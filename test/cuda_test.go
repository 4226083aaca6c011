package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gpusc/gpusc/internal/testdata"
)

// emulated runs the program of the CUDA build, as it is shipped, on the stand-in for
// the driver that make emulator builds.
type emulated struct {
	bin, lib string
	plain    string // the program of the plain build, made with the same flags
	report   string // where the emulator writes what was left over
}

// newEmulated finds both. The test is skipped where they were not built.
func newEmulated(t *testing.T) *emulated {
	t.Helper()
	e := &emulated{bin: os.Getenv("GPUSC_CUDA"), lib: os.Getenv("GPUSC_EMULATOR"), report: filepath.Join(t.TempDir(), "report")}
	e.plain = filepath.Join(filepath.Dir(e.bin), "gpusc")
	if e.bin == "" || e.lib == "" {
		t.Skip("GPUSC_CUDA and GPUSC_EMULATOR are not set: no CUDA build and no emulator (make test sets them where there is a C++ compiler)")
	}
	return e
}

// run runs gpusc with settings of the emulator. A run that hangs is ended.
func (e *emulated) run(t *testing.T, env []string, args ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, e.bin, args...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+e.lib, "GPUSC_EMU_REPORT="+e.report)
	cmd.Env = append(cmd.Env, env...)
	b, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.New("it hangs")
	}
	return string(b), err
}

// left returns the emulator's last line about what was never given back.
func (e *emulated) left(t *testing.T) (calls int, left string) {
	t.Helper()
	b, err := os.ReadFile(e.report)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	f := strings.Fields(lines[len(lines)-1])
	for i := 0; i+1 < len(f); i += 2 {
		switch f[i] {
		case "calls":
			if _, err := fmt.Sscan(f[i+1], &calls); err != nil {
				t.Fatal(err)
			}
		case "launches":
		default:
			if f[i+1] != "0" {
				left += f[i] + " " + f[i+1] + " "
			}
		}
	}
	return calls, left
}

// cudaFlags are pipelines that between them use every kernel.
func cudaFlags() map[string][]string {
	small := []string{"--n-top-genes", "200", "--n-comps", "10", "--min-genes", "20"}
	with := func(a ...string) []string { return append(a, small...) }
	return map[string][]string{
		"seurat":           with(),
		"scaled":           with("--x", "scaled", "--scale", "--max-value", "3", "--batch-key", "batch"),
		"seurat_v3":        with("--hvg-flavor", "seurat_v3", "--x", "counts", "--batch-key", "batch"),
		"pearson":          with("--hvg-flavor", "pearson_residuals", "--x", "none"),
		"median, fraction": with("--hvg-flavor", "cell_ranger", "--target-sum", "median", "--max-fraction", "0.05", "--qc", "mt=MT-", "--qc", "ribo=RPS,RPL"),
	}
}

// TestCUDA: the CUDA build gives the bytes of the plain one, for any number of
// devices and any order in which they do their work, and leaves nothing behind.
func TestCUDA(t *testing.T) {
	e := newEmulated(t)
	in := synth(t, 700, 900)
	seed := 0
	for name, flags := range cudaFlags() {
		want := e.onCPU(t, in, flags...)
		for _, devices := range []int{1, 2, 3, 2} {
			t.Run(fmt.Sprintf("%s, %d devices, seed %d", name, devices, seed), func(t *testing.T) {
				e.same(t, in, want, devices, seed, append(flags, "--chunk-rows", fmt.Sprint(50+100*(seed%3))))
			})
			seed++
		}
	}
}

// onCPU runs the pipeline with the plain build and returns the output.
func (e *emulated) onCPU(t *testing.T, in string, flags ...string) string {
	t.Helper()
	want := filepath.Join(t.TempDir(), "cpu.h5ad")
	if out, err := exec.Command(e.plain, append([]string{"run", in, "-o", want}, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return want
}

// same runs the pipeline and compares the output with a file.
func (e *emulated) same(t *testing.T, in, want string, devices, seed int, flags []string) {
	t.Helper()
	got := filepath.Join(t.TempDir(), "cuda.h5ad")
	env := []string{fmt.Sprintf("GPUSC_EMU_DEVICES=%d", devices), fmt.Sprintf("GPUSC_EMU_SEED=%d", seed)}
	out, err := e.run(t, env, append([]string{"run", in, "-o", got, "--device", "cuda", "--threads", "2"}, flags...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if fileSum(t, got) != fileSum(t, want) {
		t.Error("other bytes than on the processor")
	}
	if _, left := e.left(t); left != "" {
		t.Errorf("left on the device: %s", left)
	}
}

// TestCUDARealFiles: the same on files that others wrote.
func TestCUDARealFiles(t *testing.T) {
	e := newEmulated(t)
	for _, name := range []string{"pbmc3k_counts_2700x13714.h5ad"} {
		in := testdata.Path(t, "counts/"+name)
		want := e.onCPU(t, in)
		t.Run(name, func(t *testing.T) { e.same(t, in, want, 2, 7, nil) })
	}
}

// TestCUDADriverFails makes calls of the driver fail, one after the other: the run
// ends with an error that says so or with the right result, it leaves no memory on
// the device and no file, and it does not hang.
func TestCUDADriverFails(t *testing.T) {
	e := newEmulated(t)
	in := synth(t, 120, 150)
	flags := []string{"run", in, "--device", "cuda", "--threads", "2", "--n-top-genes", "50", "--n-comps", "5", "--min-genes", "5", "--chunk-rows", "60", "-o"}
	dir := t.TempDir()
	want := filepath.Join(dir, "want.h5ad")
	if out, err := e.run(t, []string{"GPUSC_EMU_DEVICES=2"}, append(flags, want)...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	calls, _ := e.left(t)
	if calls < 100 {
		t.Fatalf("a run makes %d calls of the driver", calls)
	}
	every := max(1, calls/60)
	if os.Getenv("GPUSC_EVERY_CALL") != "" {
		every = 1
	}
	failed := 0
	for n := 1; n <= calls; n += every {
		if n < 40 && every > 4 { // what opens the devices
			n -= every - 4
		}
		got := filepath.Join(dir, "got.h5ad")
		out, err := e.run(t, []string{"GPUSC_EMU_DEVICES=2", fmt.Sprintf("GPUSC_EMU_FAIL=%d", n)}, append(flags, got)...)
		if err == nil {
			if fileSum(t, got) != fileSum(t, want) {
				t.Errorf("call %d fails: other bytes, and no error\n%s", n, out)
			}
			os.Remove(got)
		} else {
			failed++
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() < 1 || exit.ExitCode() > 20 {
				t.Errorf("call %d fails: %v\n%s", n, err, out)
			}
			if !strings.Contains(out, "cuda") || strings.Contains(out, "goroutine") || strings.Contains(out, "internal error") {
				t.Errorf("call %d fails: it does not say what went wrong:\n%s", n, out)
			}
			// An output is there only when all was done but giving memory back.
			if _, err := os.Stat(got); err == nil {
				if fileSum(t, got) != fileSum(t, want) {
					t.Errorf("call %d fails: it left an output that is wrong", n)
				}
				os.Remove(got)
			}
		}
		if _, left := e.left(t); left != "" {
			t.Errorf("call %d fails: left on the device: %s\n%s", n, left, out)
		}
	}
	if failed == 0 {
		t.Error("no call that failed made the run fail")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
