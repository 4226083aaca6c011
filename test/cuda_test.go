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

// TestCUDASmallDevice: where the plan does not fit on the device, a run that asked for no
// GPU goes on with the processor and says so, one that did is refused before it begins.
func TestCUDASmallDevice(t *testing.T) {
	e := newEmulated(t)
	in := synth(t, 300, 400)
	flags := []string{"--n-top-genes", "100", "--n-comps", "10", "--min-genes", "5"}
	want := e.onCPU(t, in, flags...)
	small := []string{"GPUSC_EMU_MEMORY=4000000"}
	got := filepath.Join(t.TempDir(), "out.h5ad")
	out, err := e.run(t, small, append([]string{"run", in, "-o", got}, flags...)...)
	if err != nil || !strings.Contains(out, "no GPU is used") || !strings.Contains(out, "cuda:0") {
		t.Fatalf("%v\n%s", err, out)
	}
	if fileSum(t, got) != fileSum(t, want) {
		t.Error("other bytes than on the processor")
	}
	if _, left := e.left(t); left != "" {
		t.Errorf("left on the device: %s", left)
	}
	refused := func(words string, env []string, more ...string) {
		t.Helper()
		no := filepath.Join(t.TempDir(), "no.h5ad")
		out, err := e.run(t, env, append(append([]string{"run", in, "-o", no, "--device", "cuda"}, more...), flags...)...)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 4 || !strings.Contains(out, words) {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err := os.Stat(no); err == nil {
			t.Error("it left an output")
		}
	}
	refused("use --device cpu", small)
	refused("give --device-memory", nil, "--device-memory", "2MiB")
}

// TestCUDADriverFails makes calls of the driver fail, one after the other: the run
// ends with an error that says so, once, or with the right result, it leaves no memory
// on the device and no file, and it does not hang. GPUSC_EVERY_CALL=1: all calls, with
// several numbers of devices (make faults).
func TestCUDADriverFails(t *testing.T) {
	if os.Getenv("GPUSC_EVERY_CALL") == "" {
		newFaults(t, 2, 0).run(t, 60)
		return
	}
	for _, c := range [][2]int{{1, 0}, {2, 0}, {2, 3}, {3, 5}} {
		t.Run(fmt.Sprintf("%d devices, seed %d", c[0], c[1]), func(t *testing.T) {
			t.Parallel()
			newFaults(t, c[0], c[1]).run(t, 1<<30)
		})
	}
}

// faults runs a small pipeline while one call of the driver fails.
type faults struct {
	*emulated
	dir   string
	flags []string // up to the name of the output
	env   []string
	calls int    // of the driver in a run
	want  string // sum of the output
}

func newFaults(t *testing.T, devices, seed int) *faults {
	f := &faults{emulated: newEmulated(t), dir: t.TempDir()}
	in := synth(t, 120, 150)
	f.flags = []string{"run", in, "--device", "cuda", "--threads", "2", "--n-top-genes", "50", "--n-comps", "5", "--min-genes", "5", "--chunk-rows", "60", "-o"}
	f.env = []string{fmt.Sprint("GPUSC_EMU_DEVICES=", devices), fmt.Sprint("GPUSC_EMU_SEED=", seed), "GPUSC_EMU_TRACE=" + filepath.Join(f.dir, "trace")}
	want := filepath.Join(f.dir, "want.h5ad")
	if out, err := f.emulated.run(t, f.env, append(f.flags, want)...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f.want = fileSum(t, want)
	f.calls, _ = f.left(t)
	if f.calls < 100 {
		t.Fatalf("a run makes %d calls of the driver", f.calls)
	}
	return f
}

// run makes about so many calls fail, more of those that open the devices.
func (f *faults) run(t *testing.T, most int) {
	every := max(1, f.calls/most)
	failed := 0
	for n := 1; n <= f.calls; n += every {
		if n < 40 && every > 4 {
			n -= every - 4
		}
		if f.fail(t, n) {
			failed++
		}
	}
	if failed == 0 {
		t.Error("no call that failed made the run fail")
	}
	if left, _ := filepath.Glob(filepath.Join(f.dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// fail runs with call n failing, and tells whether the run fails.
func (f *faults) fail(t *testing.T, n int) bool {
	t.Helper()
	got, trace := filepath.Join(f.dir, "got.h5ad"), filepath.Join(f.dir, "trace")
	os.Remove(trace)
	out, err := f.emulated.run(t, append(f.env, fmt.Sprint("GPUSC_EMU_FAIL=", n)), append(f.flags, got)...)
	what, device := failedCall(t, trace, n)
	wrong := func(format string, a ...any) {
		t.Errorf("call %d (%s) fails: %s\n%s", n, what, fmt.Sprintf(format, a...), out)
	}
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() < 1 || exit.ExitCode() > 20 {
			wrong("%v", err)
		}
		said := out[max(strings.LastIndex(out, "gpusc: "), 0):]
		switch {
		case strings.Contains(out, "goroutine") || strings.Contains(out, "internal error"):
			wrong("a panic")
		case strings.Count(out, "CUDA_ERROR") != 1 || strings.Count(strings.TrimSpace(said), "\n") > 0:
			wrong("it is not said once, in a line")
		case !strings.Contains(said, device) || strings.Contains(said, ".h5ad"):
			wrong("it does not name the device %s, and it alone", device)
		case !strings.Contains(said, "; "):
			wrong("no remedy")
		}
	}
	// After a failure an output is there only when all was done but giving memory back.
	_, gone := os.Stat(got)
	if gone == nil && fileSum(t, got) != f.want || gone != nil && err == nil {
		wrong("a wrong output or none, and exit %v", err)
	}
	os.Remove(got)
	if _, left := f.left(t); left != "" {
		wrong("left on the device: %s", left)
	}
	return err != nil
}

// failedCall looks up call n in the emulator's list: its name, and that of its device
// or "cuda".
func failedCall(t *testing.T, path string, n int) (what, device string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 4 || f[0] != fmt.Sprint(n) {
			continue
		}
		// Of these it is not told which device they are about.
		if f[3] == "-1" || f[1] == "cuCtxSetCurrent" || strings.HasPrefix(f[1], "cuDevice") {
			return f[1], "cuda"
		}
		return f[1], "cuda:" + f[3]
	}
	return "not reached", "cuda"
}
