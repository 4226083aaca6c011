// Products of the columns of a tile, added to the accumulator: kernels.GramMultiply.
//
// dense: Acc of two dense columns. A block of 256 threads makes a square of 64 x 64
// elements, or of 32 x 32 where there are few. Its 4 or 16 teams take turns at the runs of
// GramSum = 64 rows, each thread with 8 x 8 sums in float32; then the teams' sums of an
// element are added to its float64, which lies in shared memory from the first row to the
// last, in row order. So every element has the one order that is laid down, and still
// 4,096 rows are not one thread's work: a usual number of dense columns is 300 to 800,
// which is 21 to 91 squares of 64, fewer than a device has multiprocessors, and larger
// ones would leave most of them idle. Sixteen floats out of shared memory feed 64
// multiply-adds; slices of 8 or 4 rows are fetched while the last are worked on. 64 or 40
// KB of shared memory and at most 128 registers let two blocks share a multiprocessor, so
// that one multiplies while the other adds up. Meant for 70% of the float32 peak where
// there are squares enough; the additions in float64 and their way through shared memory
// take 10 to 15%. Bytes: 512 a row and square of 64, out of the L2 cache: 16 operations a
// byte; 8 with squares of 32.
//
// axpy: Acc of sparse and dense columns. A block has the 48 dense columns of a group and
// up to 128 sparse ones, eight for each warp. It brings 512 rows of the group into shared
// memory (96 KB) and runs the sparse columns' entries over it, two columns at a time, 12
// lanes for each with four dense columns a lane. float64 sums stay in registers over all
// rows. Bytes: 192 of shared memory an entry and group, which bounds it.
//
// pairs: Acc of two sparse columns. A warp has a sparse column and walks its entries in row
// order; its lanes add the rest of the entry's row to 2,048 float64 in shared memory. The
// next entry's row is fetched meanwhile.
//
// colsum: a thread for a column adds up the blocks.
//
// Every element of Acc belongs to one thread or warp of one part, so nothing is atomic.
#include "gram.cuh"

#define DENSE_THREADS 256

// Shape of a dense product: SIDE of a square, SLICE rows that are fetched at a time.
template <int SIDE_, int SLICE_> struct Shape {
    static const int SIDE = SIDE_, SLICE = SLICE_;
    static const int EDGE = SIDE / 8;              // threads beside each other in a team
    static const int TEAM = EDGE * EDGE;           // threads of a team
    static const int TEAMS = DENSE_THREADS / TEAM; // in a block
    static const int SQUARE = SIDE * SIDE;
    static const int PANEL = SLICE * SIDE;          // floats of one operand of a slice
    static const int STAGES = TEAMS * 4 * PANEL;    // floats: two slices for each team
    static const int ROUND = STAGES / SQUARE;       // teams' squares that fit there
    static const int QUADS = SIDE / 4;              // in a row of an operand
    static const int STEP = TEAM / QUADS;           // rows that a team fetches at once
    static const int LOADS = SLICE / STEP;
};

// panel_of gives where a thread fetches one operand: 4 columns of row 0; 0 beyond the last.
static __device__ __forceinline__ const float *panel_of(const float *dense, i64 room, i64 padded, i64 column) {
    if (column >= padded) return 0;
    return dense + column / GRAM_GROUP * room * GRAM_GROUP + column % GRAM_GROUP;
}

// fetch gives 4 elements of row r, 0 beyond the last row.
static __device__ __forceinline__ float4 fetch(const float *panel, i64 r, i64 rows) {
    float4 v = {0, 0, 0, 0};
    if (panel && r < rows) v = *(const float4 *)(panel + r * GRAM_GROUP);
    return v;
}

