package gramkern

import "math"

// Block adds the product of two groups of dense columns over k rows to c:
//
//	c[i*ldc+j] += sum over r of a[r*Group+i] * b[r*Group+j]
//
// summed in float32 by fused multiply-adds from the first row to the last. k is
// at least 1 and at most SumRows; c has Group rows.
func Block(l Level, k int, a, b []float32, c []float64, ldc int) {
	// The kernels see bare pointers: hold the bounds here.
	_, _, _ = a[k*Group-1], b[k*Group-1], c[(Group-1)*ldc+Group-1]
	if l == Portable {
		blockPortable(k, a, b, c, ldc)
		return
	}
	blockVector(l, k, a, b, c, ldc)
}

func blockPortable(k int, a, b []float32, c []float64, ldc int) {
	var acc [Group]float32
	for i := range Group {
		acc = [Group]float32{}
		for r := range k {
			x := a[r*Group+i]
			if x == 0 { // adds nothing: most cells do not express most genes
				continue
			}
			fmaRow(x, (*[Group]float32)(b[r*Group:]), &acc)
		}
		out := c[i*ldc : i*ldc+Group]
		for j := range out {
			out[j] += float64(acc[j])
		}
	}
}

// Axpy adds the product of one sparse column and the dense columns of groups
// consecutive groups to c, which has groups*Group elements:
//
//	c[g*Group+j] += sum over i of val[i] * d[g*gs + at[i] + j]
//
// summed in float32 by fused multiply-adds in the order of the list. at[i] is
// the entry's row times Group; gs is the distance of two groups in d.
func Axpy(l Level, groups int, at []uint32, val, d []float32, gs int, c []float64) {
	if len(at) == 0 || groups == 0 {
		return
	}
	var top uint32
	for _, a := range at {
		top = max(top, a)
	}
	_, _, _ = val[len(at)-1], d[(groups-1)*gs+int(top)+Group-1], c[groups*Group-1]
	if l == Portable {
		axpyPortable(groups, at, val, d, gs, c)
		return
	}
	for groups > 0 {
		n := axpyVector(l, groups, at, val, d, gs, c)
		if groups -= n; groups > 0 {
			d, c = d[n*gs:], c[n*Group:]
		}
	}
}

func axpyPortable(groups int, at []uint32, val, d []float32, gs int, c []float64) {
	var acc [Group]float32
	for g := range groups {
		acc = [Group]float32{}
		for i, a := range at {
			fmaRow(val[i], (*[Group]float32)(d[g*gs+int(a):]), &acc)
		}
		out := c[g*Group : g*Group+Group]
		for j := range out {
			out[j] += float64(acc[j])
		}
	}
}

// fmaRow adds x times row to acc, each rounded once to float32.
//
// The product of two float32 is exact in float64, so one rounding to 53 bits
// happens in the sum and a second in the cast. The two differ from a single
// rounding only where the sum lands on the middle between two float32, or below
// their normal range; fmaOdd settles that.
func fmaRow(x float32, row, acc *[Group]float32) {
	w := float64(x)
	for j, v := range row {
		s := float64(w*float64(v)) + float64(acc[j])
		u := math.Float64bits(s)
		if u&(1<<29-1) == 1<<28 || u<<1 < (1023-126)<<53 {
			acc[j] = fmaOdd(x, v, acc[j])
			continue
		}
		acc[j] = float32(s)
	}
}

// fmaOdd rounds the sum to odd in float64, which makes the cast exact.
func fmaOdd(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	t := s - p
	err := (p - (s - t)) + (q - t) // what the sum lost, exactly
	u := math.Float64bits(s)
	if err == 0 || u&1 == 1 || math.IsInf(s, 0) || err != err {
		return float32(s)
	}
	if (err > 0) == (s > 0) {
		u++
	} else {
		u--
	}
	return float32(math.Float64frombits(u))
}
