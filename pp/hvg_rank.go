package pp

import "math"

// batchRanks tells of each gene in how many batches it ranked before n, and
// the median of those ranks, NaN where there were none.
type batchRanks struct {
	batches []int32
	median  []float64
}

// rankBatches ranks the genes of each batch by score, largest first, NaN last,
// equal ones by the order of genes.
func rankBatches(score [][]float64, n int) batchRanks {
	genes := len(score[0])
	kept := make([][]float64, genes)
	for _, s := range score {
		order := sortedBy(genes, func(a, b int) int { return descending(s[a], s[b]) })
		for rank, g := range order[:min(n, genes)] {
			kept[g] = append(kept[g], float64(rank))
		}
	}
	out := batchRanks{make([]int32, genes), make([]float64, genes)}
	for g, r := range kept {
		out.batches[g] = int32(len(r))
		out.median[g] = median(r)
	}
	return out
}

// meanOver averages rows of equal length, in their order.
func meanOver(rows [][]float64) []float64 {
	out := make([]float64, len(rows[0]))
	for _, r := range rows {
		for i, v := range r {
			out[i] += v
		}
	}
	for i := range out {
		out[i] /= float64(len(rows))
	}
	return out
}

// MergeMoments pools the moments of batches, one after the other, by the
// update of Chan, Golub and LeVeque (1979). Batches of no cells add nothing.
func MergeMoments(batches []Moments) Moments {
	if len(batches) == 0 {
		return Moments{}
	}
	genes := len(batches[0].Mean)
	out := Moments{Mean: make([]float64, genes), Var: make([]float64, genes), Cells: make([]int64, genes)}
	for i := range batches {
		b := &batches[i]
		if b.N == 0 {
			continue
		}
		na, nb := float64(out.N), float64(b.N)
		for g, m := range b.Mean {
			d := m - out.Mean[g]
			ss := float64(out.variance(g)*max(na-1, 0)) + float64(b.variance(g)*(nb-1)) + float64(d*d*(na*nb/(na+nb)))
			out.Mean[g] += float64(d * (nb / (na + nb)))
			out.Var[g] = ss / max(na+nb-1, 1)
			if b.Cells != nil && out.Cells != nil {
				out.Cells[g] += b.Cells[g]
			}
		}
		if b.Cells == nil {
			out.Cells = nil
		}
		out.N += b.N
	}
	return out
}

// MomentsOf turns sums into moments: mean = s/n, var = (q/n - mean^2)*n/(n-1).
// A variance that rounding makes negative is 0; of one cell it is 0.
func MomentsOf(n int64, sum, sumSq []float64) Moments {
	out := Moments{N: n, Mean: make([]float64, len(sum)), Var: make([]float64, len(sum))}
	f := float64(n)
	for g := range sum {
		m := sum[g] / f
		out.Mean[g] = m
		if n > 1 {
			out.Var[g] = math.Max(0, (sumSq[g]/f-float64(m*m))*(f/(f-1)))
		}
	}
	return out
}
