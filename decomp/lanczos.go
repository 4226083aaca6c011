package decomp

import (
	"math"
	"math/rand/v2"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/panel"
)

const width = panel.Width

// lanczos is a thick-restart block Lanczos iteration.
//
// The basis is panels of 8 orthonormal vectors; t is V^T A V, of which every
// element is computed as an inner product, so that nothing rests on the
// recurrence being kept in exact arithmetic. When the basis is full, the best
// Ritz vectors take its place, followed by the block that came next.
type lanczos struct {
	n, k int
	mul  Mul
	opt  Options
	l    panel.Level
	rng  *rand.Rand

	m     int       // panels of a full basis
	used  int       // panels so far
	basis []float64 // (m+1) panels; the last is for the block that comes next
	t     []float64 // (8m) x (8m)
	w     []float64 // a panel
	h     [][64]float64
	rest  [64]float64 // R of the next block: rest[a*8+c], A V = V T + next R in the last columns
	scale float64     // largest |t| seen, for what counts as zero
}

func newLanczos(n int, mul Mul, k int, opt Options) *lanczos {
	// A basis of k and as much again, at least 128, to search in.
	m := (k + max(k, 128) + width - 1) / width
	m = min(m, n/width-1)
	return &lanczos{
		n: n, k: k, mul: mul, opt: opt, l: panel.Best(), rng: rand.New(rand.NewPCG(opt.Seed, 0x9e3779b97f4a7c15)),
		m: m, basis: make([]float64, (m+1)*n*width), t: make([]float64, m*m*64),
		w: make([]float64, n*width), h: make([][64]float64, m+1),
	}
}

func (z *lanczos) panel(q int) []float64 {
	return z.basis[q*z.n*width : (q+1)*z.n*width]
}

// run iterates until the first k residuals are small.
func (z *lanczos) run() (values, vectors []float64, err error) {
	z.randomBlock()
	checked := false
	for range z.opt.MaxIter {
		for z.used < z.m {
			if z.opt.Stop != nil {
				if err := z.opt.Stop(); err != nil {
					return nil, nil, err
				}
			}
			if err := z.step(); err != nil {
				return nil, nil, err
			}
		}
		size := z.m * width
		theta, s, err := symmetric(size, append([]float64(nil), z.t...), z.opt.Threads)
		if err != nil {
			return nil, nil, err
		}
		good := z.converged(theta, s)
		if good >= z.k && (checked || !clustered(theta[:z.k])) {
			values, vectors = z.result(theta, s)
			return values, vectors, nil
		}
		z.restart(theta, s)
		checked = good >= z.k
		if checked {
			z.randomBlock() // see clustered
		}
	}
	return nil, nil, errs.New(errs.Limit, "%d eigenvectors of a %d x %d matrix did not converge in %d restarts",
		z.k, z.n, z.n, z.opt.MaxIter).Do("raise the tolerance or the limit of restarts")
}

// clustered tells whether a value occurs as often as a block has vectors: from
// one first block no more copies can be found, so there may be others. They show
// up after a restart with a random block.
func clustered(theta []float64) bool {
	for i := width - 1; i < len(theta); i++ {
		if theta[i-width+1]-theta[i] <= 1e-9*math.Abs(theta[0]) {
			return true
		}
	}
	return false
}

// step multiplies the newest block, extends t, and makes the next block.
func (z *lanczos) step() error {
	if err := z.mul(z.w, z.panel(z.used), width); err != nil {
		return err
	}
	z.used++
	size := z.m * width
	for range 2 { // the second time takes off what rounding left in
		z.project(z.w, z.used)
		for q := range z.used {
			for c := range width {
				for a := range width {
					i, j := q*width+a, (z.used-1)*width+c
					z.t[i*size+j] += z.h[q][c*width+a]
					if q < z.used-1 {
						z.t[j*size+i] = z.t[i*size+j]
					}
				}
			}
		}
	}
	for q := range z.used {
		for _, v := range z.h[q] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return errs.New(errs.Data, "the matrix is not finite")
			}
		}
	}
	z.symmetrise(size)
	copy(z.panel(z.used), z.w)
	z.rest = z.orthonormal(z.panel(z.used), z.used)
	return nil
}

