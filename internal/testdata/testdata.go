// Package testdata finds the real data that tests read and the repository does
// not hold: the folder ../shared/data beside the repository, or the folder data
// under the one that the environment variable GPUSC_SHARED names.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the data folder. The test is skipped where there is none.
func Dir(tb testing.TB) string {
	tb.Helper()
	var tried []string
	if wd, err := os.Getwd(); err == nil {
		for dir := wd; ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				tried = append(tried, filepath.Join(dir, "..", "shared", "data"))
				break
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	if env := os.Getenv("GPUSC_SHARED"); env != "" {
		tried = append(tried, filepath.Join(env, "data"))
	}
	for _, dir := range tried {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	tb.Skipf("no test data at %q", tried)
	return ""
}

// Path returns the path of a file of the data folder, given with forward
// slashes. The test is skipped where there is no such file.
func Path(tb testing.TB, rel string) string {
	tb.Helper()
	p := filepath.Join(Dir(tb), filepath.FromSlash(rel))
	if _, err := os.Stat(p); err != nil {
		tb.Skipf("no test data at %q", p)
	}
	return p
}
