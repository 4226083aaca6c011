// Totals and detected genes of each row: kernels.RowStats.
//
// Layout: CSR; out Total[r*(1+groups)], then one total for each gene group.
// Grid: a warp for each row, eight rows to a block.
// Order: whole numbers add up in any order, so each lane keeps its own sum; floats
// are added from the first to the last, by every lane alike, 32 at a time out of
// the lanes' registers.
// Bytes: 8 (4 without mask and groups) a value in, from memory once and from the
// cache once more for each four gene groups; 12 + 8*groups a row out.
#include "common.cuh"

// takes tells whether gene c takes part.
static __device__ __forceinline__ bool takes(const u8 *mask, u64 c) { return !mask || mask[c]; }

// The totals of up to four sums of a row at once: sum k takes the genes with a bit of
// want[k] in groupOf, or every gene where want[k] is ~0.
struct Want {
    u32 bit[4];
    int n;
};

static __device__ __forceinline__ bool wanted(const Want &w, int k, u32 of) { return w.bit[k] == FULL || (w.bit[k] & of); }

// whole adds up counts; false where a sum is above 2^53, so that order matters.
static __device__ bool whole(const u32 *idx, const u32 *val, i64 lo, i64 hi, const u8 *mask, const u32 *groupOf,
                             const Want &w, double *out) {
    int lane = threadIdx.x & 31;
    u64 sum[4] = {0, 0, 0, 0};
    for (i64 i = lo + lane; i < hi; i += 32) {
        u32 c = idx[i], of = groupOf ? groupOf[c] : 0;
        if (!takes(mask, c)) continue;
        for (int k = 0; k < w.n; k++)
            if (wanted(w, k, of)) sum[k] += val[i];
    }
    bool exact = true;
    for (int k = 0; k < w.n; k++) {
        u64 s = sum[k];
        for (int o = 16; o > 0; o >>= 1) s += __shfl_xor_sync(FULL, s, o);
        exact = exact && s <= 1ull << 53;
        if (lane == 0) out[k] = (double)s;
    }
    return exact;
}

// inOrder adds up in float64 from the first value to the last.
template <class T>
static __device__ void inOrder(const u32 *idx, const T *val, i64 lo, i64 hi, const u8 *mask, const u32 *groupOf,
                               const Want &w, double *out) {
    int lane = threadIdx.x & 31;
    double sum[4] = {0, 0, 0, 0};
    for (i64 at = lo; at < hi; at += 32) {
        i64 i = at + lane;
        double x = 0;
        u32 bits = 0; // bit k: goes into sum k
        if (i < hi) {
            u32 c = idx[i], of = groupOf ? groupOf[c] : 0;
            x = (double)val[i];
            if (takes(mask, c))
                for (int k = 0; k < w.n; k++) bits |= (u32)wanted(w, k, of) << k;
        }
        int n = hi - at < 32 ? (int)(hi - at) : 32;
        for (int j = 0; j < n; j++) {
            double y = __shfl_sync(FULL, x, j);
            u32 b = __shfl_sync(FULL, bits, j);
            for (int k = 0; k < w.n; k++)
                if (b >> k & 1) sum[k] += y;
        }
    }
    if (lane == 0)
        for (int k = 0; k < w.n; k++) out[k] = sum[k];
}

static __device__ void add_up(const u32 *idx, const u32 *val, i64 lo, i64 hi, const u8 *mask, const u32 *groupOf,
                              const Want &w, double *out) {
    if (!whole(idx, val, lo, hi, mask, groupOf, w, out)) inOrder(idx, val, lo, hi, mask, groupOf, w, out);
}
static __device__ void add_up(const u32 *idx, const float *val, i64 lo, i64 hi, const u8 *mask, const u32 *groupOf,
                              const Want &w, double *out) {
    inOrder(idx, val, lo, hi, mask, groupOf, w, out);
}
static __device__ void add_up(const u32 *idx, const double *val, i64 lo, i64 hi, const u8 *mask, const u32 *groupOf,
                              const Want &w, double *out) {
    inOrder(idx, val, lo, hi, mask, groupOf, w, out);
}

template <class T>
static __device__ void row_stats(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val, i64 rows, i64 cols,
                                 i64 room, const u8 *mask, i64 groups, const u32 *groupOf, double *total, u32 *detected) {
    i64 r = ((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5;
    int lane = threadIdx.x & 31;
    if (r >= rows) return; // the whole warp
    i64 lo, hi;
    row_of(indptr, r, room, st, seq, lo, hi);
    u32 n = 0;
    bool bad = false;
    for (i64 i = lo + lane; i < hi; i += 32) {
        u32 c = idx[i];
        if (c >= cols) {
            fail(st, seq, BAD_GENE, r, c, 0);
            bad = true;
            continue;
        }
        n += val[i] > 0 && takes(mask, c);
    }
    if (__any_sync(FULL, bad)) return;
    for (int o = 16; o > 0; o >>= 1) n += __shfl_xor_sync(FULL, n, o);
    if (lane == 0) detected[r] = n;
    double *out = total + r * (1 + groups);
    for (i64 k0 = 0; k0 <= groups; k0 += 4) {
        Want w;
        w.n = (int)(groups + 1 - k0 < 4 ? groups + 1 - k0 : 4);
        for (int k = 0; k < w.n; k++) w.bit[k] = k0 + k == 0 ? FULL : 1u << (k0 + k - 1);
        add_up(idx, val, lo, hi, mask, groupOf, w, out + k0);
    }
}

#define M(suffix, T)                                                                                                    \
    extern "C" __global__ void rowstats_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx, const T *val,  \
                                                 i64 rows, i64 cols, i64 room, const u8 *mask, i64 groups,              \
                                                 const u32 *groupOf, double *total, u32 *detected) {                    \
        if (skipped(st, seq)) return;                                                                                   \
        row_stats(st, seq, indptr, idx, val, rows, cols, room, mask, groups, groupOf, total, detected);                 \
    }                                                                                                                   \
    GPUSC_KERNEL(rowstats_##suffix)
GPUSC_KINDS(M)