// symmetrise evens out the newest diagonal block of t and notes its size.
func (z *lanczos) symmetrise(size int) {
	at := (z.used - 1) * width
	for i := at; i < at+width; i++ {
		for j := at; j <= i; j++ {
			v := (z.t[i*size+j] + z.t[j*size+i]) / 2
			z.t[i*size+j], z.t[j*size+i] = v, v
			z.scale = max(z.scale, math.Abs(v))
		}
	}
}

// project takes off w its part within the first panels; h is what was taken.
func (z *lanczos) project(w []float64, panels int) {
	n := z.n
	parallel(workers(z.opt.Threads, panels*n*width), panels, 1, func(lo, hi int) {
		for q := lo; q < hi; q++ {
			panel.Gram(z.l, n, z.panel(q), w, &z.h[q])
		}
	})
	neg := make([][64]float64, panels)
	for q := range neg {
		for c := range width {
			for a := range width {
				neg[q][a*width+c] = -z.h[q][c*width+a]
			}
		}
	}
	parallel(workers(z.opt.Threads, panels*n*width), n, 64, func(lo, hi int) {
		for i := lo; i < hi; i += 256 { // a stretch of w that stays in the cache
			k := min(256, hi-i)
			for q := range neg {
				panel.Update(z.l, k, z.panel(q)[i*width:], &neg[q], w[i*width:])
			}
		}
	})
}

// randomBlock makes the block after the used panels random.
func (z *lanczos) randomBlock() {
	w := z.panel(z.used)
	for i := range w {
		w[i] = z.rng.NormFloat64()
	}
	for range 2 {
		z.project(w, z.used)
	}
	z.orthonormal(w, z.used)
}

// orthonormal makes the columns of w orthonormal, and keeps them so to the first
// panels, to which they are already. It returns R with w_before = w_after R, as
// R[a*8+c]. Columns that are nothing but rounding are replaced by random ones,
// with 0 in R.
func (z *lanczos) orthonormal(w []float64, panels int) [64]float64 {
	var total [64]float64
	for c := range width {
		total[c*width+c] = 1
	}
	for try := 0; try < 12; try++ {
		r, weak, dead := z.cholesky(w)
		total = times(&r, &total)
		for c := range width {
			if dead[c] {
				for i := range z.n {
					w[i*width+c] = z.rng.NormFloat64()
				}
				for a := range width {
					total[c*width+a] = 0
				}
			}
		}
		if try > 0 && !weak {
			break
		}
		if weak { // cancellation may have brought the old directions back
			z.project(w, panels)
		}
	}
	return total
}

// times returns a*b.
func times(a, b *[64]float64) [64]float64 {
	var c [64]float64
	for i := range width {
		for k := range width {
			for j := range width {
				c[i*width+j] += float64(a[i*width+k] * b[k*width+j])
			}
		}
	}
	return c
}

// cholesky divides w by R of its Gram matrix, R^T R = W^T W. weak tells that some
// column lost many digits, or was short, so that the division has to be
// repeated; dead marks columns of which nothing was left. Those get 0 in R.
func (z *lanczos) cholesky(w []float64) (r [64]float64, weak bool, dead [width]bool) {
	var g [64]float64
	panel.Gram(z.l, z.n, w, w, &g)
	tiny := 1e-14 * z.scale
	for j := range width {
		full := g[j*width+j]
		s := full
		for a := range j {
			s -= float64(r[a*width+j] * r[a*width+j])
		}
		switch {
		case !(full > tiny*tiny) || full == 0:
			dead[j], weak = true, true
			continue
		case !(s > 1e-15*full): // dependent on the columns before, as far as can be told
			dead[j], weak = true, true
			continue
		case s < 1e-6*full || full < 1e-12*z.scale*z.scale:
			weak = true
		}
		d := math.Sqrt(s)
		r[j*width+j] = d
		for c := j + 1; c < width; c++ {
			v := g[j*width+c]
			for a := range j {
				v -= float64(r[a*width+j] * r[a*width+c])
			}
			r[j*width+c] = v / d
		}
	}
	inv := inverse(&r, &dead)
	parallel(workers(z.opt.Threads, z.n*width*4), z.n, 64, func(lo, hi int) {
		var buf [256 * width]float64
		for i := lo; i < hi; i += 256 {
			k := min(256, hi-i)
			src := w[i*width : (i+k)*width]
			clear(buf[:])
			panel.Update(z.l, k, src, &inv, buf[:])
			copy(src, buf[:])
		}
	})
	return r, weak, dead
}

