package decomp

import (
	"math"
	"runtime"

	"github.com/gpusc/gpusc/internal/errs"
	"github.com/gpusc/gpusc/internal/panel"
)

// Options says how eigenvectors are found. The zero value is useful.
type Options struct {
	// Tol is the largest residual |A x - lambda x| / |lambda_1| that is left;
	// 0: 1e-12. Eigenvalues are much closer than that, by the residual's square.
	Tol float64
	// Seed of the first vectors. It changes results within Tol only.
	Seed uint64
	// MaxIter is how many times the search may restart; 0: 300.
	MaxIter int
	// Threads; 0: all. It does not change a bit of the result.
	Threads int
	// Stop ends the search when it returns an error, which is then the result's:
	// context.Context.Err, for example. It is asked between products. nil: never.
	Stop func() error
}

func (o Options) withDefaults() Options {
	if o.Tol <= 0 {
		o.Tol = 1e-12
	}
	if o.MaxIter <= 0 {
		o.MaxIter = 300
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return o
}

// Mul computes a symmetric matrix times a block of vectors: dst = A src. Blocks
// are n x cols, row by row: element i of vector c is at i*cols+c. It must give
// the same bits for the same src. Its error ends the search.
type Mul func(dst, src []float64, cols int) error

// DenseMul returns the product with a dense symmetric matrix, n x n, which must
// not change as long as it is used. threads is 0 for all; it changes no bit. The
// function is for one goroutine at a time and has no errors.
func DenseMul(a []float64, n, threads int) Mul {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	threads = workers(threads, n*n)
	sym := panel.NewSymmetric(panel.Best(), n, a)
	pieces := func(pieces int, f func(int)) { shared(threads, pieces, f) }
	return inPanels(n, func(dst, src []float64) error {
		sym.Mul(dst, src, pieces)
		return nil
	})
}

// inPanels makes a Mul of a product with panel.Width vectors.
func inPanels(n int, mul func(dst, src []float64) error) Mul {
	var x, y []float64
	return func(dst, src []float64, cols int) error {
		if cols == panel.Width {
			return mul(dst, src)
		}
		if x == nil {
			x, y = make([]float64, n*panel.Width), make([]float64, n*panel.Width)
		}
		for c0 := 0; c0 < cols; c0 += panel.Width {
			k := min(panel.Width, cols-c0)
			clear(x)
			for i := range n {
				copy(x[i*panel.Width:], src[i*cols+c0:i*cols+c0+k])
			}
			if err := mul(y, x); err != nil {
				return err
			}
			for i := range n {
				copy(dst[i*cols+c0:i*cols+c0+k], y[i*panel.Width:])
			}
		}
		return nil
	}
}

// TopEigen returns the k algebraically largest eigenvalues of a symmetric n x n
// matrix, from the largest down, and their eigenvectors, k x n, of length 1. In
// each vector the element of largest size is positive (the first such, if
// several are equal), as svd_flip(u_based_decision=False) of scikit-learn has it.
//
// Method: block Lanczos with thick restarts and full reorthogonalisation (Wu and
// Simon, SIAM J. Matrix Anal. Appl. 22, 2000; the block form as in Zhou and
// Saad, Numer. Algorithms 47, 2008). Small matrices, and many vectors of a
// larger one, go to a dense solver, which asks for all columns of A.
//
// Errors: errs.Usage if k is not between 1 and n; errs.Data for a matrix that is
// not finite; errs.Limit when MaxIter restarts were not enough; those of mul.
func TopEigen(n int, mul Mul, k int, opt Options) (values, vectors []float64, err error) {
	if n < 1 || k < 1 || k > n {
		return nil, nil, errs.New(errs.Usage, "%d eigenvectors of a %d x %d matrix", k, n, n)
	}
	opt = opt.withDefaults()
	if n <= 300 || k > n/3 {
		values, vectors, err = denseTop(n, mul, k, opt)
	} else {
		values, vectors, err = newLanczos(n, mul, k, opt).run()
	}
	if err != nil {
		return nil, nil, err
	}
	for i := range k {
		flip(vectors[i*n : (i+1)*n])
	}
	return values, vectors, nil
}

// denseTop builds the matrix column by column and solves it as a whole.
func denseTop(n int, mul Mul, k int, opt Options) (values, vectors []float64, err error) {
	a := make([]float64, n*n)
	src, dst := make([]float64, n*panel.Width), make([]float64, n*panel.Width)
	for c0 := 0; c0 < n; c0 += panel.Width {
		clear(src)
		cols := min(panel.Width, n-c0)
		for c := range cols {
			src[(c0+c)*panel.Width+c] = 1
		}
		if err := mul(dst, src, panel.Width); err != nil {
			return nil, nil, err
		}
		for i := range n {
			copy(a[i*n+c0:i*n+c0+cols], dst[i*panel.Width:])
		}
	}
	for _, v := range a {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, errs.New(errs.Data, "the matrix is not finite")
		}
	}
	values, vectors, err = symmetric(n, a, opt.Threads)
	if err != nil {
		return nil, nil, err
	}
	return values[:k], vectors[:k*n], nil
}

// flip turns the sign of v so that its largest element is positive.
func flip(v []float64) {
	top := 0
	for i, x := range v {
		if math.Abs(x) > math.Abs(v[top]) {
			top = i
		}
	}
	if v[top] >= 0 {
		return
	}
	for i := range v {
		v[i] = -v[i]
	}
}
