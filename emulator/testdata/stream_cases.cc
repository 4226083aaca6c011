// Cases about streams, events and handles.
#include "cuda.h"

#include <string>
#include <thread>

static const size_t n = 64;

static std::vector<u64> filled(u64 v) { return std::vector<u64>(n, v); }

// late: nothing has happened before a call that waits; both sides of an
// asynchronous copy are looked at when it runs.
static void late(int, char **) {
    Machine m = machine();
    std::vector<u64> in = filled(1), out = filled(0);
    u64 x = onDevice(filled(7)), y = onDevice(filled(7));
    OK(cuMemcpyHtoDAsync_v2(x, in.data(), n * 8, m.a));
    OK(launch(kernel(m, "t_copy"), 1, n, 0, m.a, x, y, n));
    OK(cuMemcpyDtoHAsync_v2(out.data(), y, n * 8, m.a));
    TRUE(out == filled(0));
    in.assign(n, 2); // too early: the copy must see it
    OK(cuStreamSynchronize(m.a));
    TRUE(out == filled(2));
}

// unwaited: another stream's synchronisation runs nothing of this one.
static void unwaited(int, char **) {
    Machine m = machine();
    u64 x = onDevice(filled(1)), y = onDevice(filled(0));
    std::vector<u64> out = filled(9);
    OK(launch(kernel(m, "t_copy"), 1, n, 0, m.a, x, y, n));
    OK(cuMemcpyDtoHAsync_v2(out.data(), y, n * 8, m.b)); // no wait for a
    OK(cuStreamSynchronize(m.b));
    TRUE(out == filled(0));
}

// race is unwaited with a seed: some seed must show 0, some 1. It prints which.
static void race(int, char **) {
    Machine m = machine();
    u64 x = onDevice(filled(1)), y = onDevice(filled(0));
    std::vector<u64> out = filled(9);
    OK(launch(kernel(m, "t_copy"), 1, n, 0, m.a, x, y, n));
    OK(cuMemcpyDtoHAsync_v2(out.data(), y, n * 8, m.b));
    OK(cuStreamSynchronize(m.b));
    OK(cuStreamSynchronize(m.a));
    printf("saw %llu\n", out[0]);
}

// events: waits are kept for every seed and between devices.
static void events(int, char **) {
    Machine m = machine();
    Handle f = kernel(m, "t_copy"), e[4], t;
    for (Handle &h : e) OK(cuEventCreate(&h, 2));
    OK(cuEventCreate(&t, 0));
    u64 x = onDevice(filled(0)), y = onDevice(filled(0));
    std::vector<u64> in = filled(0), out = filled(0);
    for (u64 round = 1; round < 40; round++) {
        // a: copy in, b: compute, a: copy out; each waits for the one before.
        if (round > 1) OK(cuEventSynchronize(e[2]));
        TRUE(out == filled(round - 1));
        in.assign(n, round);
        OK(cuMemcpyHtoDAsync_v2(x, in.data(), n * 8, m.a));
        OK(cuEventRecord(e[0], m.a));
        OK(cuStreamWaitEvent(m.b, e[0], 0));
        OK(launch(f, 1, n, 0, m.b, x, y, n));
        OK(cuEventRecord(e[1], m.b));
        OK(cuStreamWaitEvent(m.a, e[1], 0));
        OK(cuMemcpyDtoHAsync_v2(out.data(), y, n * 8, m.a));
        OK(cuEventRecord(e[2], m.a));
    }
    int r, polls = 0;
    while ((r = cuEventQuery(e[2])) == 600) polls++;
    OK(r);
    OK(cuEventQuery(e[3])); // never recorded
    float ms;
    WANT(400, cuEventElapsedTime(&ms, e[0], e[1])); // without timing
    OK(cuEventRecord(t, m.a));
    OK(cuEventSynchronize(t));
    OK(cuEventElapsedTime(&ms, t, t));
    TRUE(ms == 0);
}

static void query(int, char **) {
    Machine m = machine();
    u64 x = onDevice(filled(1));
    OK(cuStreamQuery(m.a));
    for (int i = 0; i < 3; i++) OK(cuMemsetD32Async(x, i, 2, m.a));
    int polls = 0;
    while (cuStreamQuery(m.a) == 600) polls++;
    TRUE(polls > 0 || getenv("GPUSC_EMU_SEED"));
    TRUE(toHost(x, 1)[0] == (2ull << 32 | 2));
}

