//go:build !amd64

package panel

// Best returns the fastest level that this processor has.
func Best() Level { return Portable }

// The functions below are never called: Best is Portable here.

func mulVector(Level, int, *float64, int, *float64, *float64) {}

func bothVector(Level, int, []float64, int, []float64, []float64, *[64]float64, *[64]float64) {
}
func gramVector(Level, int, *float64, *float64, *float64)   {}
func updateVector(Level, int, *float64, *float64, *float64) {}
func rotateVector(Level, int, *float64, int, *float64)      {}
func dotVector(Level, int, *float64, *float64, *float64)    {}
func axpyVector(Level, int, float64, *float64, *float64)    {}
