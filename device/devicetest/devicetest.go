// Package devicetest is the conformance suite of backends: what package device
// promises about memory and streams, and for each operation of package kernels
// a slow, plain reference that the backend's results must equal bit for bit.
// The references add up with big integers and know nothing of chunks, threads
// or tables.
//
// Sums of products (grammultiply, project) are the exception: Run holds them to
// a normalised squared error of 1e-7 and to the same bits however the work is
// shared out; RunExact to the bits of the arithmetic laid down in package kernels.
//
// # To add an operation
//
//  1. Write its struct and exact meaning in kernels/<stem>.go.
//  2. Add a case here: a function func(t *testing.T, r *rig) that runs it over
//     matrices() and compares with a reference written beside it, in the file of
//     its like (rows.go: a result per row; genes.go: sums per gene; rewrite.go: a
//     new matrix), and one line in cases() under the name that Op.Kernel gives.
//  3. If it adds up over rows, use cuts() so that any split into chunks is tried.
//  4. Write cpu/<stem>.go and its line in cpu/ops.go; then the other backends.
//     A backend that lacks an operation skips its case, by name.
package devicetest

import (
	"testing"

	"github.com/gpusc/gpusc/device"
)

// opCase is one test: of an operation, or of streams or memory.
type opCase struct {
	name string // of an operation: as Op.Kernel gives it
	run  func(t *testing.T, r *rig)
}

// cases lists the operations of package kernels.
func cases() []opCase {
	return []opCase{
		{"rowstats", testRowStats},
		{"topsums", testTopSums},
		{"highfraction", testHighFraction},
		{"genestats", testGeneStats},
		{"moments", testMoments},
		{"clippedmoments", testClippedMoments},
		{"pearsonmoments", testPearsonMoments},
		{"select", testSelect},
		{"values", testValues},
		{"dense", testDense},
		{"gramfill", testGramFill},
		{"grammultiply", testGramMultiply},
		{"project", testProject},
		{"symmul", testSymMul},
		{"unpack", testUnpack},
	}
}

// Run tests a backend. open gives a fresh one each time; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) device.Backend) { run(t, open, false) }

// RunExact is Run for a backend whose sums of products take the steps that
// package kernels lays down, one by one.
func RunExact(t *testing.T, open func(t *testing.T) device.Backend) { run(t, open, true) }

func run(t *testing.T, open func(t *testing.T) device.Backend, exact bool) {
	for _, c := range cases() {
		t.Run("op/"+c.name, func(t *testing.T) {
			r := newRig(t, open)
			r.exact = exact
			if !r.dev.Supports(c.name) {
				t.Skipf("%s has no operation %q", r.dev.Info().Name, c.name)
			}
			c.run(t, r)
		})
	}
	RunStreams(t, open)
	for _, c := range []opCase{{"info", testInfo}, {"share", testShare}, {"sizes", testSizes}, {"meter", testMeter}} {
		t.Run("memory/"+c.name, func(t *testing.T) { c.run(t, newRig(t, open)) })
	}
	t.Run("memory/leaks", func(t *testing.T) { testLeaks(t, open(t)) })
	t.Run("memory/double free", func(t *testing.T) { testDoubleFree(t, open(t)) })
}

// RunStreams runs the part of the suite that is about streams, events and
// errors. It is quick, so that a backend can be tried with many settings.
func RunStreams(t *testing.T, open func(t *testing.T) device.Backend) {
	for _, c := range []opCase{
		{"copies", testCopies},
		{"clear", testClear},
		{"order", testOrder},
		{"events", testEvents},
		{"long queue", testLongQueue},
		{"parallel", testParallel},
		{"sticky errors", testSticky},
		{"after a failure", testAfterFailure},
		{"bad operations", testBadOps},
		{"refused terms", testRefusedTerms},
	} {
		t.Run("stream/"+c.name, func(t *testing.T) { c.run(t, newRig(t, open)) })
	}
}