// many: no more than 4096 items wait in a stream; the oldest run.
static void many(int, char **) {
    Machine m = machine();
    unsigned seen = 0;
    for (int i = 0; i < 5000; i++) OK(cuLaunchHostFunc(m.a, [](void *p) { ++*(unsigned *)p; }, &seen));
    TRUE(seen >= 5000 - 4096);
    OK(cuStreamSynchronize(m.a));
    TRUE(seen == 5000);
}

// host: host functions keep their place, may not call the driver, and run without
// the lock, so that they can wait for another thread's call.
static void host(int, char **) {
    Machine m = machine();
    static u64 y, x;
    static std::vector<int> seen;
    y = onDevice(filled(0)), x = onDevice(filled(5));
    static std::vector<u64> out = filled(0);
    static Handle context;
    context = m.context;
    OK(launch(kernel(m, "t_copy"), 1, n, 0, m.a, x, y, n));
    OK(cuMemcpyDtoHAsync_v2(out.data(), y, n * 8, m.a));
    OK(cuLaunchHostFunc(m.a, [](void *) {
        TRUE(out == filled(5));
        WANT(800, cuCtxSynchronize());
        std::thread([] {
            OK(cuCtxSetCurrent(context));
            TRUE(toHost(x, 1)[0] == 5);
        }).join();
        seen.push_back(1);
    }, nullptr));
    OK(cuLaunchHostFunc(m.a, [](void *) { seen.push_back(2); }, nullptr));
    TRUE(seen.empty() || getenv("GPUSC_EMU_SEED"));
    OK(cuStreamSynchronize(m.a));
    TRUE((seen == std::vector<int>{1, 2}));
}

// standard: the null stream waits for those that do not refuse, and they for it.
static void standard(int, char **) {
    Machine m = machine();
    Handle s, f = kernel(m, "t_copy");
    OK(cuStreamCreate(&s, 0));
    u64 x = onDevice(filled(1)), y = onDevice(filled(0)), z = onDevice(filled(0));
    std::vector<u64> out = filled(9);
    OK(launch(f, 1, n, 0, s, x, y, n));
    OK(launch(f, 1, n, 0, nullptr, y, z, n));
    OK(cuMemcpyDtoHAsync_v2(out.data(), z, n * 8, s));
    OK(cuStreamSynchronize(s));
    TRUE(out == filled(1));
}

static void handles(int, char **) {
    OK(cuInit(0));
    u64 p;
    WANT(201, cuMemAlloc_v2(&p, 8)); // no context here
    Machine m = machine();
    Handle s, e, f = kernel(m, "t_copy");
    OK(cuStreamCreate(&s, 0));
    OK(cuEventCreate(&e, 0));
    WANT(400, cuStreamSynchronize(e));
    WANT(400, cuEventSynchronize(s));
    WANT(400, cuStreamSynchronize((Handle)0x1234));
    OK(cuStreamDestroy_v2(s));
    WANT(400, cuStreamDestroy_v2(s));
    WANT(400, cuStreamSynchronize(s));
    WANT(400, cuEventRecord(e, s));
    OK(cuEventDestroy_v2(e));
    WANT(400, cuEventDestroy_v2(e));
    WANT(400, cuEventRecord(e, m.a));
    WANT(201, cuCtxSetCurrent(s));
    std::thread([] {
        u64 q;
        WANT(201, cuMemAlloc_v2(&q, 8));
        WANT(201, cuCtxSynchronize());
    }).join();
    WANT(500, cuModuleGetFunction(&e, m.module, "t_nothing"));
    WANT(500, cuModuleGetFunction(&e, m.module, "t_hidden")); // not in the PTX
    WANT(500, cuModuleGetFunction(&e, m.module, "t_absent")); // not in the emulator
    WANT(1, launch(kernel(m, "t_drift"), 1, 1, 0, m.a, 0, 0));
    Handle other;
    WANT(200, cuModuleLoadData(&other, "hello"));
    WANT(209, cuModuleLoadData(&other, "\x7f" "ELF    "));
    WANT(222, cuModuleLoadData(&other, "// newer\n.version 9.0\n"));
    OK(cuModuleLoadData(&other, "/* a */ .version 7.0\n.entry t_copy(.param .u64 a, .param .u64 b, .param .u64 c) {}"));
    OK(cuModuleUnload(other));
    WANT(400, cuModuleUnload(other));
    WANT(1, launch(f, 1, 1025, 0, m.a, 0, 0, 0));
    WANT(1, launch(f, 0, 32, 0, m.a, 0, 0, 0));
    WANT(701, launch(kernel(m, "t_sum"), 1, 512, 0, m.a, 0, 0, 0)); // .maxntid 256
    OK(cuModuleUnload(m.module));
    WANT(400, launch(f, 1, 32, 0, m.a, 0, 0, 0));
    OK(cuDevicePrimaryCtxRelease_v2(0));
    WANT(201, cuCtxSynchronize());
    WANT(201, cuCtxSetCurrent(m.context));
}

