//go:build !amd64

package neighbors

// best returns the fastest level that this processor has.
func best() level { return portable }

// The functions below are never called: best is portable here.

func filterVector(level, int, *float32, *float32, *float32, *float32, *masks) bool { return false }

func bothVector(level, int, *float32, *float32, *float32, *float32, *float32, *float32, *masks, *masks) bool {
	return false
}

func canonicalVector(level, bool, *float32, *float32, *int32, int, *float32, int) {}