// inverse returns R^-1 of an upper triangle, with columns of 0 for the dead,
// which it clears in r too.
func inverse(r *[64]float64, dead *[width]bool) (inv [64]float64) {
	for c := range width {
		if dead[c] {
			for a := range width {
				r[a*width+c] = 0
			}
			continue
		}
		inv[c*width+c] = 1 / r[c*width+c]
		for a := c - 1; a >= 0; a-- {
			if dead[a] {
				continue
			}
			s := 0.0
			for b := a + 1; b <= c; b++ {
				s += float64(r[a*width+b] * inv[b*width+c])
			}
			inv[a*width+c] = -s / r[a*width+a]
		}
	}
	return inv
}

// converged counts how many of the first Ritz pairs have a small residual: R
// times the last block of the Ritz vector.
func (z *lanczos) converged(theta, s []float64) int {
	size := z.m * width
	limit := z.opt.Tol * max(math.Abs(theta[0]), math.Abs(theta[size-1]))
	for i := range z.k {
		last := s[i*size+size-width : (i+1)*size]
		sum := 0.0
		for a := range width {
			v := 0.0
			for c := range width {
				v += float64(z.rest[a*width+c] * last[c])
			}
			sum += float64(v * v)
		}
		if !(math.Sqrt(sum) <= limit) {
			return i
		}
	}
	return z.k
}

// restart keeps the best Ritz vectors and the next block.
func (z *lanczos) restart(theta, s []float64) {
	// Wanted vectors, and some of what is behind them: those near the edge make
	// the wanted ones converge faster. Room for new blocks is left.
	keep := min(z.k+max((z.m*width-z.k)/2, width), (z.m-2)*width)
	keep = max(keep/width, 1)
	z.combine(s, keep)
	size := z.m * width
	clear(z.t)
	for i := range keep * width {
		z.t[i*size+i] = theta[i]
	}
	copy(z.panel(keep), z.panel(z.m))
	z.used = keep
}

// combine replaces the first keep panels by Ritz vectors.
func (z *lanczos) combine(s []float64, keep int) {
	size := z.m * width
	h := make([][64]float64, z.m*keep)
	for p := range keep {
		for q := range z.m {
			for a := range width {
				for c := range width {
					h[p*z.m+q][a*width+c] = s[(p*width+c)*size+q*width+a]
				}
			}
		}
	}
	const rows = 64
	parallel(workers(z.opt.Threads, z.n*size), z.n, rows, func(lo, hi int) {
		buf := make([]float64, keep*rows*width)
		for i := lo; i < hi; i += rows {
			k := min(rows, hi-i)
			clear(buf)
			for p := range keep {
				for q := range z.m {
					panel.Update(z.l, k, z.panel(q)[i*width:], &h[p*z.m+q], buf[p*rows*width:])
				}
			}
			for p := range keep {
				copy(z.panel(p)[i*width:(i+k)*width], buf[p*rows*width:])
			}
		}
	})
}

// result writes the first k Ritz vectors as rows.
func (z *lanczos) result(theta, s []float64) (values, vectors []float64) {
	z.combine(s, (z.k+width-1)/width)
	vectors = make([]float64, z.k*z.n)
	for i := range z.k {
		v := vectors[i*z.n : (i+1)*z.n]
		p := z.panel(i / width)[i%width:]
		sum := 0.0
		for j := range v {
			v[j] = p[j*width]
			sum += float64(v[j] * v[j])
		}
		norm := math.Sqrt(sum)
		for j := range v {
			v[j] /= norm
		}
	}
	return append([]float64(nil), theta[:z.k]...), vectors
}
