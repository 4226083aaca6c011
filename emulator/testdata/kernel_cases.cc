// Cases about device code.
#include "cuda.h"

#include <ctime>
#include <numeric>

static double now() { // seconds of this process
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void plain(int, char **) {
    Machine m = machine();
    const size_t n = 1000;
    u64 y;
    OK(cuMemAlloc_v2(&y, n * 8));
    double a = 0.5;
    u64 bits;
    memcpy(&bits, &a, 8);
    OK(launch(kernel(m, "t_fill"), 8, 128, 0, m.a, y, n, bits));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> v = toHost(y, n);
    for (size_t i = 0; i < n; i++) {
        double d;
        memcpy(&d, &v[i], 8);
        TRUE(d == 0.5 * double(i));
    }
}

// sum and reuse take the argument 1 to leave out a barrier.
static void sum(int argc, char **argv) {
    Machine m = machine();
    std::vector<u64> x(700);
    std::iota(x.begin(), x.end(), 3);
    u64 dx = onDevice(x), dy = onDevice(std::vector<u64>(700));
    OK(launch(kernel(m, "t_sum"), 3, 256, 0, m.a, dx, dy, x.size(), argc ? atoi(argv[0]) : 0));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> y = toHost(dy, x.size());
    for (size_t i = 0; i < y.size(); i++) {
        size_t b = i / 256 * 256, e = b + 256 < x.size() ? b + 256 : x.size();
        TRUE(y[i] == std::accumulate(&x[b], &x[0] + e, u64(0)));
    }
}

static void reuse(int argc, char **argv) {
    Machine m = machine();
    const u64 n = 96, rounds = 5;
    u64 dy = onDevice(std::vector<u64>(2 * n));
    OK(launch(kernel(m, "t_reuse"), 2, n, n * 8, m.a, dy, rounds, argc ? atoi(argv[0]) : 0));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> y = toHost(dy, 2 * n);
    for (u64 i = 0; i < 2 * n; i++) TRUE(y[i] == rounds * ((i + 1) % n) + n * (rounds * (rounds - 1) / 2));
}

static void diverge(int argc, char **argv) {
    Machine m = machine();
    TRUE(argc == 1);
    u64 y = onDevice(std::vector<u64>(64));
    OK(launch(kernel(m, "t_diverge"), 2, 64, 0, m.a, y, atoi(argv[0])));
    OK(cuStreamSynchronize(m.a));
}

static void lanes(int, char **) {
    Machine m = machine();
    const int rows = 17;
    u64 dy = onDevice(std::vector<u64>(32 * rows));
    OK(launch(kernel(m, "t_lanes"), 1, 32, 0, m.a, dy));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> y = toHost(dy, 32 * rows);
    for (u64 l = 0; l < 32; l++) {
        u64 want[rows] = {
            15, (l / 8 * 8 + 5) * 3, l < 3 ? l : l - 3, l % 16 < 3 ? l : l - 3, l < 2 ? l + 30 : l, l % 4 < 2 ? l + 2 : l, l ^ 17,
            (l ^ 5) > (l | 3) ? l : l ^ 5, 0x49249249, 3, 0xfull << l / 4 * 4, 496, u64(unsigned(-9)), u64(l < 12 ? 2 : 20),
            l < 12 ? 0xfffull : 0xfffff000ull, l < 12 ? 0x7fe7deadull : 0, l >= 12 ? 0xfff7dead7fe7deadull : 0,
        };
        for (int r = 0; r < rows; r++) {
            if (y[32 * r + l] != want[r]) printf("row %d lane %llu: %llx, not %llx\n", r, l, y[32 * r + l], want[r]);
            TRUE(y[32 * r + l] == want[r]);
        }
    }
}

static void early(int, char **) {
    Machine m = machine();
    u64 dy = onDevice(std::vector<u64>(96));
    OK(launch(kernel(m, "t_early"), 1, 96, 0, m.a, dy));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> y = toHost(dy, 96);
    for (u64 i = 0; i < 96; i++) TRUE(y[i] == (i % 3 ? (32ull << 32 | 3) : 0));
}

// order prints a digest of the order in which threads ran.
static void order(int, char **) {
    Machine m = machine();
    const u64 n = 5 * 64;
    u64 t = onDevice({0}), dy = onDevice(std::vector<u64>(n));
    OK(launch(kernel(m, "t_order"), 5, 64, 0, m.a, t, dy));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> y = toHost(dy, n), seen(n);
    u64 digest = 0;
    bool plain = true;
    for (u64 i = 0; i < n; i++) {
        digest = digest * 31 + y[i];
        plain = plain && y[i] == i;
        TRUE(y[i] < n && !seen[y[i]]++);
    }
    printf("order %llx%s\n", digest, plain ? " plain" : "");
}

// lost fails for a seed: a read and a write that are not one step.
static void lost(int, char **) {
    Machine m = machine();
    u64 y = onDevice({0, 0});
    OK(launch(kernel(m, "t_lost"), 1, 64, 0, m.a, y));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> v = toHost(y, 2);
    TRUE(v[1] == 64);
    TRUE(v[0] == 64);
}

static void shape(int, char **) {
    Machine m = machine();
    const u64 threads = 7 * 5 * 3, blocks = 4 * 3 * 2;
    u64 dy = onDevice(std::vector<u64>(threads * blocks));
    void *args[] = {&dy};
    OK(cuLaunchKernel(kernel(m, "t_shape"), 4, 3, 2, 7, 5, 3, 0, m.a, args, nullptr));
    OK(cuStreamSynchronize(m.a));
    std::vector<u64> y = toHost(dy, threads * blocks);
    for (u64 i = 0; i < y.size(); i++) TRUE(y[i] == (i / threads << 32 | i % threads));
}

static void poison(int, char **) {
    Machine m = machine();
    u64 dy = onDevice(std::vector<u64>(128));
    OK(launch(kernel(m, "t_poison"), 2, 32, 256, m.a, dy));
    OK(cuStreamSynchronize(m.a));
    for (u64 v : toHost(dy, 128)) TRUE(v == ~0ull);
}

static void overshared(int argc, char **argv) {
    Machine m = machine();
    TRUE(argc == 2);
    OK(launch(kernel(m, "t_overshared"), 1, 1, 100, m.a, atoi(argv[0]), atoi(argv[1])));
    OK(cuStreamSynchronize(m.a));
}

// speed prints millions a second of processor time, which other programs disturb less.
static void speed(int, char **) {
    Machine m = machine();
    const u64 n = 8 << 20, blocks = 64, threads = 256, rounds = 300;
    u64 x, y;
    OK(cuMemAlloc_v2(&x, n * 8));
    OK(cuMemAlloc_v2(&y, n * 8));
    OK(cuMemsetD8Async(x, 0, n * 8, m.a));
    OK(cuMemsetD8Async(y, 0, n * 8, m.a));
    OK(cuStreamSynchronize(m.a));
    struct {
        const char *what, *name;
        unsigned grid, block;
        u64 each;
    } runs[] = {{"threads", "t_copy", unsigned(n / threads), unsigned(threads), 0},
                {"shuffles", "t_shuffles", blocks, threads, rounds},
                {"block barriers", "t_syncs", blocks, threads, rounds / 2}};
    for (auto &r : runs) {
        Handle f = kernel(m, r.name);
        double t = now();
        if (r.each) {
            OK(launch(f, r.grid, r.block, 0, m.a, y, r.each));
        } else {
            OK(launch(f, r.grid, r.block, 0, m.a, x, y, n));
        }
        OK(cuStreamSynchronize(m.a));
        t = now() - t;
        u64 each = r.each ? (strcmp(r.name, "t_syncs") == 0 ? 2 * r.each : r.each) : 1;
        printf("%-15s %6.1f M/s\n", r.what, 1e-6 * r.grid * r.block * each / t);
    }
    double t = now();
    const int launches = 100000;
    Handle g = kernel(m, "t_fill");
    for (int i = 0; i < launches; i++) OK(launch(g, 1, 1, 0, m.a, y, 1, 0));
    OK(cuStreamSynchronize(m.a));
    printf("%-15s %6.2f M/s\n", "launches", 1e-6 * launches / (now() - t));
}

const Case kernelCases[] = {
    {"plain", plain}, {"sum", sum},   {"reuse", reuse},   {"diverge", diverge},       {"lanes", lanes}, {"early", early},
    {"order", order}, {"lost", lost}, {"poison", poison}, {"overshared", overshared}, {"speed", speed}, {"shape", shape}, {},
};
