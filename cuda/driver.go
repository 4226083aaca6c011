//go:build cuda

package cuda

/*
#include <cuda.h>
#include <stdlib.h>

// Of the link shim (cuda/shim); absent where the program is linked to a real libcuda.
__attribute__((weak)) int gpusc_cuda_why(const char **text);

static int why(const char **text) { return gpusc_cuda_why ? gpusc_cuda_why(text) : 0; }

static CUresult hostAlloc(void **p, size_t n) { return cuMemHostAlloc(p, n, CU_MEMHOSTALLOC_PORTABLE); }

static CUresult allowShared(CUfunction f, int bytes) {
	return cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}

// launch points the driver at n slots of 8 bytes each.
static CUresult launch(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                       unsigned shared, CUstream s, unsigned long long *slots, int n) {
	void *p[40];
	for (int i = 0; i < n; i++) p[i] = &slots[i];
	return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, s, p, NULL);
}
*/
import "C"

import (
	"reflect"
	"runtime"
	"sync"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/gpusc/gpusc/internal/errs"
)

// ptr is an address in a device's memory, 0 for none.
type ptr uint64

// maxArgs is the most parameters of a kernel; the C function launch knows it.
const maxArgs = 40

// driverTrouble says why the driver cannot be used, "" where it can.
func driverTrouble() (what, remedy string) {
	var text *C.char
	switch code := C.why(&text); {
	case code == 0:
		return "", ""
	case code < 0:
		return "no NVIDIA driver: " + C.GoString(text), "install the driver, or start the container with --gpus all"
	default:
		err := result(C.CUresult(code))
		return "the NVIDIA driver does not start: " + err.Error(), remedyOf(err)
	}
}

// result makes an error of what a driver function has returned.
func result(r C.CUresult) error {
	if r == C.CUDA_SUCCESS {
		return nil
	}
	return driverError(r)
}

// driverError is an answer of the driver. cu's own errors are made into it too, as
// they do not say the driver's text.
type driverError int

func (e driverError) Error() string {
	var name, text *C.char
	if C.cuGetErrorName(C.CUresult(e), &name) != 0 || name == nil {
		return errs.New(errs.Resource, "CUDA error %d", int(e)).Error()
	}
	s := C.GoString(name)
	if C.cuGetErrorString(C.CUresult(e), &text) == 0 && text != nil {
		s += " (" + C.GoString(text) + ")"
	}
	return s
}

// remedyOf is what a person can do about an answer of the driver.
func remedyOf(err error) string {
	switch code(err) {
	case C.CUDA_ERROR_OUT_OF_MEMORY:
		return "give less --device-memory, or free the device of other programs"
	case C.CUDA_ERROR_NO_DEVICE, C.CUDA_ERROR_INVALID_DEVICE:
		return "is CUDA_VISIBLE_DEVICES set to nothing or to what is not there, or the container without --gpus?"
	case C.CUDA_ERROR_DEVICE_UNAVAILABLE:
		return "another program has the device for itself (nvidia-smi -q -d COMPUTE tells the compute mode): wait for it, or take another device"
	case C.CUDA_ERROR_UNKNOWN, C.CUDA_ERROR_OPERATING_SYSTEM, C.CUDA_ERROR_NOT_PERMITTED:
		return "may this user open /dev/nvidia*, and is nvidia-uvm loaded (nvidia-modprobe -u)? see dmesg"
	case C.CUDA_ERROR_MPS_CONNECTION_FAILED, C.CUDA_ERROR_MPS_RPC_FAILURE, C.CUDA_ERROR_MPS_SERVER_NOT_READY,
		C.CUDA_ERROR_MPS_MAX_CLIENTS_REACHED, C.CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED, C.CUDA_ERROR_MPS_CLIENT_TERMINATED:
		return "look at the MPS server (nvidia-cuda-mps-control), or run without it"
	case C.CUDA_ERROR_STUB_LIBRARY:
		return "libcuda.so.1 is the toolkit's stub: take its folder out of LD_LIBRARY_PATH"
	case C.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, C.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
		return "library and kernel module of the driver do not go together: reload the module or restart; in a container take cuda-compat out of LD_LIBRARY_PATH"
	case C.CUDA_ERROR_SYSTEM_NOT_READY:
		return "start the fabric manager (nvidia-fabricmanager), or restart"
	case C.CUDA_ERROR_JIT_COMPILER_NOT_FOUND:
		return "libnvidia-ptxjitcompiler.so.1 is missing beside the driver: install it, or use --device cpu"
	case C.CUDA_ERROR_NO_BINARY_FOR_GPU, C.CUDA_ERROR_INVALID_PTX, C.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, C.CUDA_ERROR_INVALID_IMAGE:
		return "the device is older than compute capability 8.0, or the driver older than CUDA 11.8: use --device cpu"
	case C.CUDA_ERROR_LAUNCH_FAILED, C.CUDA_ERROR_ILLEGAL_ADDRESS, C.CUDA_ERROR_ECC_UNCORRECTABLE, C.CUDA_ERROR_HARDWARE_STACK_ERROR:
		return "run again, with --device cpu if it comes back; nvidia-smi and dmesg may tell more"
	}
	return ""
}