// multiply adds the products of one slice to 8 x 8 sums: a row of a thread's elements is
// row 4*ty+i of one half of the square's, a column likewise.
template <class S> static __device__ __forceinline__ void multiply(const float *a, const float *b, int ty, int tx, float (&sum)[8][8]) {
#pragma unroll 2
    for (int k = 0; k < S::SLICE; k++) {
        const float *p = a + k * S::SIDE + 4 * ty, *q = b + k * S::SIDE + 4 * tx;
        float4 a0 = *(const float4 *)p, a1 = *(const float4 *)(p + S::SIDE / 2);
        float4 b0 = *(const float4 *)q, b1 = *(const float4 *)(q + S::SIDE / 2);
        float x[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
        float y[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
    }
}

// put writes a thread's 8 x 8 sums into a square of its team.
template <class S> static __device__ __forceinline__ void put(float *square, int ty, int tx, const float (&sum)[8][8]) {
#pragma unroll
    for (int i = 0; i < 8; i++) {
        float *row = square + (i / 4 * S::SIDE / 2 + 4 * ty + i % 4) * S::SIDE + 4 * tx;
        float4 lo = {sum[i][0], sum[i][1], sum[i][2], sum[i][3]}, hi = {sum[i][4], sum[i][5], sum[i][6], sum[i][7]};
        *(float4 *)row = lo;
        *(float4 *)(row + S::SIDE / 2) = hi;
    }
}

// square_of gives the place of square number n in the upper triangle, column by column.
static __device__ inline void square_of(i64 n, i64 &i, i64 &j) {
    j = (i64)((sqrt(8 * (double)n + 1) - 1) / 2);
    while (j * (j + 1) / 2 > n) j--;
    while ((j + 1) * (j + 2) / 2 <= n) j++;
    i = n - j * (j + 1) / 2;
}

// run adds up GRAM_SUM rows from row `from` on. Each slice is fetched into registers while
// the one before is worked on; stage has room for two.
template <class S>
static __device__ __forceinline__ void run(const float *pa, const float *pb, i64 from, i64 rows, float *stage, int in, float (&sum)[8][8]) {
    int f = in / S::QUADS, col = in % S::QUADS * 4, tx = in % S::EDGE, ty = in / S::EDGE;
    float4 a[S::LOADS], b[S::LOADS];
#pragma unroll
    for (int l = 0; l < S::LOADS; l++) {
        a[l] = fetch(pa, from + f + l * S::STEP, rows);
        b[l] = fetch(pb, from + f + l * S::STEP, rows);
    }
#pragma unroll 1
    for (int s = 0; s < GRAM_SUM / S::SLICE; s++) {
        float *here = stage + s % 2 * 2 * S::PANEL;
#pragma unroll
        for (int l = 0; l < S::LOADS; l++) {
            *(float4 *)(here + (f + l * S::STEP) * S::SIDE + col) = a[l];
            *(float4 *)(here + S::PANEL + (f + l * S::STEP) * S::SIDE + col) = b[l];
        }
#ifndef GPUSC_BUG_GRAM_SLICE
        __syncthreads(); // the slice is there, and the one before the last has been used
#endif
        if (s + 1 < GRAM_SUM / S::SLICE) {
            i64 next = from + (s + 1) * S::SLICE + f;
#pragma unroll
            for (int l = 0; l < S::LOADS; l++) {
                a[l] = fetch(pa, next + l * S::STEP, rows);
                b[l] = fetch(pb, next + l * S::STEP, rows);
            }
        }
        multiply<S>(here, here + S::PANEL, ty, tx, sum);
    }
}

template <class S>
static __device__ __forceinline__ void square(const float *dense, i64 rows, i64 room, i64 padded, i64 width, i64 number,
                                              double *acc, double *total) {
    float *stages = (float *)(total + S::SQUARE); // two slices for each team; at the end of a run ROUND teams' squares
    int t = threadIdx.x, team = t / S::TEAM, in = t % S::TEAM;
    i64 bi, bj;
    square_of(number, bi, bj);
    double *out = acc + bi * S::SIDE * width + bj * S::SIDE;
    i64 high = padded - bi * S::SIDE, wide = padded - bj * S::SIDE; // of what is left of the triangle
    for (int e = t; e < S::SQUARE; e += DENSE_THREADS)
        total[e] = e / S::SIDE < high && e % S::SIDE < wide ? out[e / S::SIDE * width + e % S::SIDE] : 0;
    i64 col = in % S::QUADS * 4;
    const float *pa = panel_of(dense, room, padded, bi * S::SIDE + col), *pb = panel_of(dense, room, padded, bj * S::SIDE + col);
    for (i64 base = 0; base < rows; base += S::TEAMS * GRAM_SUM) {
        float sum[8][8];
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) sum[i][j] = 0;
        run<S>(pa, pb, base + team * GRAM_SUM, rows, stages + team * 4 * S::PANEL, in, sum);
        // The teams' sums go to the totals in order, as many at a time as there is room for.
#pragma unroll 1
        for (int q = 0; q < S::TEAMS; q += S::ROUND) {
            __syncthreads();
            if (team / S::ROUND == q / S::ROUND) put<S>(stages + team % S::ROUND * S::SQUARE, in / S::EDGE, in % S::EDGE, sum);
#ifndef GPUSC_BUG_GRAM_PUT
            __syncthreads();
#endif
            i64 left = (rows - base + GRAM_SUM - 1) / GRAM_SUM - q; // runs that have rows
            int n = left < S::ROUND ? (int)left : S::ROUND;
            for (int e = t; e < S::SQUARE; e += DENSE_THREADS) {
                double v = total[e];
#pragma unroll 2
                for (int i = 0; i < n; i++) v += (double)stages[i * S::SQUARE + e];
                total[e] = v;
            }
        }
        __syncthreads();
    }
    for (int e = t; e < S::SQUARE; e += DENSE_THREADS)
        if (e / S::SIDE < high && e % S::SIDE < wide) out[e / S::SIDE * width + e % S::SIDE] = total[e];
}

#define DENSE(side, slice)                                                                                         \
    extern "C" __global__ void __launch_bounds__(DENSE_THREADS, 2)                                                 \
        grammultiply_dense##side(Status *st, u64 seq, const float *dense, i64 rows, i64 room, i64 padded, i64 width, \
                                 i64 first, double *acc) {                                                         \
        if (skipped(st, seq)) return;                                                                              \
        GPUSC_DYNSHARED(double, total);                                                                            \
        square<Shape<side, slice>>(dense, rows, room, padded, width, first + blockIdx.x, acc, total);              \
    }                                                                                                              \
    GPUSC_KERNEL(grammultiply_dense##side)
DENSE(64, 8)
DENSE(32, 4)

#define RUN 8          // sparse columns that go to one part in a row
#define AXPY_WARPS 16  // runs of a block
#define QUADS (GRAM_GROUP / 4)

// column_of is the n-th sparse column of a part.
static __device__ __forceinline__ i64 column_of(i64 n, i64 part, i64 parts) { return (part + n / RUN * parts) * RUN + n % RUN; }

extern "C" __global__ void __launch_bounds__(AXPY_WARPS * 32)
    grammultiply_axpy(Status *st, u64 seq, const float *dense, i64 rows, i64 room, i64 nnz, i64 padded, i64 sparse,
                      const u32 *colPtr, const u32 *colAt, const float *colVal, i64 part, i64 parts, double *acc) {
    if (skipped(st, seq)) return;
    GPUSC_DYNSHARED(float, strip); // 512 rows of the group
    int lane = threadIdx.x & 31, half = lane / QUADS, quad = lane % QUADS;
    i64 group = blockIdx.y, run = (i64)blockIdx.x * AXPY_WARPS + (threadIdx.x >> 5), width = padded + sparse;
    i64 first = column_of(run * RUN, part, parts); // the warp's columns are first to first+7
    double sum[RUN / 2][4];
#pragma unroll
    for (int p = 0; p < RUN / 2; p++) {
        i64 c = first + 2 * p + half;
        const double *row = acc + (padded + c) * width + group * GRAM_GROUP + quad * 4;
#pragma unroll
        for (int i = 0; i < 4; i++) sum[p][i] = half < 2 && c < sparse ? row[i] : 0;
    }
    for (i64 r0 = 0; r0 < rows; r0 += GRAM_BLOCK) {
#ifndef GPUSC_BUG_GRAM_STRIP
        __syncthreads(); // the strip has been used
#endif
        const float4 *from = (const float4 *)(dense + (group * room + r0) * GRAM_GROUP);
        i64 n = (rows - r0 < GRAM_BLOCK ? rows - r0 : GRAM_BLOCK) * QUADS;
        for (i64 i = threadIdx.x; i < n; i += AXPY_WARPS * 32) ((float4 *)strip)[i] = from[i];
        __syncthreads();
        const u32 *ptr = colPtr + r0 / GRAM_BLOCK * (sparse + 1);
#pragma unroll
        for (int p = 0; p < RUN / 2; p++) {
            i64 c = first + 2 * p + half;
            if (half >= 2 || c >= sparse) continue;
            float x = 0, y = 0, z = 0, w = 0;
            u32 hi = ptr[c + 1] < nnz ? ptr[c + 1] : (u32)nnz;
            for (u32 e = ptr[c]; e < hi; e++) {
                u32 at = colAt[e] - (u32)(r0 * GRAM_GROUP);
                if (at > n * 4 - GRAM_GROUP) break; // not of this block: the tile was not filled
                float v = colVal[e];
                float4 d = *(const float4 *)(strip + at + quad * 4);
                x = fmaf(v, d.x, x);
                y = fmaf(v, d.y, y);
                z = fmaf(v, d.z, z);
                w = fmaf(v, d.w, w);
            }
            sum[p][0] += (double)x;
            sum[p][1] += (double)y;
            sum[p][2] += (double)z;
            sum[p][3] += (double)w;
        }
    }
#pragma unroll
    for (int p = 0; p < RUN / 2; p++) {
        i64 c = first + 2 * p + half;
        double *row = acc + (padded + c) * width + group * GRAM_GROUP + quad * 4;
        if (half < 2 && c < sparse)
#pragma unroll
            for (int i = 0; i < 4; i++) row[i] = sum[p][i];
    }
}
GPUSC_KERNEL(grammultiply_axpy)

#define REACH 2048 // sparse columns that a warp of pairs adds to

// Entries is 32 entries of a column, one in each lane: value, and the rest of its row.
struct Entries {
    float v;
    u32 lo, hi;
};

extern "C" __global__ void grammultiply_pairs(Status *st, u64 seq, i64 rows, i64 nnz, i64 padded, i64 sparse, const u32 *rowIdx,
                                              const float *rowVal, const u32 *rowEnd, const u32 *colPtr, const u32 *colAt,
                                              const float *colVal, const u32 *colPos, i64 part, i64 parts, double *acc) {
    if (skipped(st, seq)) return;
    GPUSC_DYNSHARED(double, sum); // of columns from j0 on
    u32 lane = threadIdx.x;
    i64 c = column_of(blockIdx.x, part, parts), j0 = (i64)blockIdx.y * REACH, width = padded + sparse;
    if (c >= sparse || j0 + REACH <= c) return;
    u32 n = (u32)(sparse - j0 < REACH ? sparse - j0 : REACH);
    double *out = acc + (padded + c) * width + padded + j0;
    for (u32 j = lane; j < n; j += 32) sum[j] = out[j];
    __syncwarp();
    for (i64 b = 0; b * GRAM_BLOCK < rows; b++) {
        const u32 *ptr = colPtr + b * (sparse + 1) + c;
        u32 hi = ptr[1] < nnz ? ptr[1] : (u32)nnz;
        for (u32 base = ptr[0]; base < hi; base += 32) {
            u32 m = hi - base < 32 ? hi - base : 32;
            Entries e = {0, 0, 0};
            if (lane < m) {
                u32 r = colAt[base + lane] / GRAM_GROUP;
                e.v = colVal[base + lane];
                e.lo = colPos[base + lane];
                if (r < rows && rowEnd[r] <= nnz) e.hi = rowEnd[r];
            }
            // The first 32 of the entry's row, fetched one entry ahead.
            u32 at = __shfl_sync(FULL, e.lo, 0) + lane, end = __shfl_sync(FULL, e.hi, 0), idx = FULL;
            float x = 0;
            if (at < end) idx = rowIdx[at] - (u32)j0, x = rowVal[at];
            for (u32 k = 0; k < m; k++) {
                double v = (double)__shfl_sync(FULL, e.v, k);
                u32 nextAt = __shfl_sync(FULL, e.lo, (k + 1) % 32) + lane, nextEnd = __shfl_sync(FULL, e.hi, (k + 1) % 32);
                u32 nextIdx = FULL;
                float nextX = 0;
                if (k + 1 < m && nextAt < nextEnd) nextIdx = rowIdx[nextAt] - (u32)j0, nextX = rowVal[nextAt];
                while (true) {
                    if (idx < n) sum[idx] += v * (double)x;
                    at += 32;
                    if (at - lane >= end) break; // the same for all lanes
                    idx = FULL;
                    if (at < end) idx = rowIdx[at] - (u32)j0, x = rowVal[at];
                }
#ifndef GPUSC_BUG_GRAM_PAIRS
                __syncwarp(); // the next row may add to the same columns
#endif
                at = nextAt, end = nextEnd, idx = nextIdx, x = nextX;
            }
        }
    }
    for (u32 j = lane; j < n; j += 32) out[j] = sum[j];
}
GPUSC_KERNEL(grammultiply_pairs)

extern "C" __global__ void grammultiply_colsum(Status *st, u64 seq, const double *sums, i64 rows, i64 width, i64 lo, i64 hi,
                                               double *out) {
    if (skipped(st, seq)) return;
    i64 c = lo + (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= hi) return;
    double s = out[c];
    for (i64 b = 0; b * GRAM_BLOCK < rows; b++) s += sums[b * width + c];
    out[c] = s;
}
GPUSC_KERNEL(grammultiply_colsum)
