package cpu

import "github.com/gpusc/gpusc/kernels"

// momentSums are one group's accumulators.
type momentSums struct {
	sum, sq []kernels.Fixed // the caller's, one per gene
	private []lanes         // one per gene, nil: add to the caller's at once
	terms   *termTable
	tr      *transform
}

func moments(w *work, op *kernels.Moments) error {
	var c check
	m := c.csr(op.X)
	tr := c.transform(op.T, m.rows)
	group := c.groups(op.Group, m.rows, op.Groups)
	n := c.product(op.Groups, m.cols, "Sum")
	sum := slice[kernels.Fixed](&c, op.Sum, n, "Sum")
	sq := slice[kernels.Fixed](&c, op.SumSq, n, "SumSq")
	if c.err != nil {
		return c.err
	}
	return w.buckets(&m, group, op.Groups, func(b bucket) error {
		at := b.group * m.cols
		s := momentSums{sum: sum[at : at+m.cols], sq: sq[at : at+m.cols], terms: &w.terms, tr: &tr}
		if b.dense {
			s.private = zeros[lanes](w, m.cols)
		}
		if err := s.rows(w, &m, b.rows); err != nil {
			return err
		}
		s.flush()
		return nil
	})
}

// rows adds the values of the rows.
func (s *momentSums) rows(w *work, m *matrix, rows []int32) error {
	s.terms.next()
	for _, r := range rows {
		lo, hi := m.ptr[r], m.ptr[r+1]
		idx, scale := m.idx[lo:hi], s.tr.of(r)
		var err error
		switch m.kind {
		case kernels.Counts:
			if s.tr.scale != nil {
				s.terms.next()
			}
			err = s.counts(idx, m.u32[lo:hi], scale)
		default:
			err = s.floats(idx, w.wide(m, lo, hi), scale)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// counts adds a row of counts: those with an entry in the table in a tight
// loop, which stops at each that has none.
func (s *momentSums) counts(idx, val []uint32, scale float64) error {
	for i := 0; ; i++ {
		if s.private != nil {
			i += addTerms(s.private, s.terms, idx[i:], val[i:])
		} else {
			i += s.addDirect(idx[i:], val[i:])
		}
		if i == len(idx) {
			return nil
		}
		x := val[i]
		v := s.tr.apply(float64(x), scale)
		if x < tableSize && s.terms.stamp[x] != s.terms.epoch {
			if l, ok := split(v, float64(v*v)); ok {
				s.terms.lanes[x], s.terms.stamp[x] = l, s.terms.epoch
			}
		}
		if err := s.add(idx[i], v); err != nil {
			return err
		}
	}
}

// addTermsGo is addTerms in Go: it adds the table's entry of each value to the
// gene's lanes and stops before the first value without an entry or gene that
// does not exist. It returns how many were added.
func addTermsGo(acc []lanes, t *termTable, idx, val []uint32) int {
	val = val[:len(idx)]
	for i, c := range idx {
		x := val[i]
		if x >= tableSize || t.stamp[x] != t.epoch || int(c) >= len(acc) {
			return i
		}
		a, l := &acc[c], &t.lanes[x]
		a[0] += l[0]
		a[1] += l[1]
		a[2] += l[2]
		a[3] += l[3]
	}
	return len(idx)
}

// addDirect does the same with the caller's accumulators.
func (s *momentSums) addDirect(idx, val []uint32) int {
	val = val[:len(idx)]
	t := s.terms
	for i, c := range idx {
		x := val[i]
		if x >= tableSize || t.stamp[x] != t.epoch {
			return i
		}
		l := &t.lanes[x]
		s.sum[c] = s.sum[c].Add(fixed(l[0], l[1]))
		s.sq[c] = s.sq[c].Add(fixed(l[2], l[3]))
	}
	return len(idx)
}

func (s *momentSums) floats(idx []uint32, val []float64, scale float64) error {
	for i, c := range idx {
		if err := s.add(c, s.tr.apply(val[i], scale)); err != nil {
			return err
		}
	}
	return nil
}

// add adds any transformed value of gene c.
func (s *momentSums) add(c uint32, v float64) error {
	q := float64(v * v)
	if s.private != nil {
		if l, ok := split(v, q); ok {
			a := &s.private[c]
			a[0] += l[0]
			a[1] += l[1]
			a[2] += l[2]
			a[3] += l[3]
			return nil
		}
	}
	if !addable(v) || !addable(q) {
		return errTerm(q)
	}
	s.sum[c] = s.sum[c].Add(kernels.ToFixed(v))
	s.sq[c] = s.sq[c].Add(kernels.ToFixed(q))
	return nil
}

// flush carries the private sums over and leaves them zero.
func (s *momentSums) flush() {
	for c := range s.private {
		l := &s.private[c]
		if l[0]|l[1]|l[2]|l[3] == 0 {
			continue
		}
		s.sum[c] = s.sum[c].Add(fixed(l[0], l[1]))
		s.sq[c] = s.sq[c].Add(fixed(l[2], l[3]))
		*l = lanes{}
	}
}
