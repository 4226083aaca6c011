// The table of kernels, and the end of a process whose kernel is at fault.
#include "exec.h"

#include <cstdarg>
#include <cstdlib>

extern "C" {
extern const emu::Kernel *const __start_emu_kernels[] __attribute__((weak, visibility("hidden")));
extern const emu::Kernel *const __stop_emu_kernels[] __attribute__((weak, visibility("hidden")));
}

namespace emu {

const Kernel *findKernel(const char *name) {
    for (auto k = __start_emu_kernels; k != __stop_emu_kernels; k++) {
        if (strcmp((*k)->name, name) == 0) return *k;
    }
    return nullptr;
}

void fatal(const char *format, ...) {
    fflush(stdout);
    fprintf(stderr, "gpusc emulator: ");
    if (kernel) {
        fprintf(stderr, "kernel %s, block (%u,%u,%u): ", kernel->name, blockAt.x, blockAt.y, blockAt.z);
    }
    va_list v;
    va_start(v, format);
    vfprintf(stderr, format, v);
    va_end(v);
    fprintf(stderr, "\n");
    abort();
}

} // namespace emu
