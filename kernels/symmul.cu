// A symmetric matrix times a block of vectors: kernels.SymMul.
//
// Layout: A row by row, N x N; X and Y row by row, N x 8.
// Grid: a block has 16 rows of Y and a warp for each run of the sum (one for each stripe,
// and one for the rest of the row). A lane has one row and four of the vectors; as A is
// symmetric it reads its row of A as a column, so that 16 lanes read 128 bytes.
// Order: a run is one chain of fused multiply-adds; the runs are added up at the end.
// Bytes: 8 an element of A, once (the half would do, but then rows would wait for each
// other): memory bounds it where A is larger than the L2 cache, the chain of N
// multiply-adds where it is not.
#include "common.cuh"

#define VECTORS 8 // kernels.SymWidth
#define ROWS 16

// bound is the first row of stripe i: kernels.SymStripe.
static __device__ i64 bound(i64 i, i64 stripes, i64 n) {
    if (i >= stripes) return n;
    double left = sqrt(1 - (double)i / (double)stripes);
    return (i64)((double)n * (1 - left)) & ~(i64)7;
}

extern "C" __global__ void __launch_bounds__(17 * 32)
    symmul_rows(Status *st, u64 seq, i64 n, i64 stripes, const double *a, const double *x, double *y) {
    if (skipped(st, seq)) return;
    __shared__ double runs[17][ROWS][VECTORS];
    int lane = threadIdx.x & 31, row = lane % ROWS, v = lane / ROWS * 4;
    i64 run = threadIdx.x >> 5, g = (i64)blockIdx.x * ROWS + row, panel = g & ~(i64)7;
    // From row `from` of A to `to`; the lane takes part from lo to hi.
    i64 last = ((i64)blockIdx.x * ROWS + ROWS - 1) & ~(i64)7, from, to, lo, hi;
    if (run < stripes) {
        i64 end = bound(run + 1, stripes, n);
        lo = from = bound(run, stripes, n);
        hi = panel < end ? panel : end;
        to = last < end ? last : end;
    } else {
        from = (i64)blockIdx.x * ROWS;
        lo = panel;
        hi = to = n;
    }
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    if (g < n) {
#pragma unroll 4
        for (i64 j = from; j < to; j++) {
            if (j < lo || j >= hi) continue;
            double e = a[j * n + g];
            const double2 *p = (const double2 *)(x + j * VECTORS + v);
            double2 p0 = p[0], p1 = p[1];
            s0 = fma(e, p0.x, s0);
            s1 = fma(e, p0.y, s1);
            s2 = fma(e, p1.x, s2);
            s3 = fma(e, p1.y, s3);
        }
    }
    double *out = &runs[run][row][v];
    out[0] = s0, out[1] = s1, out[2] = s2, out[3] = s3;
#ifndef GPUSC_BUG_SYMMUL
    __syncthreads();
#endif
    for (i64 e = threadIdx.x; e < ROWS * VECTORS; e += blockDim.x) {
        int r = (int)e / VECTORS, c = (int)e % VECTORS;
        g = (i64)blockIdx.x * ROWS + r;
        if (g >= n) continue;
        i64 own = 0; // the stripe of row g
        while (own + 1 < stripes && bound(own + 1, stripes, n) <= g) own++;
        double sum = 0;
        for (i64 q = 0; q <= own; q++) {
            double part = runs[q][r][c];
            if (q == own) part += runs[stripes][r][c];
            sum = q == 0 ? part : sum + part;
        }
        y[g * VECTORS + c] = sum;
    }
}
GPUSC_KERNEL(symmul_rows)
