// Cases about memory and devices.
#include "cuda.h"

static const size_t large = 3 << 20; // bytes; the emulator maps these

static void fresh(int, char **) {
    Machine m = machine();
    for (size_t words : {size_t(5), large / 8}) {
        u64 x;
        OK(cuMemAlloc_v2(&x, words * 8));
        for (u64 v : toHost(x, words)) TRUE(v == ~0ull);
        TRUE(x % 256 == 0);
        void *h;
        OK(cuMemHostAlloc(&h, words * 8, 0));
        for (size_t i = 0; i < words; i++) TRUE(((u64 *)h)[i] == ~0ull);
        OK(cuMemFreeHost(h));
        WANT(1, cuMemFreeHost(h));
    }
    (void)m;
}

// freed: what a stale pointer reads; the emulator's memory is the host's.
static void freed(int, char **) {
    Machine m = machine();
    for (size_t words : {size_t(5), large / 8}) {
        u64 x = onDevice(std::vector<u64>(words));
        OK(cuMemFree_v2(x));
        WANT(1, cuMemFree_v2(x));
        WANT(1, cuMemcpyHtoD_v2(x, &words, 8));
        for (size_t i = 0; i < words; i++) TRUE(((volatile u64 *)x)[i] == 0xddddddddddddddddull);
    }
    (void)m;
}

// stale: a launch with freed memory, or another device's, breaks the context.
static void stale(int, char **) {
    Machine other = machine(1);
    u64 far = onDevice(std::vector<u64>(8));
    Machine m = machine(0);
    u64 x = onDevice(std::vector<u64>(8));
    OK(cuCtxEnablePeerAccess(other.context, 0));
    WANT(704, cuCtxEnablePeerAccess(other.context, 0));
    OK(launch(kernel(m, "t_copy"), 1, 8, 0, m.a, far, x, 8)); // allowed
    OK(cuStreamSynchronize(m.a));
    OK(cuCtxSetCurrent(other.context));
    OK(launch(kernel(other, "t_copy"), 1, 8, 0, other.a, far, x, 8)); // not in this direction
    WANT(700, cuStreamSynchronize(other.a));
    WANT(700, cuMemsetD8Async(far, 0, 8, other.a));
    OK(cuCtxSetCurrent(m.context));
    Handle f = kernel(m, "t_copy");
    OK(cuMemFree_v2(x));
    OK(launch(f, 1, 8, 0, m.a, x, far, 8));
    WANT(700, cuCtxSynchronize());
}

// frees: cuMemFree waits for queued work; cuMemFreeAsync comes in its turn.
static void frees(int, char **) {
    Machine m = machine();
    std::vector<u64> v(16, 4), out(16);
    u64 x = onDevice(v), y;
    OK(cuMemcpyDtoHAsync_v2(out.data(), x, 128, m.a));
    OK(cuMemFree_v2(x));
    TRUE(out == v);
    OK(cuMemAllocAsync(&y, 128, m.a));
    OK(cuMemcpyHtoDAsync_v2(y, v.data(), 128, m.a));
    out.assign(16, 0);
    OK(cuMemcpyDtoHAsync_v2(out.data(), y, 128, m.a));
    OK(cuMemFreeAsync(y, m.a));
    WANT(1, cuMemFreeAsync(y, m.a));
    WANT(1, cuMemcpyDtoHAsync_v2(out.data(), y, 128, m.a));
    OK(cuStreamSynchronize(m.a));
    TRUE(out == v);
    WANT(1, cuMemFree_v2(y));
}

static void bounds(int, char **) {
    Machine m = machine();
    char host[300] = {};
    u64 x, y;
    OK(cuMemAlloc_v2(&x, 100));
    OK(cuMemAlloc_v2(&y, 100));
    OK(cuMemcpyHtoD_v2(x + 50, host, 50));
    WANT(1, cuMemcpyHtoD_v2(x + 50, host, 51));
    WANT(1, cuMemcpyHtoDAsync_v2(x - 1, host, 5, m.a));
    WANT(1, cuMemcpyDtoH_v2(host, x, 101));
    WANT(1, cuMemcpyDtoDAsync_v2(x, y + 1, 100, m.a));
    WANT(1, cuMemsetD8Async(x + 1, 0, 100, m.a));
    WANT(1, cuMemsetD32Async(x + 2, 0, 1, m.a));
    WANT(1, cuMemFree_v2(x + 1));
    WANT(1, cuMemFree_v2((u64)host));
    WANT(1, cuMemAlloc_v2(&x, 0));
    WANT(400, cuMemcpyDtoDAsync_v2(x, y, 10, (Handle)5));
    OK(cuMemHostRegister_v2(host, 200, 0));
    WANT(712, cuMemHostRegister_v2(host + 100, 200, 0));
    OK(cuMemHostUnregister(host));
    WANT(713, cuMemHostUnregister(host));
}

// overrun writes one byte beside an allocation: argument where (end or begin) and
// how it is found (free, sync or exit), then its size.
static void overrun(int argc, char **argv) {
    Machine m = machine();
    TRUE(argc == 3);
    size_t bytes = strtoull(argv[2], nullptr, 10);
    u64 x;
    OK(cuMemAlloc_v2(&x, bytes));
    OK(launch(kernel(m, "t_overrun"), 1, 1, 0, m.a, x, strcmp(argv[0], "end") == 0 ? bytes : u64(-1)));
    if (strcmp(argv[1], "free") == 0) OK(cuMemFree_v2(x));
    if (strcmp(argv[1], "sync") == 0) OK(cuStreamSynchronize(m.a));
    Handle e;
    OK(cuEventCreate(&e, 0));
    OK(cuEventRecord(e, m.a));
    OK(cuEventSynchronize(e));
}

