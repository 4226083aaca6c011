package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// counts is a file large enough that a run can be met in its midst.
func counts(t *testing.T, cells int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "counts.h5ad")
	if status, _, words, err := call("synth", "-o", path, "--cells", fmt.Sprint(cells), "--genes", "4000", "--counts", "2000"); status != 0 || err != nil {
		t.Fatal(status, words, err)
	}
	return path
}

// slow leaves a test out of -short.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds: left out of -short")
	}
}

// sumOf is the checksum of a file.
func sumOf(t *testing.T, path string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

// duration is how long a command takes when nothing stops it.
func duration(t *testing.T, args ...string) time.Duration {
	t.Helper()
	start := time.Now()
	if status, _, words, err := call(args...); status != 0 || err != nil {
		t.Fatal(status, words, err)
	}
	return time.Since(start)
}

// TestSignals stops runs at many moments: they end within two seconds with the
// status of the signal, and nothing is left.
func TestSignals(t *testing.T) {
	slow(t)
	in := counts(t, 6000)
	free := filepath.Join(t.TempDir(), "free.h5ad")
	whole := duration(t, "run", in, "-o", free)
	before := sumOf(t, in)
	stopped := 0
	for i := range 10 {
		dir := t.TempDir()
		c := program("run", in, "-o", filepath.Join(dir, "out.h5ad"), "--tmp", dir, "--memory", "256MiB")
		var words bytes.Buffer
		c.Stderr = &words
		sig, want := syscall.SIGINT, 130
		if i%2 == 1 {
			sig, want = syscall.SIGTERM, 143
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		waitOpen(t, c.Process.Pid, in)
		time.Sleep(whole * time.Duration(i) / 11)
		sent := time.Now()
		_ = c.Process.Signal(sig)
		_ = c.Wait()
		took := time.Since(sent)
		code := c.ProcessState.ExitCode()
		switch {
		case code == 0:
			continue // it was done before
		case code != want:
			t.Errorf("%v after %d/11 of %v: exit status %d: %s", sig, i, whole, code, words.String())
		case took > 2*time.Second:
			t.Errorf("%v after %d/11: took %v", sig, i, took)
		}
		stopped++
		if w := words.String(); strings.Count(w, "\n") != 1 || !strings.HasPrefix(w, "gpusc: stopped by ") {
			t.Errorf("words: %q", w)
		}
		empty(t, dir)
	}
	if stopped < 5 {
		t.Errorf("only %d runs were met", stopped)
	}
	if sumOf(t, in) != before {
		t.Error("the input has changed")
	}
}

// TestKill kills runs: there is no file at OUT, and the next run is not hindered.
func TestKill(t *testing.T) {
	slow(t)
	in := counts(t, 3000)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.h5ad")
	whole := duration(t, "run", in, "-o", out)
	want := sumOf(t, out)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 6 {
		_ = os.Remove(out)
		c := program("run", in, "-o", out, "--tmp", dir)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Float64() * float64(whole)))
		_ = c.Process.Kill()
		_ = c.Wait()
		if _, err := os.Stat(out); err == nil && sumOf(t, out) != want {
			t.Fatalf("kill %d left part of a file", i)
		}
	}
	if status, _, words, err := call("run", in, "-o", out, "--force"); status != 0 || err != nil || sumOf(t, out) != want {
		t.Fatal("the run after the kills", status, words, err)
	}
}

// TestKillInPlace kills commands that add to their input: it is the old file or
// the new one, X in its place.
func TestKillInPlace(t *testing.T) {
	slow(t)
	src := counts(t, 3000)
	if status, _, words, err := call("normalize", src, "-o", src+".n"); status != 0 || err != nil {
		t.Fatal(status, words, err)
	}
	path := filepath.Join(t.TempDir(), "in.h5ad")
	b, err := os.ReadFile(src + ".n")
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(2, 2))
	for _, verb := range [][]string{{"hvg", path, "--n-top-genes", "200"}, {"pca", path, "--n-comps", "10"}} {
		fresh()
		whole := duration(t, verb...)
		for i := range 5 {
			fresh()
			c := program(verb...)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.Float64() * float64(whole)))
			sig := []os.Signal{os.Kill, syscall.SIGINT}[i%2]
			_ = c.Process.Signal(sig)
			_ = c.Wait()
			now, err := os.ReadFile(path)
			if err != nil || len(now) < len(b) {
				t.Fatal("the file is shorter than before", err)
			}
			if sig == syscall.SIGINT && c.ProcessState.ExitCode() != 0 && !bytes.Equal(now, b) {
				t.Errorf("%s stopped by a signal has changed the file", verb[0])
			}
			// All but the superblock stays where it was.
			if !bytes.Equal(now[4096:len(b)], b[4096:]) {
				t.Errorf("%s has changed what was there", verb[0])
			}
			if status, out, words, err := call("check", path); status != 0 || err != nil {
				t.Fatalf("%s killed: %s %s", verb[0], out, words)
			}
		}
	}
}

