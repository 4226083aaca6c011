package gpusc_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPromises holds SECURITY.md to the tests that there are.
func TestPromises(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9/]+): ((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllSubmatch(text, -1)
	if len(named) < 20 {
		t.Fatalf("SECURITY.md names %d tests: the table is not read", len(named))
	}
	for _, m := range named {
		folder, name := filepath.FromSlash(string(m[1])), string(m[2])
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		def := regexp.MustCompile(`(?m)^func ` + name + `\(`)
		found := false
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || def.Match(b)
		}
		if !found {
			t.Errorf("SECURITY.md names %s in %s, which is not there", name, folder)
		}
	}
}
