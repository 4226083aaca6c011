//go:build cuda

package cuda

import (
	gocontext "context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mutant is a fault planted in a kernel (GPUSC_BUG_<name> in kernels/<unit>.cu and
// what it includes), in the emulator's driver, or in this package (bug).
type mutant struct {
	name, unit string
	bug        bug
	tests      string // that find it
	env        string // for them
}

// mutants lists all that is planted. A fault that no test finds shows what is not tested.
func mutants() []mutant {
	op := func(s string) string { return "TestConformance/op/" + s + "$" }
	return []mutant{
		// Barriers.
		{name: "SELECT_COUNT", unit: "select", tests: op("select") + "/(typical|full_rows)"},
		{name: "SELECT_SCAN", unit: "select", tests: op("select") + "/many_rows"},
		{name: "DENSE", unit: "dense", tests: op("dense")},
		{name: "OWN", unit: "genestats", tests: op("genestats")},
		{name: "QUEUE", unit: "moments", tests: op("moments") + "/log1p#"},
		{name: "TOP_LARGE", unit: "topsums", tests: op("topsums")},
		{name: "TOP_GATHER", unit: "topsums", tests: op("topsums")},
		{name: "TOP_SORT", unit: "topsums", tests: op("topsums")},
		{name: "UNPACK_OPEN", unit: "unpack", tests: op("unpack")},
		{name: "UNPACK_HIGH", unit: "unpack", tests: op("unpack")},
		{name: "UNPACK_SCAN", unit: "unpack", tests: op("unpack")},
		{name: "SYMMUL", unit: "symmul", tests: op("symmul")},
		{name: "FILL_SCAN", unit: "gramfill", tests: op("gramfill") + "/three_blocks"},
		{name: "FILL_ROW", unit: "gramfill", tests: op("gramfill") + "/three_blocks"},
		{name: "GRAM_SLICE", unit: "grammultiply", tests: op("grammultiply") + "/three_blocks"},
		{name: "GRAM_PUT", unit: "grammultiply", tests: op("grammultiply") + "/three_blocks"},
		{name: "GRAM_STRIP", unit: "grammultiply", tests: op("grammultiply") + "/three_blocks"},
		{name: "GRAM_PAIRS", unit: "grammultiply", tests: op("grammultiply") + "/three_blocks"},
		// Ends, places, lanes, carries and checks.
		{name: "LAST_ROW", unit: "clippedmoments", tests: op("clippedmoments")},
		{name: "LAST_GENE", unit: "highfraction", tests: op("highfraction")},
		{name: "LAST_VALUE", unit: "rowstats", tests: op("rowstats")},
		{name: "POSITION", unit: "genestats", tests: "TestFarPlaces", env: "GPUSC_EMU_MEMORY=120000000000"},
		{name: "SELECT_MASK", unit: "select", tests: op("select") + "/(typical|full_rows)"},
		{name: "CARRY_LOST", unit: "genestats", tests: op("genestats")},
		{name: "CARRY_RACE", unit: "genestats", tests: op("genestats")},
		{name: "OFFSETS", unit: "genestats", tests: "TestConformance/stream/bad_operations"},
		{name: "SKIPPED", unit: "rowstats", tests: "TestConformance/stream/after_a_failure"},
		{name: "WRITE_BEYOND", unit: "unpack", tests: op("unpack"), env: "GPUSC_TEST_POOL=apart"},
		{name: "READ_BEYOND", unit: "values", tests: op("values"), env: "GPUSC_TEST_POOL=apart ASAN"},
		// The driver.
		{name: "WAIT", unit: "driver_stream", tests: "TestConformance/stream/order"},
		{name: "SYNC", unit: "driver_stream", tests: "TestConformance/stream/copies"},
		// This package.
		{name: "upload", bug: bugUpload, tests: "TestConformance/stream/order"},
		{name: "record", bug: bugRecord, tests: "TestConformance/stream/order"},
		{name: "wait", bug: bugWait, tests: "TestConformance/stream/order"},
		{name: "sync", bug: bugSync, tests: "TestConformance/stream/copies"},
		{name: "status", bug: bugStatus, tests: "TestConformance/stream/bad_operations"},
		{name: "free on", bug: bugFreeOn, tests: "TestPoolIsFull"},
		{name: "after", bug: bugAfter, tests: "TestPoolIsFull"},
		{name: "done", bug: bugDone, tests: "TestPoolIsFull"},
		{name: "scratch", bug: bugScratch, tests: "TestPoolIsFull"},
		{name: "recycle", bug: bugRecycle, tests: "TestEventsAreNotMixed"},
	}
}

// TestMutants sees that each planted fault makes some test fail with one of 20 orders
// of the emulator, and that without it the test passes. GPUSC_MUTANTS=all counts the
// orders that show each one, and needs AddressSanitizer; otherwise the first will do.
func TestMutants(t *testing.T) {
	all := os.Getenv("GPUSC_MUTANTS") == "all"
	lib := os.Getenv("LD_LIBRARY_PATH")
	if _, err := os.Stat(filepath.Join(lib, "obj", "stamp")); err != nil || testing.Short() {
		t.Skip("planted faults are for the emulator")
	}
	planted := map[bug]bool{}
	for _, m := range mutants() {
		planted[m.bug] = true
		t.Run(m.name, func(t *testing.T) {
			if strings.Contains(m.env, "ASAN") && !all {
				t.Skip("GPUSC_MUTANTS=all is not set, and this needs AddressSanitizer")
			}
			t.Parallel()
			m.find(t, lib, all)
		})
	}
	for b := noBug; b < bugs; b++ {
		if !planted[b] {
			t.Errorf("fault %d of this package is not in the list", b)
		}
	}
}

// find runs the tests with seeds until one finds the fault.
func (m mutant) find(t *testing.T, lib string, all bool) {
	faulty := m.library(t, lib)
	var found []int
	start := time.Now()
	for seed := range 20 {
		out, ok := m.run(t, faulty, seed, m.bug)
		if ok {
			continue
		}
		found = append(found, seed)
		if len(found) == 1 {
			t.Logf("seed %d: %s", seed, firstTrouble(out))
		}
		if !all {
			break
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s does not find it with 20 seeds", m.tests)
	}
	t.Logf("found with seeds %v in %v", found, time.Since(start).Round(time.Millisecond))
	if !all && found[0] == 0 && os.Getenv("GPUSC_EMU_SEED") == "" && m.env == "" {
		return // the test has just been run without
	}
	if out, ok := m.run(t, m.sound(lib), found[0], noBug); !ok {
		t.Errorf("without it %s fails as well:\n%s", m.tests, out)
	}
}

// sound is the folder of the emulator without the fault.
func (m mutant) sound(lib string) string {
	if strings.Contains(m.env, "ASAN") {
		return lib + "-asan"
	}
	return lib
}

// library makes the emulator with the fault.
func (m mutant) library(t *testing.T, lib string) string {
	if m.unit == "" {
		return lib
	}
	lib = m.sound(lib)
	root, err := filepath.Abs("..")
	ok(t, err)
	// Named as make emulator names it: with another name all would be made anew.
	out, err := filepath.Rel(root, lib)
	ok(t, err)
	args := []string{"--no-print-directory", "-f", "emulator/Makefile", "OUT=" + out, "FLAGS=" + os.Getenv("EMUFLAGS"), "UNIT=" + m.unit, "BUG=" + m.name, "mutant"}
	if strings.Contains(m.env, "ASAN") {
		args = append(args, "ASAN=1")
	}
	cmd := exec.Command("make", args...)
	cmd.Dir = root
	cmd.Env = without(os.Environ(), "LD_LIBRARY_PATH", "MAKEFLAGS", "MAKELEVEL")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(lib, "mutants", m.name)
}

// run runs the tests in a process of their own.
func (m mutant) run(t *testing.T, lib string, seed int, b bug) (out string, ok bool) {
	t.Helper()
	ctx, cancel := gocontext.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^"+m.tests, "-test.failfast", "-test.v")
	cmd.Env = append(without(os.Environ(), "LD_LIBRARY_PATH"), "LD_LIBRARY_PATH="+lib,
		fmt.Sprint("GPUSC_EMU_SEED=", seed), fmt.Sprint("GPUSC_TEST_BUG=", int(b)))
	for _, e := range strings.Fields(m.env) {
		if e == "ASAN" {
			cmd.Env = append(cmd.Env, "LD_PRELOAD="+libasan(t), "ASAN_OPTIONS=detect_leaks=0:handle_segv=0")
			continue
		}
		cmd.Env = append(cmd.Env, e)
	}
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err == nil && !strings.Contains(string(text), "--- PASS") {
		t.Fatalf("%s runs no test:\n%s", m.tests, text)
	}
	return string(text), err == nil
}

// without leaves variables out of an environment.
func without(env []string, names ...string) (rest []string) {
next:
	for _, e := range env {
		for _, n := range names {
			if strings.HasPrefix(e, n+"=") {
				continue next
			}
		}
		rest = append(rest, e)
	}
	return rest
}

func libasan(t *testing.T) string {
	out, err := exec.Command("g++", "-print-file-name=libasan.so").Output()
	if err != nil || !filepath.IsAbs(strings.TrimSpace(string(out))) {
		t.Skip("no AddressSanitizer")
	}
	return strings.TrimSpace(string(out))
}

// firstTrouble is the line that tells what went wrong.
func firstTrouble(out string) string {
	for line := range strings.SplitSeq(out, "\n") {
		for _, word := range []string{"_test.go:", "devicetest/", "emulator:", "ERROR: Addr", "SIG", "fatal", "panic", ".go:"} {
			if strings.Contains(line, word) {
				return strings.TrimSpace(line[:min(len(line), 200)])
			}
		}
	}
	return strings.TrimSpace(out[:min(len(out), 200)])
}
