// Sums and squares up to a limit for each gene: kernels.ClippedMoments.
//
// Layout: CSR; Clip f64, Sum and SumSq Fixed, Clipped u64, all [groups*cols].
// Counts: the three sums of a gene are whole numbers. With acc, those of counts up to
// LOW lie in one word (sum of squares, sum above bit 26, clipped above bit 47): one
// atomic without an answer a value; larger counts are added to the caller's sums,
// at most two atomics. Floats: v and v*v as records of four words (genesums.cuh),
// clipped ones straight to Clipped.
// Grid: a warp for each row, eight rows to a block.
// Order: integers only, so none.
// Bytes: 8 (12 for f64) a value in and 8 of Clip, which stays in the L2; one sector of
// L2 atomics a value.
#include "genesums.cuh"

#define LOW 31u // SLICE times 31 is below 2^21, times 31*31 below 2^26
#define SUM_SHIFT 26
#define CLIPPED_SHIFT 47
#define EXACT_SQUARE (1u << 26) // the largest count whose square may be added

// clip_one adds a count to the caller's sums.
static __device__ inline void clip_one(Fixed *sum, Fixed *sq, u64 *clipped, u32 x, bool over, Status *st, u64 seq) {
    if (over) {
        atomicAdd(clipped, 1ull);
    } else if (x > EXACT_SQUARE) {
        fail(st, seq, BAD_TERM, 0, 0, (double)x * (double)x);
    } else {
        add_hi(sum, x);
        add_hi(sq, (u64)x * x);
    }
}

extern "C" __global__ void clippedmoments_u32(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const u32 *val,
                                              i64 from, i64 to, i64 cols, i64 room, const i32 *group, i64 groups,
                                              const double *clip, u64 *acc, Fixed *sum, Fixed *sq, u64 *clipped) {
    if (skipped(st, seq)) return;
    i64 r, lo, hi, base;
    if (!my_row(indptr, from, to, cols, room, group, groups, st, seq, r, lo, hi, base)) return;
    i64 i = lo + (threadIdx.x & 31);
    u32 nextC = 0, nextX = 0; // loaded while the last ones are added, as loads are not moved ahead of atomics
    if (i < hi) nextC = idx[i], nextX = val[i];
    for (; i < hi; i += 32) {
        u32 c = nextC, x = nextX;
        if (i + 32 < hi) nextC = idx[i + 32], nextX = val[i + 32];
        if (c >= cols) {
            fail(st, seq, BAD_GENE, r, c, 0);
            continue;
        }
        i64 at = base + c;
        bool over = (double)x > clip[at];
        if (acc && (over || x <= LOW))
            atomicAdd(acc + at, over ? 1ull << CLIPPED_SHIFT : (u64)x << SUM_SHIFT | (u64)(x * x));
        else
            clip_one(sum + at, sq + at, clipped + at, x, over, st, seq);
    }
}
GPUSC_KERNEL(clippedmoments_u32)

// clippedmoments_words adds n words of counts to the caller's sums, a thread for each.
extern "C" __global__ void clippedmoments_words(Status *st, u64 seq, const u64 *acc, i64 n, Fixed *sum, Fixed *sq,
                                                u64 *clipped) {
    if (skipped(st, seq)) return;
    i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n || !acc[i]) return;
    u64 w = acc[i];
    sq[i].hi += w & ((1ull << SUM_SHIFT) - 1);
    sum[i].hi += w >> SUM_SHIFT & ((1ull << (CLIPPED_SHIFT - SUM_SHIFT)) - 1);
    clipped[i] += w >> CLIPPED_SHIFT;
}
GPUSC_KERNEL(clippedmoments_words)

template <class T>
static __device__ void clipped_floats(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val, i64 from, i64 to,
                                      i64 cols, i64 room, const i32 *group, i64 groups, const double *clip, u64 *acc,
                                      Fixed *sum, Fixed *sq, u64 *clipped) {
    i64 r, lo, hi, base;
    if (!my_row(indptr, from, to, cols, room, group, groups, st, seq, r, lo, hi, base)) return;
    int lane = threadIdx.x & 31;
#pragma unroll 1
    for (i64 i = lo + lane; i - lane < hi; i += 32) {
        u32 c = NO_GENE;
        double x = 0;
        if (i < hi) {
            c = idx[i];
            x = (double)val[i];
            if (c >= cols) {
                fail(st, seq, BAD_GENE, r, c, 0);
                c = NO_GENE;
            } else if (x > clip[base + c]) {
                atomicAdd(clipped + base + c, 1ull);
                c = NO_GENE;
            }
        }
        add_pairs(acc ? acc + 4 * base : acc, sum + base, sq + base, c, x, x * x, st, seq);
    }
}

#define M(suffix, T)                                                                                                    \
    extern "C" __global__ void clippedmoments_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx,          \
                                                       const T *val, i64 from, i64 to, i64 cols, i64 room,              \
                                                       const i32 *group, i64 groups, const double *clip, u64 *acc,      \
                                                       Fixed *sum, Fixed *sq, u64 *clipped) {                           \
        if (skipped(st, seq)) return;                                                                                   \
        clipped_floats(st, seq, indptr, idx, val, from, to, cols, room, group, groups, clip, acc, sum, sq, clipped);    \
    }                                                                                                                   \
    GPUSC_KERNEL(clippedmoments_##suffix)
M(f32, float) M(f64, double)

GPUSC_FLUSH_PAIRS(clippedmoments_flush)
