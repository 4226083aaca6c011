// The stand-in cuBLAS.
#include "cuda.h"

extern "C" {
int cublasCreate_v2(Handle *);
int cublasDestroy_v2(Handle);
int cublasSetStream_v2(Handle, Handle);
int cublasSsyrk_v2(Handle, int, int, int, int, const float *, const float *, int, const float *, float *, int);
int cublasSgemm_v2(Handle, int, int, int, int, int, const float *, const float *, int, const float *, int, const float *, float *, int);
}

static const int n = 5, k = 3;

static u64 matrix(const std::vector<float> &v) {
    u64 p;
    OK(cuMemAlloc_v2(&p, v.size() * 4));
    OK(cuMemcpyHtoD_v2(p, v.data(), v.size() * 4));
    return p;
}

// blas: C = 2 A A^T in the lower triangle with beta 0, which must not read C; then
// the same by a product; neither before the stream is waited for.
static void blas(int, char **) {
    Handle h;
    OK(cuInit(0));
    WANT(1, cublasCreate_v2(&h)); // no context
    Machine m = machine();
    std::vector<float> a(n * k), c(n * n), d(n * n);
    for (int i = 0; i < n * k; i++) a[i] = float(i % 7 - 2);
    u64 da = matrix(a), dc, dd;
    OK(cuMemAlloc_v2(&dc, n * n * 4)); // not-a-number
    OK(cuMemAlloc_v2(&dd, n * n * 4));
    OK(cublasCreate_v2(&h));
    OK(cublasSetStream_v2(h, m.a));
    float two = 2, zero = 0;
    OK(cublasSsyrk_v2(h, 0, 0, n, k, &two, (float *)da, n, &zero, (float *)dc, n));
    OK(cublasSgemm_v2(h, 0, 1, n, n, k, &two, (float *)da, n, (float *)da, n, &zero, (float *)dd, n));
    OK(cuMemcpyDtoHAsync_v2(c.data(), dc, n * n * 4, m.a));
    OK(cuMemcpyDtoHAsync_v2(d.data(), dd, n * n * 4, m.a));
    OK(cuStreamSynchronize(m.a));
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < n; i++) {
            float want = 0;
            for (int l = 0; l < k; l++) want += 2 * a[l * n + i] * a[l * n + j];
            TRUE(d[j * n + i] == want);
            TRUE(i >= j ? c[j * n + i] == want : c[j * n + i] != c[j * n + i]);
        }
    }
    OK(cublasDestroy_v2(h));
    WANT(1, cublasSetStream_v2(h, nullptr));
}

const Case blasCases[] = {{"blas", blas}, {}};
