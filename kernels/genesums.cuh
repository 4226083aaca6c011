// What the kernels share that add up over rows for each group and gene.
//
// A chunk's rows are walked with a warp for each row; the genes of a row differ, so
// lanes of a warp never meet at one address, and rows meet by atomic additions. Sums
// are integers, so their order does not matter, and the bits are those of package cpu.
//
// What bounds these kernels is not bytes (8 a value, at 2 to 5 TB/s) but atomics: the
// L2 cache does about one 32-byte sector a clock and slice, some 10^11 a second on a
// device of 80 slices. (Reckoned from data sheets.) So each value should cost one
// sector, no matter how many words change in it, and no answer should be waited for.
// Hence scratch words ("acc"), zero before the first launch: records of a gene that
// lie in one sector, in which no carry has to be looked after, so that additions
// need no answer; a flush adds them to the caller's Fixed numbers. At most SLICE
// rows go into the words before a flush. acc may be null, where there are fewer values
// than words or no memory for them: then all is added to the Fixed numbers at once.
//
// The other way, a block for each range of genes with its sums in shared memory, needs
// a search in every row for every range: 20 ranges of 1,500 genes are some 200
// dependent loads a row for about 2,000 values, and leaves lanes idle on short pieces.
#pragma once
#include "common.cuh"

#define SLICE 65536 // rows between two flushes; sliceRows in cuda/genesums.go

// my_row gives the warp's row r of [from, to), its values lo to hi, and where its
// group's genes begin in the sums; false: no such row, or one that is left out.
static __device__ inline bool my_row(const i64 *indptr, i64 from, i64 to, i64 cols, i64 room, const i32 *group,
                                     i64 groups, Status *st, u64 seq, i64 &r, i64 &lo, i64 &hi, i64 &base) {
    r = from + (((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5);
    if (r >= to) return false;
#ifdef GPUSC_BUG_LAST_ROW
    if (r > from && r == to - 1) return false;
#endif
    row_of(indptr, r, room, st, seq, lo, hi);
    i64 g = group_of(group, r, groups, st, seq);
    base = g * cols;
#ifdef GPUSC_BUG_POSITION
    base = (i32)g * (i32)cols;
#endif
    return g >= 0;
}

// A record of two sums is four words: {low 32 bits of v, the rest of v, the same of q},
// that is v = word[1]/2^32 + word[0]/2^64, each signed, cut towards zero. SLICE terms
// below NARROW in size fit.
#define NARROW 32768.0

static __device__ __forceinline__ bool narrow(double v) { return fabs(v) < NARROW; }

// half_of is word 0 or 1 of a narrow v.
static __device__ __forceinline__ u64 half_of(double v, int which) {
    double a = v * 4294967296.0;
    i64 rest = (i64)a;
    i64 low = (i64)((a - (double)rest) * 4294967296.0);
    return (u64)(which ? rest : low);
}

// add_terms adds to the caller's sums, or fails and tells of q.
static __device__ inline void add_terms(Fixed *sum, Fixed *sq, double v, double q, Status *st, u64 seq) {
    if (!addable(v) || !addable(q)) {
        fail(st, seq, BAD_TERM, 0, 0, q);
        return;
    }
    add_fixed(sum, to_fixed(v));
    add_fixed(sq, to_fixed(q));
}

#define NO_GENE FULL

// add_pairs adds each lane's v and q to its gene c, NO_GENE for none. All lanes of the
// warp come here. acc, sum and sq are the group's. Four lanes add the four words of a
// record, so that a gene's additions are one sector, eight genes at a time.
static __device__ inline void add_pairs(u64 *acc, Fixed *sum, Fixed *sq, u32 c, double v, double q, Status *st, u64 seq) {
    if (c != NO_GENE && !(acc && narrow(v) && narrow(q))) {
        add_terms(sum + c, sq + c, v, q, st, seq);
        c = NO_GENE;
    }
    if (!acc) return;
    int lane = threadIdx.x & 31, k = lane & 3;
#pragma unroll 1
    for (int s = 0; s < 32; s += 8) {
        int from = s + (lane >> 2);
        u32 gene = __shfl_sync(FULL, c, from);
        double x = __shfl_sync(FULL, v, from), y = __shfl_sync(FULL, q, from);
        if (gene != NO_GENE) atomicAdd(acc + 4 * (i64)gene + k, half_of(k & 2 ? y : x, k & 1));
    }
}

// joined puts the two words of a sum together.
static __device__ __forceinline__ Fixed joined(u64 low, u64 rest) {
    u64 lo = (rest << 32) + low;
    Fixed f = {lo, ((i64)rest >> 32) + ((i64)low >> 63) + (i64)(lo < low)};
    return f;
}

// plus adds f to *p, which nobody else is adding to.
static __device__ __forceinline__ void plus(Fixed *p, Fixed f) {
    Fixed s = *p;
    s.lo += f.lo;
    s.hi += f.hi + (i64)(s.lo < f.lo);
    *p = s;
}

// flush_pairs adds n records to the caller's sums, a thread for each. Bytes: 32 to 96 a
// record, streamed.
static __device__ inline void flush_pairs(const u64 *acc, i64 n, Fixed *sum, Fixed *sq) {
    i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const u64 *w = acc + 4 * i;
    u64 v0 = w[0], v1 = w[1], q0 = w[2], q1 = w[3];
    if (v0 | v1) plus(sum + i, joined(v0, v1));
    if (q0 | q1) plus(sq + i, joined(q0, q1));
}

#define GPUSC_FLUSH_PAIRS(name)                                                                    \
    extern "C" __global__ void name(Status *st, u64 seq, const u64 *acc, i64 n, Fixed *sum, Fixed *sq) { \
        if (skipped(st, seq)) return;                                                              \
        flush_pairs(acc, n, sum, sq);                                                              \
    }                                                                                              \
    GPUSC_KERNEL(name)
