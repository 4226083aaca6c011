package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/gpusc/gpusc/hdf5"
)

// maxRSS is the most memory that a process had, in bytes.
func maxRSS(s *os.ProcessState) int64 {
	u, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return u.Maxrss
	}
	return u.Maxrss << 10
}

// fill writes the matrix and its frames.
func (m matrix) fill(t *testing.T, w *hdf5.Writer) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	group := func(name, encoding string) *hdf5.GroupWriter {
		g, err := w.Root().Group(name)
		must(err)
		must(g.SetAttr("encoding-type", encoding))
		must(g.SetAttr("encoding-version", "0.2.0"))
		return g
	}
	put := func(g *hdf5.GroupWriter, name string, typ *hdf5.Datatype, n int, b []byte) {
		d, err := g.Dataset(name, hdf5.Spec{Type: typ, Dims: []int64{int64(n)}})
		must(err)
		must(d.Append(b))
		must(d.Close())
	}
	must(w.Root().SetAttr("encoding-type", "anndata"))
	must(w.Root().SetAttr("encoding-version", "0.1.0"))
	if !m.noX {
		x := group("X", "csr_matrix")
		must(x.SetAttr("shape", m.shape))
		put(x, "indptr", hdf5.Int64(), len(m.indptr), bytesOf(m.indptr))
		put(x, "indices", hdf5.Int64(), len(m.indices), bytesOf(m.indices))
		put(x, "data", hdf5.Float64(), len(m.data), bytesOf(m.data))
	}
	for name, n := range map[string]int{"obs": m.obs, "var": m.vars} {
		g := group(name, "dataframe")
		must(g.SetAttr("_index", "_index"))
		must(g.SetAttr("column-order", []string{}))
		d, err := g.Dataset("_index", hdf5.Spec{Type: hdf5.VLenString(), Dims: []int64{int64(n)}})
		must(err)
		must(d.SetAttr("encoding-type", "string-array"))
		must(d.SetAttr("encoding-version", "0.2.0"))
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint(name, i)
		}
		must(d.WriteStrings(names))
		must(d.Close())
	}
}

// bytesOf is how a file holds the values.
func bytesOf[T int64 | float64](v []T) []byte {
	var b []byte
	for _, x := range v {
		switch x := any(x).(type) {
		case int64:
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b
}
