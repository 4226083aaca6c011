// A run of rows as a dense, scaled matrix: kernels.Dense.
//
// Layout: CSR in; out float32 row after row. What a gene is where nothing is stored
// is the same in every row: dense_zero works it out once, as a row of its own.
// Grid: dense_zero a thread for each gene; dense_* a block of 128 threads for each
// row, which copies the row of zeros' values and, after a barrier, puts the stored
// values in their places.
// Order: each element is by itself.
// Bytes: 8 a stored value in (12 of float64), 4 an element out; the writes bound it,
// as the row of zeros' values comes from the cache.
#include "common.cuh"

// scaled is z of value v in gene c; mean, std: 0 where there is none. centre is told
// apart from mean, as the lower limit goes by it.
static __device__ inline float scaled(double v, i64 c, const double *mean, const double *std, double most, bool centre) {
    if (centre && mean) v -= mean[c];
    if (std) v /= std[c];
    if (most > 0) {
        if (v > most) v = most;
        if (centre && v < -most) v = -most;
    }
    return (float)v;
}

extern "C" __global__ void dense_zero(Status *st, u64 seq, i64 cols, const double *mean, const double *std, u64 centre,
                                      double most, float *zero) {
    if (skipped(st, seq)) return;
    i64 c = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (c < cols) zero[c] = scaled(0, c, mean, std, most, centre != 0);
}
GPUSC_KERNEL(dense_zero)

#ifdef GPUSC_BUG_DENSE
#define __syncthreads()
#endif

#define M(suffix, T)                                                                                                   \
    extern "C" __global__ void dense_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val,    \
                                              i64 cols, i64 room, i64 row0, const double *scale, u64 how,              \
                                              double base, const double *mean, const double *std, u64 centre,          \
                                              double most, const float *zero, float *out) {                            \
        if (skipped(st, seq)) return;                                                                                  \
        i64 r = row0 + blockIdx.x, lo, hi;                                                                             \
        row_of(indptr, r, room, st, seq, lo, hi);                                                                      \
        float *row = out + (i64)blockIdx.x * cols;                                                                     \
        for (i64 c = threadIdx.x; c < cols; c += blockDim.x) row[c] = zero[c];                                         \
        __syncthreads();                                                                                               \
        double factor = scale ? scale[r] : 1;                                                                          \
        for (i64 i = lo + threadIdx.x; i < hi; i += blockDim.x) {                                                      \
            u32 c = idx[i];                                                                                            \
            if (c < cols)                                                                                              \
                row[c] = scaled(transformed((double)val[i], factor, how, base), c, mean, std, most, centre != 0);      \
            else                                                                                                       \
                fail(st, seq, BAD_GENE, r, c, 0);                                                                      \
        }                                                                                                              \
    }                                                                                                                  \
    GPUSC_KERNEL(dense_##suffix)
GPUSC_KINDS(M)
