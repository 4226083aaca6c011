// A stand-in libcublas.so.12: the few functions that a Gram matrix needs, queued on
// the stream like a kernel. Matrices are column-major. Sums are in float64 and
// rounded once, so no result depends on an order; the real one promises less.
#include <cmath>
#include <cstddef>
#include <vector>

#define BLAS_API extern "C" __attribute__((visibility("default"))) int

extern "C" int cuLaunchHostFunc(void *stream, void (*f)(void *), void *data);
extern "C" int cuCtxGetCurrent(void **out);

namespace {

enum { success = 0, notInitialized = 1, invalidValue = 7, executionFailed = 13, notSupported = 15 };
enum { lower = 0, upper = 1 };

struct Library {
    bool alive = true;
    void *stream = nullptr;
    bool deviceScalars = false;
};

// Matrix reads op(A).
template <class T> struct Matrix {
    const T *at;
    bool transposed;
    long ld;
    double get(long i, long j) const { return double(transposed ? at[i * ld + j] : at[j * ld + i]); }
};

// Product is C = alpha op(A) op(B) + beta C, of which part may be a triangle.
template <class T> struct Product {
    Matrix<T> a, b;
    T *c;
    long ld, m, n, k;
    T alpha, beta;
    int part; // lower, upper, or -1: all

    void run() const {
        for (long j = 0; j < n; j++) {
            for (long i = part == lower ? j : 0; i < (part == upper ? j + 1 : m); i++) {
                double sum = 0;
                for (long l = 0; l < k; l++) sum += a.get(i, l) * b.get(l, j);
                T &out = c[j * ld + i];
                out = T(double(alpha) * sum + (beta == 0 ? 0 : double(beta) * double(out))); // beta 0: out is not read
            }
        }
    }
};

template <class T> int queue(Library *l, const Product<T> &p) {
    auto run = [](void *data) {
        auto *q = static_cast<Product<T> *>(data);
        q->run();
        delete q;
    };
    return cuLaunchHostFunc(l->stream, run, new Product<T>(p)) ? executionFailed : success;
}

bool usable(Library *l) { return l && l->alive && !l->deviceScalars; }

template <class T>
int syrk(Library *l, int part, int trans, int n, int k, const T *alpha, const T *a, int lda, const T *beta, T *c, int ldc) {
    if (!usable(l)) return notInitialized;
    if (n < 0 || k < 0 || part < 0 || part > 1 || !alpha || !beta || lda < (trans ? k : n) || ldc < n) return invalidValue;
    bool t = trans != 0;
    return queue(l, Product<T>{{a, t, lda}, {a, !t, lda}, c, ldc, n, n, k, *alpha, *beta, part});
}

template <class T>
int gemm(Library *l, int ta, int tb, int m, int n, int k, const T *alpha, const T *a, int lda, const T *b, int ldb, const T *beta, T *c, int ldc) {
    if (!usable(l)) return notInitialized;
    if (m < 0 || n < 0 || k < 0 || !alpha || !beta || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return invalidValue;
    return queue(l, Product<T>{{a, ta != 0, lda}, {b, tb != 0, ldb}, c, ldc, m, n, k, *alpha, *beta, -1});
}

} // namespace

BLAS_API cublasCreate_v2(Library **out) {
    void *context = nullptr;
    if (!out) return invalidValue;
    if (cuCtxGetCurrent(&context) || !context) return notInitialized;
    *out = new Library; // kept for ever, so that a stale handle is known
    return success;
}

BLAS_API cublasDestroy_v2(Library *l) {
    if (!l || !l->alive) return notInitialized;
    l->alive = false;
    return success;
}

BLAS_API cublasSetStream_v2(Library *l, void *stream) {
    if (!l || !l->alive) return notInitialized;
    l->stream = stream;
    return success;
}

BLAS_API cublasSetMathMode(Library *l, int) { return l && l->alive ? success : notInitialized; }

BLAS_API cublasSetPointerMode_v2(Library *l, int mode) {
    if (!l || !l->alive) return notInitialized;
    l->deviceScalars = mode != 0;
    return mode ? notSupported : success;
}

BLAS_API cublasSetWorkspace_v2(Library *l, void *, size_t) { return l && l->alive ? success : notInitialized; }

BLAS_API cublasGetVersion_v2(Library *l, int *out) {
    if (!l || !l->alive) return notInitialized;
    if (!out) return invalidValue;
    *out = 120400;
    return success;
}

BLAS_API cublasSsyrk_v2(Library *l, int part, int trans, int n, int k, const float *alpha, const float *a, int lda, const float *beta, float *c, int ldc) {
    return syrk(l, part, trans, n, k, alpha, a, lda, beta, c, ldc);
}

BLAS_API cublasDsyrk_v2(Library *l, int part, int trans, int n, int k, const double *alpha, const double *a, int lda, const double *beta, double *c, int ldc) {
    return syrk(l, part, trans, n, k, alpha, a, lda, beta, c, ldc);
}

BLAS_API cublasSgemm_v2(Library *l, int ta, int tb, int m, int n, int k, const float *alpha, const float *a, int lda, const float *b, int ldb, const float *beta, float *c, int ldc) {
    return gemm(l, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

BLAS_API cublasDgemm_v2(Library *l, int ta, int tb, int m, int n, int k, const double *alpha, const double *a, int lda, const double *b, int ldb, const double *beta, double *c, int ldc) {
    return gemm(l, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
