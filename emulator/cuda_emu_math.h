// Vector types and arithmetic functions of CUDA. Included by cuda_emu.h.
#pragma once

#define EMU_VECTOR(T, name, bytes)                                                           \
    struct alignas(bytes) name##2 { T x, y; };                                               \
    struct alignas(2 * bytes > 16 ? 16 : 2 * bytes) name##4 { T x, y, z, w; };               \
    static inline name##2 make_##name##2(T x, T y) { return {x, y}; }                        \
    static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMU_VECTOR(int, int, 8)
EMU_VECTOR(unsigned, uint, 8)
EMU_VECTOR(float, float, 8)
EMU_VECTOR(double, double, 16)
EMU_VECTOR(long long, longlong, 16)
EMU_VECTOR(unsigned long long, ulonglong, 16)
EMU_VECTOR(short, short, 4)
EMU_VECTOR(unsigned short, ushort, 4)
EMU_VECTOR(signed char, char, 2)
EMU_VECTOR(unsigned char, uchar, 2)
#undef EMU_VECTOR

// Bits of integers.
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
static inline unsigned __brev(unsigned x) {
    x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
    x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
    x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
    return __builtin_bswap32(x);
}
static inline unsigned long long __brevll(unsigned long long x) {
    return (unsigned long long)__brev(unsigned(x)) << 32 | __brev(unsigned(x >> 32));
}
static inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned s) {
    return unsigned((uint64_t(hi) << 32 | lo) << (s & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned s) {
    return unsigned((uint64_t(hi) << 32 | lo) >> (s & 31));
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned s) {
    uint64_t b = uint64_t(y) << 32 | x;
    unsigned r = 0;
    for (int i = 0; i < 4; i++) r |= unsigned(b >> (s >> 4 * i & 7) * 8 & 0xff) << 8 * i;
    return r;
}

static inline int __mulhi(int a, int b) { return int(int64_t(a) * b >> 32); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
static inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}

// Bits of floating-point numbers.
namespace emu {
template <class To, class From> inline To bits(From v) {
    static_assert(sizeof(To) == sizeof(From), "same size");
    To r;
    memcpy(&r, &v, sizeof r);
    return r;
}
} // namespace emu
static inline long long __double_as_longlong(double v) { return emu::bits<long long>(v); }
static inline double __longlong_as_double(long long v) { return emu::bits<double>(v); }
static inline unsigned __float_as_uint(float v) { return emu::bits<unsigned>(v); }
static inline float __uint_as_float(unsigned v) { return emu::bits<float>(v); }
static inline int __float_as_int(float v) { return emu::bits<int>(v); }
static inline float __int_as_float(int v) { return emu::bits<float>(v); }
static inline int __double2hiint(double v) { return int(emu::bits<uint64_t>(v) >> 32); }
static inline int __double2loint(double v) { return int(emu::bits<uint64_t>(v)); }
static inline double __hiloint2double(int hi, int lo) {
    return emu::bits<double>(uint64_t(unsigned(hi)) << 32 | unsigned(lo));
}

// Arithmetic that the compiler must not fuse; nothing here is built with fusing.
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __dadd_rn(double a, double b) { return a + b; }
static inline double __dsub_rn(double a, double b) { return a - b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __ddiv_rn(double a, double b) { return a / b; }
static inline double __dsqrt_rn(double a) { return sqrt(a); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fsub_rn(float a, float b) { return a - b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }

// Conversions with a stated rounding. Beyond the range, where C++ says nothing, CUDA
// gives the nearest value; for not-a-number 0 if both sides have 32 bits, else the
// highest bit alone (PTX, cvt).
namespace emu {
template <class To, class From> inline To convert(From v) {
    if (v != v) return sizeof(To) == 8 || sizeof(From) == 8 ? To(1ull << (8 * sizeof(To) - 1)) : To(0);
    const From top = ldexp(From(1), 8 * sizeof(To) - (std::is_signed<To>::value ? 1 : 0));
    const To most = std::is_signed<To>::value ? To(~(1ull << (8 * sizeof(To) - 1))) : To(~0ull);
    if (v >= top) return most;
    if (std::is_signed<To>::value ? v < -top : v < 0) return std::is_signed<To>::value ? To(~most) : To(0);
    return To(v);
}
} // namespace emu
static inline int __double2int_rn(double v) { return emu::convert<int>(rint(v)); }
static inline int __double2int_rz(double v) { return emu::convert<int>(trunc(v)); }
static inline unsigned __double2uint_rn(double v) { return emu::convert<unsigned>(rint(v)); }
static inline unsigned __double2uint_rz(double v) { return emu::convert<unsigned>(trunc(v)); }
static inline long long __double2ll_rn(double v) { return emu::convert<long long>(rint(v)); }
static inline long long __double2ll_rz(double v) { return emu::convert<long long>(trunc(v)); }
static inline unsigned long long __double2ull_rn(double v) { return emu::convert<unsigned long long>(rint(v)); }
static inline unsigned long long __double2ull_rz(double v) { return emu::convert<unsigned long long>(trunc(v)); }
static inline int __float2int_rn(float v) { return emu::convert<int>(rintf(v)); }
static inline int __float2int_rz(float v) { return emu::convert<int>(truncf(v)); }
static inline unsigned __float2uint_rn(float v) { return emu::convert<unsigned>(rintf(v)); }
static inline unsigned __float2uint_rz(float v) { return emu::convert<unsigned>(truncf(v)); }
static inline float __double2float_rn(double v) { return float(v); }
static inline float __uint2float_rn(unsigned v) { return float(v); }
static inline float __int2float_rn(int v) { return float(v); }
static inline float __ull2float_rn(unsigned long long v) { return float(v); }
static inline float __ll2float_rn(long long v) { return float(v); }
static inline double __int2double_rn(int v) { return v; }
static inline double __uint2double_rn(unsigned v) { return v; }
static inline double __ll2double_rn(long long v) { return double(v); }
static inline double __ull2double_rn(unsigned long long v) { return double(v); }

// min and max take mixed integers as CUDA does: unsigned wins, wider wins.
#define EMU_MINMAX(R, A, B)                                                        \
    static inline R min(A a, B b) { return (R)a < (R)b ? (R)a : (R)b; }            \
    static inline R max(A a, B b) { return (R)a > (R)b ? (R)a : (R)b; }
EMU_MINMAX(int, int, int)
EMU_MINMAX(unsigned, unsigned, unsigned)
EMU_MINMAX(unsigned, int, unsigned)
EMU_MINMAX(unsigned, unsigned, int)
EMU_MINMAX(long, long, long)
EMU_MINMAX(unsigned long, unsigned long, unsigned long)
EMU_MINMAX(unsigned long, long, unsigned long)
EMU_MINMAX(unsigned long, unsigned long, long)
EMU_MINMAX(long long, long long, long long)
EMU_MINMAX(unsigned long long, unsigned long long, unsigned long long)
EMU_MINMAX(unsigned long long, long long, unsigned long long)
EMU_MINMAX(unsigned long long, unsigned long long, long long)
#undef EMU_MINMAX
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
static inline double min(float a, double b) { return fmin(a, b); }
static inline double max(float a, double b) { return fmax(a, b); }
static inline double min(double a, float b) { return fmin(a, b); }
static inline double max(double a, float b) { return fmax(a, b); }

template <class T> static inline T __ldg(const T *p) { return *p; }
template <class T> static inline T __ldcs(const T *p) { return *p; }
template <class T> static inline T __ldcg(const T *p) { return *p; }

// clock64 only ever grows.
static inline long long clock64() {
    static long long ticks;
    return ++ticks;
}
