package pp

// Column is one column of obs or var, by the name that scanpy gives it.
type Column struct {
	Name string
	// Data is one of []float64, []float32, []int64, []int32, []bool, []string
	// and Categorical, with one entry per cell (obs) or gene (var).
	Data any
}

// Categorical is a column of few distinct strings.
type Categorical struct {
	Codes      []int32 // index into Categories, -1: missing
	Categories []string
	Ordered    bool
}

// float32s rounds each value to float32.
func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}

// int64s widens each value.
func int64s(v []int32) []int64 {
	out := make([]int64, len(v))
	for i, x := range v {
		out[i] = int64(x)
	}
	return out
}
