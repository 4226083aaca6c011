// What the parts of the emulator that run kernels offer to each other and to the driver.
#pragma once

#include "cuda_emu.h"

// Other processors take the slower way of the C library.
#if !defined(__x86_64__)
#define GPUSC_EMU_UCONTEXT
#endif

namespace emu {

extern const Kernel *kernel; // the one that runs, or null

// findKernel returns the kernel of that name in the library, or null.
const Kernel *findKernel(const char *name);

// execute runs a grid to its end. The caller holds the lock: one grid at a time.
void execute(const Kernel &k, dim3 grid, dim3 block, size_t dynamic, const uint64_t *args);

// seedSchedule sets the order of blocks and threads: 0 is plain order.
void seedSchedule(uint64_t seed);

// fatal prints what a kernel did wrong, names kernel and block, and ends the process.
[[noreturn]] void fatal(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Random is an xorshift generator.
struct Random {
    uint64_t state = 1;
    void seed(uint64_t s) {
        state = (s + 1) * 0x9e3779b97f4a7c15ull | 1;
        for (int i = 0; i < 8; i++) next(); // near seeds start alike
    }
    uint32_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return uint32_t(state >> 32);
    }
    uint32_t below(uint32_t n) { return uint32_t(uint64_t(next()) * n >> 32); }
};

// Stack is where a waiting thread of a kernel lies.
struct Stack {
    char *bottom;
    size_t bytes;
    void *top; // first frame: spreads the stacks over the sets of the cache
};

// takeStack gives a stack, leaveStack takes it back; they are kept for ever.
Stack *takeStack();
void leaveStack(Stack *s);

// prepare makes the saved position of a stack at which entry will start.
void *prepare(Stack *s, void (*entry)());

// change saves the running position in *save and goes on at to, which lies on
// stack s (null: the stack of the thread that called the driver).
//
// arrived must be called first on a stack that was just started.
#if !defined(GPUSC_EMU_UCONTEXT) && !defined(__SANITIZE_ADDRESS__)
extern "C" void emuSwitch(void **save, void *to) __attribute__((visibility("hidden")));
inline void change(void **save, void *to, Stack *) { emuSwitch(save, to); }
inline void arrived() {}
#else
void change(void **save, void *to, Stack *s);
void arrived();
#endif

} // namespace emu