// shared: more than 48 KiB must be asked for.
static void shared(int, char **) {
    Machine m = machine();
    Handle f = kernel(m, "t_poison");
    u64 y = onDevice(std::vector<u64>(64));
    int v;
    OK(cuFuncGetAttribute(&v, 1, f));
    TRUE(v == 256);
    OK(launch(f, 1, 32, 49152 - 256, m.a, y));
    WANT(1, launch(f, 1, 32, 49152, m.a, y));
    WANT(1, cuFuncSetAttribute(f, 8, 232448));
    OK(cuFuncSetAttribute(f, 8, 100000));
    OK(launch(f, 1, 32, 100000, m.a, y));
    WANT(1, launch(f, 1, 32, 100001, m.a, y));
    OK(cuFuncGetAttribute(&v, 8, f));
    TRUE(v == 100000);
    OK(cuFuncGetAttribute(&v, 1, kernel(m, "t_sum")));
    TRUE(v == 72);
    OK(cuFuncGetAttribute(&v, 0, kernel(m, "t_sum")));
    TRUE(v == 256);
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&v, f, 256, 100000));
    TRUE(v == 2);
    OK(cuCtxSynchronize());
}

// fail makes one of each call and prints the first error; after one that sticks,
// everything must still be given back.
static void fail(int, char **) {
    Machine m{};
    Handle e = nullptr, f = nullptr;
    u64 x = 0, y = 0;
    void *pinned = nullptr;
    std::vector<u64> v = filled(3);
    int first = 0;
    auto take = [&](int r) {
        if (r && !first) first = r;
        return r == 0;
    };
    OK(cuInit(0));
    std::ifstream in("kernels.ptx");
    std::string ptx(std::istreambuf_iterator<char>(in), {});
    bool held = take(cuDevicePrimaryCtxRetain(&m.context, 0));
    bool ran = held && take(cuCtxSetCurrent(m.context)) && take(cuModuleLoadData(&m.module, ptx.c_str())) &&
               take(cuModuleGetFunction(&f, m.module, "t_copy")) && take(cuStreamCreate(&m.a, 1)) &&
               take(cuEventCreate(&e, 0)) && take(cuMemAlloc_v2(&x, n * 8)) && take(cuMemAlloc_v2(&y, n * 8)) &&
               take(cuMemHostAlloc(&pinned, n * 8, 0)) && take(cuMemcpyHtoDAsync_v2(x, v.data(), n * 8, m.a)) &&
               take(launch(f, 1, n, 0, m.a, x, y, n)) && take(cuEventRecord(e, m.a)) &&
               take(cuMemcpyDtoHAsync_v2(pinned, y, n * 8, m.a)) && take(cuStreamSynchronize(m.a));
    if (ran) TRUE(memcmp(pinned, v.data(), n * 8) == 0);
    if (first == 719) WANT(719, cuCtxSynchronize());
    if (pinned) OK(cuMemFreeHost(pinned));
    if (x) OK(cuMemFree_v2(x));
    if (y) OK(cuMemFree_v2(y));
    if (e) OK(cuEventDestroy_v2(e));
    if (m.a) OK(cuStreamDestroy_v2(m.a));
    if (m.module) OK(cuModuleUnload(m.module));
    if (held) OK(cuDevicePrimaryCtxRelease_v2(0));
    printf("first %d\n", first);
}

const Case streamCases[] = {
    {"late", late}, {"unwaited", unwaited}, {"race", race}, {"events", events}, {"query", query}, {"many", many}, {"host", host},
    {"standard", standard}, {"handles", handles}, {"shared", shared}, {"fail", fail}, {},
};
