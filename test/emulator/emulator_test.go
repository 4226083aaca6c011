package emulator

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// library is a built emulator with the test program beside it.
type library struct {
	dir      string
	testdata string
	preload  string // libasan, if built with AddressSanitizer
}

// build makes the emulator with the test kernels. The test is skipped where it
// cannot be: the emulator is for development on Linux.
func build(t *testing.T, asan bool) library {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the emulator is for Linux")
	}
	for _, tool := range []string{"g++", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s to build the emulator with", tool)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	l := library{dir: t.TempDir(), testdata: filepath.Join(root, "emulator", "testdata")}
	args := []string{"-j2", "-f", "emulator/Makefile", "OUT=" + l.dir, "KERNELS=emulator/testdata"}
	if asan {
		out, err := exec.Command("g++", "-print-file-name=libasan.so").Output()
		if err != nil || !filepath.IsAbs(strings.TrimSpace(string(out))) {
			t.Skip("no AddressSanitizer to build with")
		}
		l.preload = strings.TrimSpace(string(out))
		args = append(args, "ASAN=1")
	}
	readSources(t, root)
	command(t, root, "make", args...)
	sources, err := filepath.Glob(filepath.Join(l.testdata, "*.cc"))
	if err != nil || len(sources) == 0 {
		t.Fatal("no test program", err)
	}
	// The library may need AddressSanitizer, the program is built without it.
	args = append([]string{
		"-std=c++17", "-O1", "-Wall", "-Wextra", "-pthread", "-Iemulator", "-Wl,--allow-shlib-undefined", "-o", filepath.Join(l.dir, "tests"),
	}, sources...)
	args = append(args, filepath.Join(l.dir, "libcublas.so.12"), filepath.Join(l.dir, "libcuda.so.1"))
	command(t, root, "g++", args...)
	return l
}

