// What all kernels share: error words, the checks of a chunk's rows, fixed-point
// sums, and the transform of values. Every step here is written so that it gives
// the bits of its twin in Go (packages kernels and cpu); the compiler is told not
// to contract products and sums (-fmad=false), and fma() is written where it is meant.
//
// Rules for a kernel:
//   - its first two parameters are (Status *st, u64 seq) and its first line is
//     `if (skipped(st, seq)) return;`
//   - every parameter is 64 bits wide: a pointer, i64, u64 or double
//   - extern "C", named <stem>_<what>, and followed by GPUSC_KERNEL(name)
#pragma once

#ifdef GPUSC_EMU
#include "cuda_emu.h"
#else
#define GPUSC_KERNEL(name)
#define GPUSC_DYNSHARED(T, name) extern __shared__ __align__(16) T name[]
#endif

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

#define FULL 0xffffffffu // all lanes of a warp

// Expands M(suffix, type) for each kind of values.
#define GPUSC_KINDS(M) M(u32, u32) M(f32, float) M(f64, double)

// Status is the error word of a stream. seq is the number of the first launch
// that failed, or ~0.
struct Status {
    u64 seq;
    u64 code;
    i64 a, b;
    double v;
};

// The codes of Status; cuda/status.go turns them into words.
enum Code {
    BAD_TERM = 1,    // v cannot be added up
    BAD_OFFSETS = 2, // X.Indptr[a] is b
    BAD_GROUP = 3,   // Group[a] is b
    BAD_GENE = 4,    // row a holds gene b
    NO_ROOM = 5,     // the output has no room for row a
    BAD_ROWS = 6,    // RowsOf[a] is b
    BAD_MAP = 7,     // Map[a] is b
    BAD_PACKED = 8,  // the packed chunk contradicts itself in section a at b
    BAD_RANK = 9,    // Rank[a] is b
    BAD_SHAPE = 10,  // the packed chunk has a rows, b values and v genes, or another kind
    BAD_VERSION = 11 // the packed chunk is of version a
};

// skipped tells whether an earlier launch of the stream has failed. It is the same
// for all threads of a launch, as a failure of this one does not count.
static __device__ __forceinline__ bool skipped(const Status *st, u64 seq) {
#ifdef GPUSC_BUG_SKIPPED
    return false;
#endif
    return *(const volatile u64 *)&st->seq < seq;
}

// fail notes a failure, unless one was noted before.
static __device__ inline void fail(Status *st, u64 seq, u64 code, i64 a, i64 b, double v) {
    if (atomicMin(&st->seq, seq) > seq) {
        st->code = code;
        st->a = a;
        st->b = b;
        st->v = v;
    }
}

// row_of gives the values lo to hi of row r. A row whose offsets do not do is a
// failure and has no values.
static __device__ inline void row_of(const i64 *indptr, i64 r, i64 room, Status *st, u64 seq, i64 &lo, i64 &hi) {
    lo = indptr[r];
    hi = indptr[r + 1];
#ifdef GPUSC_BUG_OFFSETS
    return;
#endif
    if (lo < 0 || hi < lo || hi > room || (r == 0 && lo != 0)) {
        fail(st, seq, BAD_OFFSETS, r + 1, hi, 0);
        lo = hi = 0;
    }
}

// group_of gives the group of row r, -1 to leave it out.
static __device__ inline i64 group_of(const i32 *group, i64 r, i64 groups, Status *st, u64 seq) {
    if (!group) return 0;
    i64 g = group[r];
    if (g < -1 || g >= groups) {
        fail(st, seq, BAD_GROUP, r, g, 0);
        return -1;
    }
    return g;
}

// Fixed is kernels.Fixed: hi + lo / 2^64.
struct Fixed {
    u64 lo;
    i64 hi;
};

#define MAX_TERM 4503599627370496.0 // 2^52

// addable tells whether v may be added up; not a number may not.
static __device__ __forceinline__ bool addable(double v) { return fabs(v) <= MAX_TERM; }

// to_fixed is kernels.ToFixed.
static __device__ inline Fixed to_fixed(double v) {
    double a = fabs(v);
    i64 hi = (i64)a;
    double part = (a - (double)hi) * 4294967296.0;
    i64 up = (i64)part;
    i64 low = (i64)((part - (double)up) * 4294967296.0);
    u64 lo = (u64)up << 32 | (u64)low;
    if (__double_as_longlong(v) < 0) {
        hi = -hi - (lo != 0);
        lo = 0 - lo;
    }
    Fixed f = {lo, hi};
    return f;
}

