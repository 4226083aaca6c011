// Sums of transformed values and their squares for each gene: kernels.Moments.
//
// Layout: CSR; Sum, SumSq Fixed[groups*cols]; acc, if any, records of four words
// (genesums.cuh).
// Counts are mostly small, and a logarithm is some 40 float64 operations, of which a
// consumer's card does one in 64. So each lane takes the logarithm of one small
// count (lane + 1) once a row and leaves its record's words in shared memory; values
// fetch them there. Of the others a warp would still take one in most steps, all lanes
// waiting, so they are queued until there are 32 of them.
// Grid: a warp for each row, eight rows to a block.
// Order: integers only, so none. Steps of float64 as in kernels.Transform.
// Bytes: 8 (12 for f64) a value in; one sector of L2 atomics a value, which is what
// bounds it; 12 a row; 32 to 96 a gene and flush.
#include "genesums.cuh"

#define WARPS 8
#define SMALL 32

// What a warp keeps in shared memory.
struct Desk {
    u64 words[SMALL][4];         // records of the counts 1 to SMALL in this row
    u32 gene[2 * 32], count[2 * 32]; // the queue of other counts
};

// Where a row's values go and what is done to them.
struct Row {
    u64 *acc; // of the group, or null
    Fixed *sum, *sq;
    double scale, base;
    u64 how;
};

// prepare fills the words of small counts; bit k of the answer: count k+1 has some.
static __device__ inline u32 prepare(Desk *d, const Row &row) {
    int lane = threadIdx.x & 31;
    bool ok = false;
    if (row.acc) {
        double v = transformed(lane + 1, row.scale, row.how, row.base), q = v * v;
        ok = narrow(v) && narrow(q);
        if (ok)
            for (int k = 0; k < 4; k++) d->words[lane][k] = half_of(k & 2 ? q : v, k & 1);
    }
    u32 known = __ballot_sync(FULL, ok);
    __syncwarp();
    return known;
}

// add_known adds the words of count x, 0 for none, to gene c, as add_pairs does.
static __device__ inline void add_known(const Desk *d, u64 *acc, u32 c, u32 x) {
    int lane = threadIdx.x & 31, k = lane & 3;
#pragma unroll
    for (int s = 0; s < 32; s += 8) {
        int from = s + (lane >> 2);
        u32 gene = __shfl_sync(FULL, c, from), count = __shfl_sync(FULL, x, from);
        if (count) atomicAdd(acc + 4 * (i64)gene + k, d->words[count - 1][k]);
    }
}

// add_queued adds the last n (at most 32) of the queue that ends at `end`.
static __device__ inline void add_queued(const Desk *d, const Row &row, int end, int n, Status *st, u64 seq) {
    int lane = threadIdx.x & 31;
    u32 c = NO_GENE;
    double v = 0;
    if (lane < n) {
        c = d->gene[end - n + lane];
        v = transformed((double)d->count[end - n + lane], row.scale, row.how, row.base);
    }
    __syncwarp(); // what was read may be written over
    add_pairs(row.acc, row.sum, row.sq, c, v, v * v, st, seq);
}

extern "C" __global__ void moments_u32(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const u32 *val, i64 from,
                                       i64 to, i64 cols, i64 room, const i32 *group, i64 groups, const double *scale,
                                       u64 how, double base, u64 *acc, Fixed *sum, Fixed *sq) {
    __shared__ Desk desks[WARPS];
    if (skipped(st, seq)) return;
    i64 r, lo, hi, at;
    if (!my_row(indptr, from, to, cols, room, group, groups, st, seq, r, lo, hi, at)) return;
    Desk *d = &desks[threadIdx.x >> 5];
    int lane = threadIdx.x & 31, waiting = 0;
    Row row = {acc ? acc + 4 * at : acc, sum + at, sq + at, scale ? scale[r] : 1, base, how};
    u32 known = prepare(d, row);
    i64 i = lo + lane;
    u32 nextC = 0, nextX = 0; // loaded while the last ones are added, as loads are not moved ahead of atomics
    if (i < hi) nextC = idx[i], nextX = val[i];
    for (; i - lane < hi; i += 32) {
        u32 c = nextC, x = nextX;
        if (i + 32 < hi) nextC = idx[i + 32], nextX = val[i + 32];
        bool mine = i < hi;
        if (mine && c >= cols) {
            fail(st, seq, BAD_GENE, r, c, 0);
            mine = false;
        }
        bool small = mine && x - 1 < SMALL && (known >> (x - 1) & 1);
        if (row.acc) add_known(d, row.acc, c, small ? x : 0);
        bool late = mine && !small;
        u32 lates = __ballot_sync(FULL, late);
        if (late) {
            int p = waiting + __popc(lates & ((1u << lane) - 1));
            d->gene[p] = c;
            d->count[p] = x;
        }
#ifndef GPUSC_BUG_QUEUE
        __syncwarp();
#endif
        waiting += __popc(lates);
        if (waiting >= 32) {
            add_queued(d, row, waiting, 32, st, seq);
            waiting -= 32;
        }
    }
    if (waiting) add_queued(d, row, waiting, waiting, st, seq);
}
GPUSC_KERNEL(moments_u32)

template <class T>
static __device__ void float_moments(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val, i64 from, i64 to,
                                     i64 cols, i64 room, const i32 *group, i64 groups, const double *scale, u64 how,
                                     double base, u64 *acc, Fixed *sum, Fixed *sq) {
    i64 r, lo, hi, at;
    if (!my_row(indptr, from, to, cols, room, group, groups, st, seq, r, lo, hi, at)) return;
    double factor = scale ? scale[r] : 1;
    int lane = threadIdx.x & 31;
#pragma unroll 1
    for (i64 i = lo + lane; i - lane < hi; i += 32) {
        u32 c = NO_GENE;
        double v = 0;
        if (i < hi) {
            c = idx[i];
            if (c >= cols) {
                fail(st, seq, BAD_GENE, r, c, 0);
                c = NO_GENE;
            }
            v = transformed((double)val[i], factor, how, base);
        }
        add_pairs(acc ? acc + 4 * at : acc, sum + at, sq + at, c, v, v * v, st, seq);
    }
}

#define M(suffix, T)                                                                                                     \
    extern "C" __global__ void moments_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val,    \
                                                i64 from, i64 to, i64 cols, i64 room, const i32 *group, i64 groups,      \
                                                const double *scale, u64 how, double base, u64 *acc, Fixed *sum,         \
                                                Fixed *sq) {                                                             \
        if (skipped(st, seq)) return;                                                                                    \
        float_moments(st, seq, indptr, idx, val, from, to, cols, room, group, groups, scale, how, base, acc, sum, sq);   \
    }                                                                                                                    \
    GPUSC_KERNEL(moments_##suffix)
M(f32, float) M(f64, double)

GPUSC_FLUSH_PAIRS(moments_flush)
