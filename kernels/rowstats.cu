// Totals and detected genes of each row: kernels.RowStats.
//
// Layout: CSR; out Total[r*(1+groups)], then one total for each gene group.
// Grid: a warp for each row, eight rows to a block. Lane q keeps the sum of gene
// group q, so that any number of groups takes one pass.
// Order: whole numbers add up in any order: each lane keeps its own sum of all, and
// only values of genes in some group go round the warp. Floats are added from the
// first to the last, by every lane alike, 32 at a time out of the lanes' registers.
// Bytes: 4 a value in (8 of float64), 4 more with a mask or groups, which are then
// read for each value from the cache; 12 + 8*groups a row out. Counts are bound by
// memory, floats by the shuffles (three a value).
#include "common.cuh"

// What a row's genes are looked up in.
struct Genes {
    const u32 *idx;     // 0: neither mask nor groups, so that genes do not matter
    i64 cols;
    const u8 *mask;     // 0: all genes
    const u32 *groupOf; // 0: no groups
    i64 groups;
};

// known tells whether there is a gene c; row r holds it.
static __device__ __forceinline__ bool known(const Genes &g, u32 c, i64 r, Status *st, u64 seq) {
    if (c < g.cols) return true;
    fail(st, seq, BAD_GENE, r, c, 0);
    return false;
}

// look tells whether gene c takes part, and its groups.
static __device__ __forceinline__ bool look(const Genes &g, u32 c, u32 &of) {
    of = g.groupOf ? g.groupOf[c] : 0;
    return !g.mask || g.mask[c];
}

static __device__ __forceinline__ u64 all_lanes(u64 v) {
    for (int o = 16; o > 0; o >>= 1) v += __shfl_xor_sync(FULL, v, o);
    return v;
}

// in_order adds up in float64 from the first value to the last.
template <class T>
static __device__ void in_order(const Genes &g, const T *val, i64 lo, i64 hi, i64 r, double *out, u32 *detected,
                                Status *st, u64 seq) {
    int lane = threadIdx.x & 31;
    double total = 0, mine = 0;
    u32 n = 0;
#pragma unroll 1
    for (i64 at = lo; at < hi; at += 32) {
        i64 i = at + lane;
        double x = 0;
        u32 of = 0;
        bool in = i < hi;
        if (in && g.idx) {
            u32 c = g.idx[i];
            in = known(g, c, r, st, seq) && look(g, c, of);
        }
        if (in) x = (double)val[i];
        n += __popc(__ballot_sync(FULL, x > 0));
#pragma unroll 1
        for (u32 left = __ballot_sync(FULL, in); left; left &= left - 1) {
            int j = __ffs((int)left) - 1;
            double y = __shfl_sync(FULL, x, j);
            total += y;
            if (g.groupOf && __shfl_sync(FULL, of, j) >> lane & 1) mine += y;
        }
    }
    if (lane == 0) {
        out[0] = total;
        *detected = n;
    }
    if (lane < g.groups) out[1 + lane] = mine;
}

#define AHEAD 4 // loads that a lane of add_up has under way

// add_up for counts. A sum above 2^53 has an order: it is added up once more.
static __device__ void add_up(const Genes &g, const u32 *val, i64 lo, i64 hi, i64 r, double *out, u32 *detected, Status *st,
                              u64 seq) {
    int lane = threadIdx.x & 31;
    u64 sum = 0, mine = 0;
    u32 n = 0;
#ifdef GPUSC_BUG_LAST_VALUE
    hi -= hi - lo > 32;
#endif
#pragma unroll 1
    for (i64 at = lo + lane; at - lane < hi; at += 32 * AHEAD) {
        u32 x[AHEAD], c[AHEAD], of[AHEAD];
        for (int k = 0; k < AHEAD; k++) {
            bool in = at + 32 * k < hi;
            x[k] = in ? val[at + 32 * k] : 0;
            of[k] = 0;
            c[k] = in && g.idx ? g.idx[at + 32 * k] : 0;
        }
        if (g.idx) {
            for (int k = 0; k < AHEAD; k++)
                if (x[k] && !known(g, c[k], r, st, seq)) x[k] = 0;
            for (int k = 0; k < AHEAD; k++)
                if (x[k] && !look(g, c[k], of[k])) x[k] = of[k] = 0;
        }
        for (int k = 0; k < AHEAD; k++) {
            sum += x[k];
            n += x[k] > 0;
        }
        if (!g.groupOf) continue;
#pragma unroll 1
        for (int k = 0; k < AHEAD; k++) {
            u32 xk = x[0], ok = of[0];
            for (int j = 1; j < AHEAD; j++)
                if (j == k) xk = x[j], ok = of[j];
#pragma unroll 1
            for (u32 left = __ballot_sync(FULL, ok != 0); left; left &= left - 1) {
                int j = __ffs((int)left) - 1;
                u32 y = __shfl_sync(FULL, xk, j), o = __shfl_sync(FULL, ok, j);
                if (o >> lane & 1) mine += y;
            }
        }
    }
    sum = all_lanes(sum);
    if (sum > 1ull << 53) {
        in_order(g, val, lo, hi, r, out, detected, st, seq);
        return;
    }
    n = __reduce_add_sync(FULL, n);
    if (lane == 0) {
        out[0] = (double)sum;
        *detected = n;
    }
    if (lane < g.groups) out[1 + lane] = (double)mine;
}
static __device__ void add_up(const Genes &g, const float *val, i64 lo, i64 hi, i64 r, double *out, u32 *detected,
                              Status *st, u64 seq) {
    in_order(g, val, lo, hi, r, out, detected, st, seq);
}
static __device__ void add_up(const Genes &g, const double *val, i64 lo, i64 hi, i64 r, double *out, u32 *detected,
                              Status *st, u64 seq) {
    in_order(g, val, lo, hi, r, out, detected, st, seq);
}

#define M(suffix, T)                                                                                                    \
    extern "C" __global__ void rowstats_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val,  \
                                                 i64 rows, i64 cols, i64 room, const u8 *mask, i64 groups,              \
                                                 const u32 *groupOf, double *total, u32 *detected) {                    \
        if (skipped(st, seq)) return;                                                                                   \
        i64 r = ((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5, lo, hi;                                              \
        if (r >= rows) return; /* the whole warp */                                                                     \
        row_of(indptr, r, room, st, seq, lo, hi);                                                                       \
        Genes g = {mask || groupOf ? idx : 0, cols, mask, groupOf, groups};                                                                   \
        add_up(g, val, lo, hi, r, total + r * (1 + groups), detected + r, st, seq);                                     \
    }                                                                                                                   \
    GPUSC_KERNEL(rowstats_##suffix)
GPUSC_KINDS(M)