// pinned memory freed under a queued copy ends the process.
static void pinned(int, char **) {
    Machine m = machine();
    void *h;
    OK(cuMemHostAlloc(&h, 64, 0));
    u64 x = onDevice(std::vector<u64>(8));
    OK(cuMemcpyDtoHAsync_v2(h, x, 64, m.a));
    OK(cuMemFreeHost(h));
}

// full needs GPUSC_EMU_MEMORY=1000000.
static void full(int, char **) {
    Machine m = machine();
    size_t unused, total;
    u64 x, y;
    OK(cuMemGetInfo_v2(&unused, &total));
    TRUE(total == 1000000 && unused == total);
    OK(cuMemAlloc_v2(&x, 900000));
    WANT(2, cuMemAlloc_v2(&y, 200000));
    OK(cuMemFree_v2(x));
    OK(cuMemAllocAsync(&x, 900000, m.a));
    OK(cuMemFreeAsync(x, m.a));
    OK(cuMemAllocAsync(&y, 200000, m.a)); // waits for the queued free
    OK(cuMemGetInfo_v2(&unused, &total));
    TRUE(unused < 800000 && unused > 799000);
    OK(cuMemFree_v2(y));
    WANT(2, cuMemAlloc_v2(&x, ~size_t(0)));
}

// sparse: a slab of 3 GB costs only what is touched; see the test's limit.
static void sparse(int, char **) {
    Machine m = machine();
    u64 x;
    OK(cuMemAlloc_v2(&x, 3ull << 30));
    OK(cuMemsetD32Async(x + (1ull << 30), 5, 1000, m.a));
    OK(cuStreamSynchronize(m.a));
    TRUE(toHost(x + (1ull << 30), 1)[0] == (5ull << 32 | 5));
    TRUE(toHost(x + (2ull << 30), 1)[0] == ~0ull);
    OK(cuMemFree_v2(x));
    std::ifstream in("/proc/self/status");
    for (std::string line; std::getline(in, line);) {
        if (line.compare(0, 6, "VmHWM:") == 0) TRUE(strtoull(&line[6], nullptr, 10) < 200000);
    }
}

// devices needs GPUSC_EMU_DEVICES; it passes memory round all of them.
static void devices(int argc, char **argv) {
    TRUE(argc == 1);
    int count, want = atoi(argv[0]);
    OK(cuInit(0));
    OK(cuDeviceGetCount(&count));
    TRUE(count == want);
    int d;
    WANT(101, cuDeviceGet(&d, count));
    std::vector<Machine> m;
    std::vector<u64> mem;
    std::vector<Handle> events(count);
    for (int i = 0; i < count; i++) {
        m.push_back(machine(i));
        mem.push_back(onDevice(std::vector<u64>(32, i)));
        OK(cuEventCreate(&events[i], 2));
        OK(cuCtxGetDevice(&d));
        TRUE(d == i);
        char name[64];
        OK(cuDeviceGetName(name, sizeof name, i));
        TRUE(std::string(name) == "gpusc emulator " + std::to_string(i));
    }
    OK(cuCtxSetCurrent(m[0].context));
    OK(cuMemsetD32_v2(mem[0], 77, 64));
    OK(cuEventRecord(events[0], nullptr));
    for (int i = 1; i < count; i++) {
        OK(cuCtxSetCurrent(m[i].context));
        WANT(400, cuMemsetD8Async(mem[i], 0, 1, m[0].a)); // another device's stream
        WANT(1, cuMemsetD8Async(mem[0], 0, 1, m[i].a));   // another device's memory
        WANT(1, cuMemcpyDtoDAsync_v2(mem[i], mem[0], 8, m[i].a));
        WANT(400, cuEventRecord(events[0], m[i].a));
        OK(cuStreamWaitEvent(m[i].a, events[i - 1], 0));
        OK(cuMemcpyPeerAsync(mem[i], m[i].context, mem[i - 1], m[i - 1].context, 256, m[i].a));
        OK(cuEventRecord(events[i], m[i].a));
    }
    OK(cuCtxSetCurrent(m[count - 1].context));
    OK(cuEventSynchronize(events[count - 1]));
    TRUE(toHost(mem[count - 1], 32) == std::vector<u64>(32, 77ull << 32 | 77));
}

static void attributes(int, char **) {
    Machine m = machine();
    int v;
    OK(cuDriverGetVersion(&v));
    TRUE(v == 12040);
    OK(cuDeviceGetAttribute(&v, 75, 0));
    TRUE(v == 9);
    OK(cuDeviceGetAttribute(&v, 16, 0));
    TRUE(v == 4);
    const char *s;
    OK(cuGetErrorName(719, &s));
    TRUE(std::string(s) == "CUDA_ERROR_LAUNCH_FAILED");
    OK(cuGetErrorString(2, &s));
    TRUE(std::string(s) == "out of memory");
    WANT(1, cuGetErrorString(12345, &s));
    unsigned flags;
    int active;
    OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
    TRUE(active == 1);
    Handle c;
    OK(cuCtxPushCurrent_v2(m.context));
    OK(cuCtxPopCurrent_v2(&c));
    TRUE(c == m.context);
    OK(cuStreamGetCtx(m.a, &c));
    TRUE(c == m.context);
    OK(cuCtxSetCurrent(nullptr));
    OK(cuCtxGetCurrent(&c));
    TRUE(c == nullptr);
    WANT(201, cuCtxPopCurrent_v2(&c));
}

const Case memoryCases[] = {
    {"fresh", fresh}, {"freed", freed}, {"stale", stale}, {"frees", frees}, {"bounds", bounds}, {"overrun", overrun}, {"pinned", pinned},
    {"full", full}, {"sparse", sparse}, {"devices", devices}, {"attributes", attributes}, {},
};
