package gpusc

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// arrows says which of our packages each may import; see ARCHITECTURE.md.
// Package internal/errs may be imported by all.
var arrows = map[string][]string{
	"internal/errs":     {},
	"internal/codec":    {},
	"internal/loess":    {},
	"internal/panel":    {},
	"internal/testdata": {},
	"memory":            {},
	"device":            {"memory"},
	"device/devicetest": {"device", "memory", "kernels", "chunk/pack"},
	"kernels":           {"device"},
	"cpu":               {"device", "kernels", "memory", "chunk/pack", "cpu/gramkern", "internal/panel"},
	"cpu/gramkern":      {},
	"cuda":              {"device", "kernels", "kernels/ptx", "memory"},
	"kernels/ptx":       {},
	"chunk":             {"memory", "chunk/pack"},
	"chunk/pack":        {},
	"hdf5":              {"internal/codec", "memory"},
	"anndata":           {"chunk", "hdf5", "memory"},
	"pass":              {"chunk", "chunk/pack", "device", "kernels", "memory"},
	"pp":                {"pass", "chunk", "device", "kernels", "memory", "internal/loess"},
	"decomp":            {"pass", "chunk", "chunk/pack", "device", "kernels", "memory", "internal/panel"},
	"plot":              {},
	"graph":             {},
	"neighbors":         {"graph", "memory", "device", "kernels"},
	"manifold":          {"graph", "memory"},
	"cluster":           {"graph", "memory"},
	"internal/synth":    {"chunk"},
	"bench/ops":         {"device", "kernels", "memory", "chunk", "chunk/pack", "decomp", "internal/synth"},
}

// TestArrows holds the layers apart: data flows one way.
func TestArrows(t *testing.T) {
	const module = "github.com/gpusc/gpusc/"
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			to, ours := strings.CutPrefix(strings.Trim(im.Path.Value, `"`), module)
			if !ours || to == "internal/errs" {
				continue
			}
			if strings.HasPrefix(to, "cmd/") {
				t.Errorf("%s imports %s: nothing imports a command", path, to)
			}
			allowed, known := arrows[pkg]
			if known && !slices.Contains(allowed, to) {
				t.Errorf("%s: package %s may not import %s", path, pkg, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPlainBuild: without -tags cuda nothing of CUDA and not one file of C is in
// the program.
func TestPlainBuild(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.CgoFiles}}", "./cmd/gpusc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		pkg, cgo, _ := strings.Cut(strings.TrimSpace(line), " ")
		n++
		if cgo != "[]" {
			t.Errorf("%s has files of C: %s", pkg, cgo)
		}
		if strings.HasPrefix(pkg, "gorgonia.org/") || strings.HasSuffix(pkg, "gpusc/cuda") {
			t.Errorf("%s is in the plain build", pkg)
		}
	}
	if n < 50 {
		t.Errorf("only %d packages: go list gave\n%s", n, out)
	}
	// Nor would C be used where it could be: our own packages have none.
	all, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{.CgoFiles}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(all)) {
		if !strings.HasSuffix(strings.TrimSpace(line), " []") {
			t.Errorf("files of C without the tag: %s", line)
		}
	}
}
