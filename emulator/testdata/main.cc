// Runs one case: `tests PTX NAME [arguments]`. It prints ok and ends with 0, or says
// what was wrong.
#include "cuda.h"

static std::string ptx;

Machine machine(int device) {
    Machine m;
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&m.context, device));
    OK(cuCtxSetCurrent(m.context));
    OK(cuModuleLoadData(&m.module, ptx.c_str()));
    OK(cuStreamCreate(&m.a, 1));
    OK(cuStreamCreate(&m.b, 1));
    return m;
}

Handle kernel(const Machine &m, const char *name) {
    Handle f;
    OK(cuModuleGetFunction(&f, m.module, name));
    return f;
}

u64 onDevice(const std::vector<u64> &v) {
    u64 p;
    OK(cuMemAlloc_v2(&p, v.size() * 8));
    OK(cuMemcpyHtoD_v2(p, v.data(), v.size() * 8));
    return p;
}

std::vector<u64> toHost(u64 at, size_t n) {
    std::vector<u64> v(n);
    OK(cuMemcpyDtoH_v2(v.data(), at, n * 8));
    return v;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    std::ifstream in(argv[1]);
    ptx.assign(std::istreambuf_iterator<char>(in), {});
    for (const Case *cases : {kernelCases, streamCases, memoryCases, blasCases, mathCases}) {
        for (const Case *c = cases; c->name; c++) {
            if (strcmp(c->name, argv[2]) != 0) continue;
            c->run(argc - 3, argv + 3);
            printf("ok\n");
            return 0;
        }
    }
    printf("no case %s\n", argv[2]);
    return 2;
}