// readSources lets go test's cache know which files the result hangs on.
func readSources(t *testing.T, root string) {
	t.Helper()
	for _, pattern := range []string{"emulator/*", "emulator/testdata/*"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			if _, err := os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func command(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// run runs a case, words apart, with more environment. It returns what was printed
// and whether the case passed.
func (l library) run(t *testing.T, words string, env ...string) (string, bool) {
	t.Helper()
	args := append([]string{"kernels.ptx"}, strings.Fields(words)...)
	cmd := exec.Command(filepath.Join(l.dir, "tests"), args...)
	cmd.Dir = l.testdata
	cmd.Env = append([]string{"LD_LIBRARY_PATH=" + l.dir}, env...)
	if l.preload != "" {
		cmd.Env = append(cmd.Env, "LD_PRELOAD="+l.preload, "ASAN_OPTIONS=detect_leaks=0")
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err == nil
}

func seed(n int) string { return "GPUSC_EMU_SEED=" + strconv.Itoa(n) }

// pass wants a case to pass with every seed up to seeds.
func (l library) pass(t *testing.T, words string, seeds int, env ...string) {
	t.Helper()
	for s := 0; s <= seeds; s++ {
		if out, ok := l.run(t, words, append(env, seed(s))...); !ok {
			t.Errorf("%s, seed %d:\n%s", words, s, out)
		}
	}
}

// dies wants a case to end its process with a message.
func (l library) dies(t *testing.T, words, message string) {
	t.Helper()
	out, ok := l.run(t, words)
	if ok || !strings.Contains(out, message) {
		t.Errorf("%s: no %q in\n%s", words, message, out)
	}
}

func TestEmulator(t *testing.T) {
	l := build(t, false)
	t.Run("any order", func(t *testing.T) {
		for _, c := range []string{
			"plain", "sum", "reuse", "lanes", "early", "poison", "events", "query", "many", "host", "standard",
			"handles", "shared", "fail", "fresh", "freed", "frees", "bounds", "attributes", "blas", "shape",
		} {
			l.pass(t, c, 4)
		}
		l.pass(t, "math", 0)
		l.pass(t, "sparse", 0)
		l.pass(t, "stale", 0, "GPUSC_EMU_DEVICES=2")
		l.pass(t, "full", 4, "GPUSC_EMU_MEMORY=1000000")
		for d := 1; d <= 3; d++ {
			l.pass(t, fmt.Sprint("devices ", d), 4, fmt.Sprint("GPUSC_EMU_DEVICES=", d))
		}
	})
	t.Run("late", func(t *testing.T) {
		l.pass(t, "late", 0)
		l.pass(t, "unwaited", 0)
	})
	t.Run("schedule", l.schedule)
	t.Run("faults found", l.faultsFound)
	t.Run("fail", l.failEach)
}

// schedule: seeds give different orders, the same seed the same.
func (l library) schedule(t *testing.T) {
	orders := map[string]bool{}
	saw := map[string]int{}
	for s := 0; s < 20; s++ {
		a, ok := l.run(t, "order", seed(s))
		b, _ := l.run(t, "order", seed(s))
		if !ok || a != b || strings.Contains(a, "plain") != (s == 0) {
			t.Errorf("seed %d: order %q, then %q", s, a, b)
		}
		orders[a] = true
		out, _ := l.run(t, "race", seed(s))
		saw[strings.Fields(out + " ? ?")[1]]++
	}
	if len(orders) < 18 {
		t.Errorf("20 seeds give %d orders of threads", len(orders))
	}
	if saw["0"] == 0 || saw["1"] == 0 {
		t.Errorf("20 seeds show of a race between streams only %v", saw)
	}
}

// faultsFound: what kernels and callers do wrong is seen.
func (l library) faultsFound(t *testing.T) {
	for _, c := range []string{"sum 1", "reuse 1", "lost"} {
		found := 0
		for s := 1; s <= 20; s++ {
			if _, ok := l.run(t, c, seed(s)); !ok {
				found++
			}
		}
		t.Logf("%s: found by %d of 20 seeds", c, found)
		if found == 0 {
			t.Errorf("%s: no seed of 20 finds it", c)
		}
	}
	for _, how := range []string{"diverge 1", "diverge 2", "diverge 3"} {
		l.dies(t, how, "kernel t_diverge, block (0,0,0): divergent barrier")
	}
	l.dies(t, "diverge 4", "not in its own mask")
	l.dies(t, "overshared 100 0", "dynamic shared memory")
	l.dies(t, "pinned", "while a queued copy needs it")
	for _, c := range []string{"end free 100", "begin free 100", "end sync 5000000", "begin sync 5000000", "end exit 1"} {
		l.dies(t, "overrun "+c, "overrun: byte")
	}
}

// failEach fails each call of a program in turn: the error is the call's own, it
// sticks where it should, and everything can still be given back.
func (l library) failEach(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report")
	if out, ok := l.run(t, "fail", "GPUSC_EMU_REPORT="+report); !ok {
		t.Fatal(out)
	}
	calls := readReport(t, report)["calls"]
	if calls < 10 {
		t.Fatalf("%d calls", calls)
	}
	codes := map[string]int{}
	for n := 1; n <= calls; n++ {
		path := filepath.Join(t.TempDir(), "report")
		out, ok := l.run(t, "fail", "GPUSC_EMU_REPORT="+path, fmt.Sprint("GPUSC_EMU_FAIL=", n))
		code := strings.Fields(out + " ? ?")[1]
		codes[code]++
		if !ok || code == "0" {
			t.Errorf("call %d: %s", n, out)
		}
		for what, left := range readReport(t, path) {
			if what != "calls" && what != "launches" && left != 0 {
				t.Errorf("call %d failed: %d %s left", n, left, what)
			}
		}
	}
	for _, code := range []string{"2", "209", "300", "719", "999"} {
		if codes[code] == 0 {
			t.Errorf("no call failed with %s: %v", code, codes)
		}
	}
}

// readReport reads the one line of a report: names and numbers by turns.
func readReport(t *testing.T, path string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(string(text))
	m := map[string]int{}
	for i := 0; i+1 < len(words); i += 2 {
		n, err := strconv.Atoi(words[i+1])
		if err != nil {
			t.Fatalf("report %q", text)
		}
		m[words[i]] = n
	}
	if len(m) != 8 {
		t.Fatalf("report %q", text)
	}
	return m
}

// TestAddressSanitizer: what guards cannot see.
func TestAddressSanitizer(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the emulator once more")
	}
	l := build(t, true)
	for _, c := range []string{"plain", "sum", "lanes", "early", "poison", "events", "host", "fresh", "frees"} {
		l.pass(t, c, 1)
	}
	l.dies(t, "overshared 64 1", "global-buffer-overflow")
	l.dies(t, "overshared 100 0", "use-after-poison")
	l.dies(t, "overrun end free 5000000", "use-after-poison")
	l.dies(t, "overrun begin free 64", "use-after-poison")
}
