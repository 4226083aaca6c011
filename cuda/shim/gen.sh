#!/bin/sh
# gen.sh SYMBOLS > shim.c: the source of a libcuda.a whose functions jump into
# libcuda.so.1, which is opened when the first of them is called. So the program
# starts where there is no driver, and needs none to be linked: cuInit then answers
# 0 (gorgonia.org/cu ends the process on anything else), there are 0 devices, and
# every other function answers 100, "no device". gpusc_cuda_why tells the reason.
cat <<'C'
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *names[];
__attribute__((visibility("hidden"))) extern void *gpusc_cuda_fn[];
static int (*real_init)(unsigned), (*real_count)(int *);
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int usable, result; /* of cuInit */
static char why[256];      /* what dlopen said */

static void open_driver(void) {
	void *h = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!h) {
		const char *s = dlerror();
		snprintf(why, sizeof why, "%s", s ? s : "libcuda.so.1 cannot be opened");
		return;
	}
	real_init = (int (*)(unsigned))dlsym(h, "cuInit");
	real_count = (int (*)(int *))dlsym(h, "cuDeviceGetCount");
	if (!real_init || !real_count) {
		snprintf(why, sizeof why, "libcuda.so.1 has no cuInit");
		return;
	}
	result = real_init(0);
	/* Without a device the driver still has words for its errors. */
	for (int i = 0; names[i]; i++)
		if (!result || !strncmp(names[i], "cuGetError", 10)) gpusc_cuda_fn[i] = dlsym(h, names[i]);
	usable = !result;
}

/* gpusc_cuda_why returns 0 with the driver in use, -1 with *text where it cannot be
   opened, else what cuInit has answered. */
int gpusc_cuda_why(const char **text) {
	pthread_once(&once, open_driver);
	*text = why;
	return usable ? 0 : result ? result : -1;
}

int cuInit(unsigned flags) {
	(void)flags;
	pthread_once(&once, open_driver);
	return 0;
}

int cuDeviceGetCount(int *n) {
	pthread_once(&once, open_driver);
	if (usable) return real_count(n);
	*n = 0;
	return 0;
}
C
i=0 list=
for s in $(grep -v -x -e cuInit -e cuDeviceGetCount -e '#.*' "$1"); do
	printf '%s\n' "__asm__(\".text\\n.globl $s\\n.type $s,@function\\n$s: mov gpusc_cuda_fn+$((i * 8))(%rip),%r11\\ntest %r11,%r11\\njz 1f\\njmp *%r11\\n1: mov \$100,%eax\\nret\\n.size $s,.-$s\\n\");"
	list="$list\"$s\"," i=$((i + 1))
done
printf '%s\n' "__attribute__((visibility(\"hidden\"))) void *gpusc_cuda_fn[$((i + 1))];" "static const char *names[] = {${list}NULL};"
