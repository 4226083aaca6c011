// Stacks and changing between them.
#include "exec.h"

#include <cstdlib>
#include <sys/mman.h>
#include <vector>

#if defined(GPUSC_EMU_UCONTEXT)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace emu {

#if defined(__SANITIZE_ADDRESS__)
static const size_t stackBytes = 512 << 10; // its frames are several times as large
#else
static const size_t stackBytes = 128 << 10;
#endif
static const size_t page = 4096;

static std::vector<Stack *> freeStacks;
static unsigned stacksMade;

static Stack *newStack() {
    // The lowest page is left without rights: too deep a stack ends the process.
    void *p = mmap(nullptr, stackBytes + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED || mprotect((char *)p + page, stackBytes, PROT_READ | PROT_WRITE) != 0) {
        fatal("no memory for the stack of a thread");
    }
    Stack *s = new Stack;
    s->bottom = (char *)p + page;
    s->bytes = stackBytes;
    // Stacks that all start at the same offset would share a few cache sets.
    s->top = s->bottom + stackBytes - (stacksMade++ % 64) * 320;
    return s;
}

Stack *takeStack() {
    if (freeStacks.empty()) return newStack();
    Stack *s = freeStacks.back();
    freeStacks.pop_back();
    return s;
}

void leaveStack(Stack *s) { freeStacks.push_back(s); }

#if !defined(GPUSC_EMU_UCONTEXT)

// Saves what a function must keep and takes the other side's; no system call.
extern "C" void emuSwitch(void **save, void *to) __attribute__((visibility("hidden")));
asm(".text\n"
    ".hidden emuSwitch\n"
    ".globl emuSwitch\n"
    ".type emuSwitch,@function\n"
    "emuSwitch:\n"
    "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\n"
    "ret\n"
    ".size emuSwitch,.-emuSwitch\n");

void *prepare(Stack *s, void (*entry)()) {
    void **p = (void **)s->top;
    *--p = nullptr; // where entry would return to; also aligns as a call does
    *--p = (void *)entry;
    for (int i = 0; i < 6; i++) *--p = nullptr;
    return p;
}

#else

void *prepare(Stack *s, void (*entry)()) {
    ucontext_t *c = (ucontext_t *)s->bottom;
    getcontext(c);
    c->uc_stack.ss_sp = s->bottom + sizeof *c;
    c->uc_stack.ss_size = (char *)s->top - s->bottom - sizeof *c;
    c->uc_link = nullptr;
    makecontext(c, entry, 0);
    return c;
}

static void emuSwitch(void **save, void *to) {
    ucontext_t here;
    *save = &here;
    swapcontext(&here, (ucontext_t *)to);
}

#endif

#if defined(__SANITIZE_ADDRESS__)
// AddressSanitizer must know the limits of the stack that is in use. Its fake stacks
// (detect_stack_use_after_return) are not kept.
static const void *callerBottom;
static size_t callerBytes;
static bool onCaller = true;

void arrived() {
    const void *from;
    size_t bytes;
    __sanitizer_finish_switch_fiber(nullptr, &from, &bytes);
    if (onCaller) callerBottom = from, callerBytes = bytes;
    onCaller = false;
}

void change(void **save, void *to, Stack *s) {
    bool fromCaller = onCaller;
    __sanitizer_start_switch_fiber(nullptr, s ? s->bottom : callerBottom, s ? s->bytes : callerBytes);
    emuSwitch(save, to);
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
    onCaller = fromCaller;
}
#elif defined(GPUSC_EMU_UCONTEXT)
void change(void **save, void *to, Stack *) { emuSwitch(save, to); }
void arrived() {}
#endif

} // namespace emu