// add_fixed adds f to *p, whoever else does so too. The carry of the low half is
// this thread's to bring up: its addition passes 2^64 or does not, in every order.
static __device__ inline void add_fixed(Fixed *p, Fixed f) {
    u64 carry = 0;
#ifdef GPUSC_BUG_CARRY_RACE
    if (f.lo) {
        atomicAdd(&p->lo, f.lo);
        carry = atomicAdd(&p->lo, 0ull) < f.lo;
    }
#else
    if (f.lo) carry = atomicAdd(&p->lo, f.lo) > ~f.lo;
#endif
#ifdef GPUSC_BUG_CARRY_LOST
    carry = 0;
#endif
    u64 hi = (u64)f.hi + carry;
    if (hi) atomicAdd((u64 *)&p->hi, hi);
}

// add_hi adds a whole number to *p.
static __device__ __forceinline__ void add_hi(Fixed *p, u64 n) { atomicAdd((u64 *)&p->hi, n); }

// log1p_ is kernels.Log1p, and its comments hold.
static __device__ inline double log1p_(double x) {
    if (!(x > -1 && x <= 1.7976931348623157e308) || x == 0) {
        if (x == -1) return -__longlong_as_double(0x7ff0000000000000ll);
        if (x < -1) return __longlong_as_double(0x7ff8000000000001ll);
        return x;
    }
    const u64 root = 0x3fe6a09e667f3bcdull;
    double u = 1 + x;
    double part = u - 1;
    double c = ((1 - (u - part)) + (x - part)) / u;
    u64 b = (u64)__double_as_longlong(u) + ((1023ull << 52) - root);
    double k = (double)((i64)(b >> 52) - 1023);
    double f = __longlong_as_double((i64)((b & ((1ull << 52) - 1)) + root)) - 1;
    double half = 0.5 * (f * f);
    double s = f / (2 + f);
    double z = s * s;
    double r = z * 1.479819860511658591e-01;
    r = z * (1.531383769920937332e-01 + r);
    r = z * (1.818357216161805012e-01 + r);
    r = z * (2.222219843214978396e-01 + r);
    r = z * (2.857142874366239149e-01 + r);
    r = z * (3.999999999940941908e-01 + r);
    r = z * (6.666666666666735130e-01 + r);
    double low = k * 1.90821492927058770002e-10 + c;
    double t = s * (half + r) + low;
    return k * 6.93147180369123816490e-01 - ((half - t) - f);
}

// two_to is 2^k, -1022 <= k <= 1023.
static __device__ __forceinline__ double two_to(i64 k) { return __longlong_as_double((1023 + k) << 52); }

// expm1_ is kernels.Expm1.
static __device__ inline double expm1_(double x) {
    if (x > 7.09782712893383973096e+02) return __longlong_as_double(0x7ff0000000000000ll);
    if (x < -38.81624211135693732736) return -1; // -56 ln 2
    if (x != x || x == 0) return x;
    i64 k = 0;
    double c = 0;
    if (fabs(x) > 0.34657359027997265471) { // ln 2 / 2
        k = (i64)(x * 1.44269504088896340736 + (x < 0 ? -0.5 : 0.5));
        double hi = x - (double)k * 6.93147180369123816490e-01;
        double lo = (double)k * 1.90821492927058770002e-10;
        x = hi - lo;
        c = (hi - x) - lo;
    }
    double half = 0.5 * x;
    double hxs = x * half;
    double r = hxs * -2.01099218183624371326e-07;
    r = hxs * (4.00821782732936239552e-06 + r);
    r = hxs * (-7.93650757867487942473e-05 + r);
    r = hxs * (1.58730158725481460165e-03 + r);
    r = 1 + hxs * (-3.33333333333331316428e-02 + r);
    double t = 3 - r * half;
    double e = hxs * ((r - t) / (6 - x * t));
    if (k == 0) return x - (x * e - hxs);
    e = (x * (e - c) - c) - hxs;
    if (k == -1) return 0.5 * (x - e) - 0.5;
    if (k == 1) return x < -0.25 ? -2 * (e - (x + 0.5)) : 1 + 2 * (x - e);
    if (k == 1024) return ((1 - (e - x)) * 2) * 8.98846567431157953865e+307; // 2^1023
    if (k <= -2 || k > 56) return (1 - (e - x)) * two_to(k) - 1;
    if (k < 20) return ((1 - two_to(-k)) - (e - x)) * two_to(k);
    return ((x - (e + two_to(-k))) + 1) * two_to(k);
}

// Bits of the parameter `how` of a transform.
enum { T_LOG1P = 1, T_EXPM1 = 2, T_BASE = 4 };

// transformed is kernels.Transform: the value of x in a row with that factor.
static __device__ inline double transformed(double x, double scale, u64 how, double base) {
    double v = x * scale;
    if (how & T_LOG1P) {
        v = log1p_(v);
        if (how & T_BASE) v = v / base;
    } else if (how & T_EXPM1) {
        if (how & T_BASE) v = v * base;
        v = expm1_(v);
    }
    return v;
}