// code is the number of a driver's answer, 0 for other errors.
func code(err error) C.CUresult {
	if e, ok := err.(driverError); ok {
		return C.CUresult(e)
	}
	return 0
}

// tell makes an error for people of an answer of the driver.
func tell(name, doing string, err error) error {
	kind := errs.Resource
	if code(err) == C.CUDA_ERROR_OUT_OF_MEMORY {
		kind = errs.Budget
	}
	e := errs.New(kind, "%s: %s", name, doing).Because(err)
	if r := remedyOf(err); r != "" {
		return e.Do("%s", r)
	}
	return e
}

// notReady is the answer for work that still runs.
const notReady = C.CUDA_ERROR_NOT_READY

// context is a device's primary context.
type context struct {
	dev cu.Device
	ctx cu.CUContext
}

// do runs f on a thread that has the context. f must not block for long, but for
// a wait for the device.
func (c *context) do(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(c.ctx); err != nil {
		return fromCu(err)
	}
	return fromCu(f())
}

// sure is do for what gives something back: once more where the thread could not be
// given the context. It returns the failure all the same.
func (c *context) sure(f func() error) error {
	ran := false
	once := func() error { ran = true; return f() }
	err := c.do(once)
	if !ran {
		_ = c.do(once)
	}
	return err
}

// fromCu makes a driverError of an error of package cu, whose type is hidden but
// is the driver's number.
func fromCu(err error) error {
	if err == nil {
		return nil
	}
	if n := reflect.ValueOf(err); n.Kind() == reflect.Int {
		return driverError(n.Int())
	}
	return err
}

func hostAlloc(n int64) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	err := result(C.hostAlloc(&p, C.size_t(n)))
	return p, err
}

func hostFree(p unsafe.Pointer) error { return result(C.cuMemFreeHost(p)) }

// function is a kernel, and how much shared memory it was allowed so far.
type function struct {
	f cu.Function

	mu      sync.Mutex // streams of several goroutines launch it
	allowed int
}

func (f *function) raw() C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f.f)) }

// sharedLimit is what a kernel may use without asking.
const sharedLimit = 48 << 10

// allow asks for more shared memory than every kernel may use. It never asks for less
// than before: another stream may be about to launch with that.
func (f *function) allow(bytes int) error {
	if bytes <= sharedLimit {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes <= f.allowed {
		return nil
	}
	err := result(C.allowShared(f.raw(), C.int(bytes)))
	if err == nil {
		f.allowed = bytes
	}
	return err
}

// launch queues a kernel. The arguments are 8 bytes each.
func (f *function) launch(s cu.Stream, d dims, slots []uint64) error {
	g, b := d.grid, d.block
	return result(C.launch(f.raw(), C.uint(g[0]), C.uint(g[1]), C.uint(g[2]), C.uint(b[0]), C.uint(b[1]), C.uint(b[2]),
		C.uint(d.shared), C.CUstream(unsafe.Pointer(s.C())), (*C.ulonglong)(unsafe.Pointer(&slots[0])), C.int(len(slots))))
}
