// What Pearson residuals of stored values differ from those of zeros: kernels.PearsonMoments.
//
// Layout: CSR; Total f64[rows], Share f64[groups*cols], Clip f64[groups]; Sum and SumSq
// Fixed[groups*cols]; acc, if any, records of four words (genesums.cuh).
// Grid: a warp for each row, eight rows to a block.
// Order: integers only, so none. Each float64 step as written in package kernels.
// Bytes: 8 (12 for f64) a value in and 8 of Share, which stays in the L2; one sector of
// L2 atomics a value. Three divisions and a root in float64 are some 60 operations a
// value: where float64 is slow they are what bounds it, elsewhere the atomics.
#include "genesums.cuh"

// limited is min(max(z, -limit), limit), and not a number for that.
static __device__ __forceinline__ double limited(double z, double limit) {
    if (z < -limit) z = -limit;
    if (z > limit) z = limit;
    return z;
}

template <class T>
static __device__ void pearson(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val, i64 from, i64 to,
                               i64 cols, i64 room, const i32 *group, i64 groups, const double *total, const double *share,
                               const double *clip, double theta, u64 finite, u64 *acc, Fixed *sum, Fixed *sq) {
    i64 r, lo, hi, base;
    if (!my_row(indptr, from, to, cols, room, group, groups, st, seq, r, lo, hi, base)) return;
    double t = total[r], limit = clip[group ? group[r] : 0];
    int lane = threadIdx.x & 31;
#pragma unroll 1
    for (i64 i = lo + lane; i - lane < hi; i += 32) {
        u32 c = NO_GENE;
        double d = 0, q = 0;
        if (i < hi) {
            c = idx[i];
            if (c >= cols) {
                fail(st, seq, BAD_GENE, r, c, 0);
                c = NO_GENE;
            } else {
                double mu = t * share[base + c], variance = mu;
                if (finite) variance = mu + mu * mu / theta;
                double root = sqrt(variance);
                double z = limited(((double)val[i] - mu) / root, limit);
                double z0 = limited((0 - mu) / root, limit);
                d = z - z0;
                q = z * z - z0 * z0;
            }
        }
        add_pairs(acc ? acc + 4 * base : acc, sum + base, sq + base, c, d, q, st, seq);
    }
}

#define M(suffix, T)                                                                                                    \
    extern "C" __global__ void pearsonmoments_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx,          \
                                                       const T *val, i64 from, i64 to, i64 cols, i64 room,              \
                                                       const i32 *group, i64 groups, const double *total,               \
                                                       const double *share, const double *clip, double theta,           \
                                                       u64 finite, u64 *acc, Fixed *sum, Fixed *sq) {                   \
        if (skipped(st, seq)) return;                                                                                   \
        pearson(st, seq, indptr, idx, val, from, to, cols, room, group, groups, total, share, clip, theta, finite, acc, \
                sum, sq);                                                                                               \
    }                                                                                                                   \
    GPUSC_KERNEL(pearsonmoments_##suffix)
GPUSC_KINDS(M)

GPUSC_FLUSH_PAIRS(pearsonmoments_flush)
