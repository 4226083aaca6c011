//go:build !amd64

package manifold

// best returns the fastest level that this processor has.
func best() level { return portable }

// The functions below are never called: best is portable here.

func fireVector(level, *uint32, *uint32, *uint32, int, uint32, *uint32) int { return 0 }

func moveVector(level, int, *moveArgs, uint32, uint32, uint32, *uint32, int, *float32) {}
