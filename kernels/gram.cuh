// What gramfill, grammultiply and project share: sizes of tiles and the values u.
#pragma once
#include "common.cuh"

#define GRAM_GROUP 48  // kernels.GramGroup
#define GRAM_BLOCK 512 // kernels.GramBlock
#define GRAM_SUM 64    // kernels.GramSum

// How stored values become the u of kernels.GramFill.
struct Values {
    const double *scale; // of the rows; 0: 1
    u64 how;             // T_LOG1P and so on
    double base;
    const double *mean, *std; // of the genes; std 0: no scaling
    u64 centre;
    double max;
};

// z is the scaled, clipped value of v in gene g.
static __device__ __forceinline__ double z_of(const Values &p, double v, u32 g) {
    if (p.centre) v -= p.mean[g];
    v /= p.std[g];
    if (p.max > 0) {
        if (v > p.max) v = p.max;
        if (p.centre && v < -p.max) v = -p.max;
    }
    return v;
}

// u_of is the u of stored value x of gene g in a row with that factor.
static __device__ __forceinline__ double u_of(const Values &p, double x, double scale, u32 g) {
    double v = transformed(x, scale, p.how, p.base);
    if (!p.std) return v;
    return z_of(p, v, g) - z_of(p, 0, g);
}
