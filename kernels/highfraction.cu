// Genes that hold much of some row: kernels.HighFraction.
//
// Layout: CSR in; Flags[c] is set to 1 and never read.
// Grid: a warp for each row, eight rows to a block.
// Order: all who store into a flag store the same.
// Bytes: 4 a value in (8 of float64), 4 more for those above the limit, 16 a row;
// bound by memory.
#include "common.cuh"

#define AHEAD 4 // loads that a lane has under way

template <class T>
static __device__ void flag_row(const u32 *idx, const T *val, i64 n, i64 r, i64 cols, double limit, u32 *flags, Status *st,
                                u64 seq) {
#pragma unroll 1
    for (i64 at = threadIdx.x & 31; at < n; at += 32 * AHEAD) {
        bool above[AHEAD];
        for (int k = 0; k < AHEAD; k++) above[k] = at + 32 * k < n && (double)val[at + 32 * k] > limit;
        for (int k = 0; k < AHEAD; k++) {
            if (!above[k]) continue;
            u32 c = idx[at + 32 * k];
#ifdef GPUSC_BUG_LAST_GENE
            if (c + 1 == cols) continue;
#endif
            if (c < cols)
                flags[c] = 1;
            else
                fail(st, seq, BAD_GENE, r, c, 0);
        }
    }
}

#define M(suffix, T)                                                                                                   \
    extern "C" __global__ void highfraction_##suffix(Status *st, u64 seq, const i64 *indptr, const u32 *idx,           \
                                                     const T *val, i64 rows, i64 cols, i64 room, const double *total,  \
                                                     double fraction, u32 *flags) {                                    \
        if (skipped(st, seq)) return;                                                                                  \
        i64 r = ((i64)blockIdx.x * blockDim.x + threadIdx.x) >> 5, lo, hi;                                             \
        if (r >= rows) return; /* the whole warp */                                                                    \
        row_of(indptr, r, room, st, seq, lo, hi);                                                                      \
        flag_row(idx + lo, val + lo, hi - lo, r, cols, fraction * total[r], flags, st, seq);                           \
    }                                                                                                                  \
    GPUSC_KERNEL(highfraction_##suffix)
GPUSC_KINDS(M)
