// The intrinsics, called on the host: expected values are CUDA's own descriptions'.
#include "cuda.h"
#undef TRUE
#include "cuda_emu.h"

#define SAME(a, b)                                                                   \
    do {                                                                             \
        if (!((a) == (b))) {                                                         \
            printf("%s:%d: not so: %s == %s\n", __FILE__, __LINE__, #a, #b);         \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

static void bits() {
    SAME(__popc(0xf0f0u), 8);
    SAME(__popcll(~0ull), 64);
    SAME(__ffs(0), 0);
    SAME(__ffs(8), 4);
    SAME(__ffsll(1ll << 40), 41);
    SAME(__clz(0), 32);
    SAME(__clz(-1), 0);
    SAME(__clzll(0), 64);
    SAME(__clzll(1), 63);
    SAME(__brev(1), 0x80000000u);
    SAME(__brev(0x12345678u), 0x1e6a2c48u);
    SAME(__brevll(1), 1ull << 63);
    SAME(__funnelshift_l(0x89abcdefu, 0x01234567u, 8), 0x23456789u);
    SAME(__funnelshift_l(5, 7, 32), 7u); // the shift is taken modulo 32
    SAME(__funnelshift_r(0x89abcdefu, 0x01234567u, 8), 0x6789abcdu);
    SAME(__funnelshift_r(5, 7, 0), 5u);
    SAME(__byte_perm(0x33221100u, 0x77665544u, 0x7250u), 0x77225500u);
    SAME(__umulhi(0xffffffffu, 0xffffffffu), 0xfffffffeu);
    SAME(__mulhi(-1, 1), -1);
    SAME(__umul64hi(~0ull, ~0ull), ~0ull - 1);
    SAME(__mul64hi(-1, 1), -1);
}

static void floats() {
    SAME(__double_as_longlong(1.0), 0x3ff0000000000000ll);
    SAME(__longlong_as_double(0x4000000000000000ll), 2.0);
    SAME(__float_as_uint(1.0f), 0x3f800000u);
    SAME(__uint_as_float(0x40000000u), 2.0f);
    SAME(__int_as_float(__float_as_int(-3.5f)), -3.5f);
    SAME(__hiloint2double(0x3ff00000, 0), 1.0);
    SAME(__double2hiint(1.0), 0x3ff00000);
    // One rounding: the product alone would round to 1.
    double e = ldexp(1, -30);
    SAME(__fma_rn(1 + e, 1 - e, -1), -ldexp(1, -60));
    float f = ldexpf(1, -13);
    SAME(__fmaf_rn(1 + f, 1 - f, -1), -ldexpf(1, -26));
    SAME(__dadd_rn(1, ldexp(1, -53)), 1.0);
}

static void conversions() {
    double nan = __longlong_as_double(0x7ff8000000000000ll);
    SAME(__double2ll_rn(2.5), 2);
    SAME(__double2ll_rz(-2.9), -2);
    SAME(__double2ll_rn(1e30), 0x7fffffffffffffffll);
    SAME(__double2ll_rn(-1e30), -0x7fffffffffffffffll - 1);
    SAME(__double2ll_rn(nan), -0x7fffffffffffffffll - 1);
    SAME(__double2ull_rn(-1), 0u);
    SAME(__double2ull_rz(1e30), ~0ull);
    SAME(__double2int_rn(3e9), 0x7fffffff);
    SAME(__float2int_rn(-3.5f), -4);
    SAME(__float2int_rz(float(nan)), 0);
    SAME(__float2uint_rz(-5.f), 0u);
    SAME(__float2uint_rn(4294967040.f), 4294967040u);
    SAME(__double2float_rn(0.1), 0.1f);
}

static void minmax() {
    float nan = __uint_as_float(0x7fc00000u);
    SAME(min(-1, 1u), 1u); // unsigned wins
    SAME(max(-1, 1u), 0xffffffffu);
    SAME(min(-1ll, 1ll), -1);
    SAME(min(nan, 2.0f), 2.0f);
    SAME(max(2.0, double(nan)), 2.0);
    SAME(min(3.0f, 2.0), 2.0);
    SAME(sizeof(max(1ull, 1ll)), 8u);
    SAME(sizeof(uint4), 16u);
    SAME(alignof(float4), 16u);
    SAME(alignof(double2), 16u);
    SAME(make_uint4(1, 2, 3, 4).w, 4u);
}

static void math(int, char **) {
    bits();
    floats();
    conversions();
    minmax();
}

const Case mathCases[] = {{"math", math}, {}};