// TestChange changes the input during a run: an error, and no output.
func TestChange(t *testing.T) {
	slow(t)
	src := counts(t, 6000)
	b, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "in.h5ad")
	for name, change := range map[string]func() error{
		"append": func() error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		},
		"truncate": func() error { return os.Truncate(path, int64(len(b)/2)) },
		"rewrite":  func() error { return os.WriteFile(path, b, 0o644) },
		"replace": func() error {
			return errors.Join(os.WriteFile(path+".new", b[:len(b)-1], 0o644), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			c := program("run", path, "-o", filepath.Join(dir, "out.h5ad"))
			var words bytes.Buffer
			c.Stderr = &words
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			waitOpen(t, c.Process.Pid, path)
			if err := change(); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			oneError(t, name, c.ProcessState.ExitCode(), words.String(), path)
			empty(t, dir)
		})
	}
}

// waitOpen waits until a process has a file open.
func waitOpen(t *testing.T, pid int, path string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		time.Sleep(300 * time.Millisecond)
		return
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && to == path {
				return
			}
		}
	}
	t.Fatalf("%s was never opened", path)
}

// TestDiskFull fills the disk of OUT and that of the scratch files: exit status
// 4, the folder is named, nothing is left.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t)
	in := counts(t, 4000)
	need := tight(t, in)
	for name, args := range map[string][]string{
		"out":     {"run", in, "-o", filepath.Join(dir, "out.h5ad"), "--compression", "none"},
		"scratch": {"run", in, "-o", filepath.Join(t.TempDir(), "out.h5ad"), "--tmp", dir, "--memory", need},
		"synth":   {"synth", "-o", filepath.Join(dir, "s.h5ad"), "--cells", "4000", "--compression", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, words, err := call(args...)
			if err != nil {
				t.Fatal(err)
			}
			if status != 4 || strings.Count(words, "\n") != 1 || !strings.Contains(words, dir) {
				t.Errorf("exit status %d: %s", status, words)
			}
			empty(t, dir)
		})
	}
}

// tight is a budget that has hardly room for the packed cache, so that a run
// needs scratch.
func tight(t *testing.T, in string) string {
	t.Helper()
	_, out, _, err := call("plan", in, "--json", "--memory", "1GiB")
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Need int64 `json:"need_bytes"`
	}
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(max(plan.Need+1<<20, 64<<20))
}

// smallDisk mounts a disk of 2 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("a small disk can be mounted by root on Linux only")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("no disk can be mounted here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	return dir
}

// TestBudget holds a run to its budget, and refuses one that is too small
// before the start.
func TestBudget(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in.h5ad")
	if status, _, words, err := call("synth", "-o", in, "--cells", "20000"); status != 0 || err != nil {
		t.Fatal(status, words, err)
	}
	c := program("run", in, "-o", filepath.Join(dir, "out.h5ad"), "--memory", "256MiB", "--x", "none")
	var words bytes.Buffer
	c.Stderr = &words
	if err := c.Run(); err != nil {
		t.Fatal(words.String())
	}
	rss := maxRSS(c.ProcessState) >> 20
	t.Logf("peak resident memory %d MiB with a budget of 256 MiB", rss)
	if rss > 256+128 {
		t.Errorf("%d MiB are above 384 MiB", rss)
	}
	status, _, text, err := call("run", in, "-o", filepath.Join(dir, "small.h5ad"), "--memory", "64MiB", "--n-top-genes", "8000")
	if err != nil || status != 4 || !strings.Contains(text, "needed at once, and the budget is 64 MiB; give --memory ") {
		t.Errorf("exit status %d: %s %v", status, text, err)
	}
}
