// Scores of rows on components: kernels.Project.
//
// Layout: CSR in; W float64, a gene's weights side by side; Out float32, a row's scores
// side by side.
// Grid: a warp for each row, eight rows to a block. A lane has the components lane and
// lane+32 of 64 at a time; more components go over the row again.
// Order: each score is one lane's, from -Offset, value by value in gene order; values are
// worked out 32 at a time, one by each lane, and handed round.
// Bytes: 8 to 12 a value; 8*K a value of weights out of the L2 cache (800 KB at 2,000
// genes and 50 components), which is what bounds it; 4*K a row out.
#include "gram.cuh"

template <class T>
static __device__ void project_row(Status *st, u64 seq, i64 r, const i64 *indptr, const u32 *idx, const T *val, i64 cols,
                                   i64 room, const Values &how, i64 K, i64 stride, const double *w, const double *offset,
                                   float *out) {
    int lane = threadIdx.x & 31;
    i64 lo, hi;
    row_of(indptr, r, room, st, seq, lo, hi);
    double scale = how.scale ? how.scale[r] : 1;
    for (i64 k0 = 0; k0 < K; k0 += 64) {
        i64 ka = k0 + lane, kb = ka + 32;
        double a = 0, b = 0;
        if (offset) {
            if (ka < K) a = -offset[ka];
            if (kb < K) b = -offset[kb];
        }
        for (i64 base = lo; base < hi; base += 32) {
            i64 i = base + lane;
            u32 g = 0;
            double u = 0;
            bool bad = false;
            if (i < hi) {
                g = idx[i];
                bad = g >= cols;
                if (bad)
                    fail(st, seq, BAD_GENE, r, g, 0);
                else
                    u = u_of(how, (double)val[i], scale, g);
            }
            if (__any_sync(FULL, bad)) return;
            int n = hi - base < 32 ? (int)(hi - base) : 32;
#pragma unroll 4
            for (int j = 0; j < n; j++) {
                double x = __shfl_sync(FULL, u, j);
                const double *wg = w + (i64)__shfl_sync(FULL, g, j) * stride;
                if (ka < K) a = fma(x, wg[ka], a);
                if (kb < K) b = fma(x, wg[kb], b);
            }
        }
        if (ka < K) out[r * K + ka] = (float)a;
        if (kb < K) out[r * K + kb] = (float)b;
    }
}

#define M(suffix, T)                                                                                                     \
    extern "C" __global__ void project_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val,    \
                                                i64 rows, i64 cols, i64 room, const double *scale, u64 how, double base, \
                                                const double *mean, const double *std, u64 centre, double max, i64 K,    \
                                                i64 stride, const double *w, const double *offset, float *out) {         \
        if (skipped(st, seq)) return;                                                                                    \
        i64 r = ((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5;                                                       \
        if (r >= rows) return;                                                                                           \
        Values v = {scale, how, base, mean, std, centre, max};                                                           \
        project_row(st, seq, r, indptr, idx, val, cols, room, v, K, stride, w, offset, out);                             \
    }                                                                                                                    \
    GPUSC_KERNEL(project_##suffix)
GPUSC_KINDS(M)
