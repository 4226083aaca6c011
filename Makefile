# gpusc: `make` lists what can be made.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export CGO_ENABLED := 0
GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT := $(GO) run mvdan.cc/gofumpt@v0.12.0

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## bin/gpusc: one static binary
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/gpusc ./cmd/gpusc

.PHONY: build-cuda
build-cuda: ## bin/gpusc-cuda: with CUDA devices; needs a C compiler and pip, no CUDA
	@scripts/cuda-env.sh $(GO) build -tags cuda -trimpath -ldflags '$(LDFLAGS)' -o bin/gpusc-cuda ./cmd/gpusc

.PHONY: ptx
ptx: ## compile kernels/*.cu that have changed, with nvcc from Python wheels
	@scripts/ptx.sh

.PHONY: check-ptx
check-ptx: ## compile all kernels and compare with the PTX that is there
	@scripts/ptx.sh check

.PHONY: demo
demo: build ## 20,000 made-up cells from counts to clusters and pictures, in demo/
	@bin/gpusc demo demo --force

.PHONY: test
test: build ## all tests; makes .venv with scanpy, anndata and h5py to compare with
	@scripts/test.sh

.PHONY: test-cuda
test-cuda: ## tests of the CUDA build on the emulator (GPU=1: on real devices)
	@scripts/test-cuda.sh

.PHONY: mutants
mutants: ## every planted fault of the CUDA build with 20 orders of the emulator, and AddressSanitizer
	@$(MAKE) --no-print-directory emulator emulator-asan
	@GPUSC_MUTANTS=all scripts/test-cuda.sh ./cuda -run 'TestMutants|TestAddressSanitizer' -timeout 3h -parallel 2 -v

.PHONY: faults
faults: build build-cuda emulator ## every call of the driver fails once, with 1, 2 and 3 devices
	@GPUSC_EVERY_CALL=1 GPUSC_CUDA=$$PWD/bin/gpusc-cuda GPUSC_EMULATOR=$$PWD/bin/emulator $(GO) test ./test -run TestCUDADriverFails -timeout 3h -v

.PHONY: race
race: ## tests of the concurrent packages under the race detector (needs a C compiler)
	@CGO_ENABLED=1 $(GO) test -race -short ./memory ./chunk/... ./pass ./cpu/... ./hdf5 ./anndata ./pp ./graph ./neighbors ./manifold ./cluster .

.PHONY: lint
lint: ## vet, gofumpt and staticcheck; with a C compiler the CUDA build too
	@$(GO) vet ./...
	@out=$$($(GOFUMPT) -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not gofumpt-ed:" $$out; exit 1; }
	@$(STATICCHECK) ./...
	@! command -v gcc >/dev/null || scripts/cuda-env.sh $(GO) vet -tags cuda ./cuda .
	@! command -v gcc >/dev/null || scripts/cuda-env.sh $(STATICCHECK) -tags cuda ./cuda .

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME each (default 30s)
	@scripts/fuzz.sh $${FUZZTIME:-30s}

.PHONY: corpus
corpus: ## CORPUS mutated files (default 100000) through run and check
	@$(GO) test ./cmd/gpusc -run TestCorpus -timeout 6h -v -corpus $${CORPUS:-100000} -corpus.seed $${SEED:-1}

.PHONY: bench
bench: build ## gpusc beside scanpy and Dask on CELLS made-up cells (default 100000)
	@scripts/bench.sh $${CELLS:-100000}

.PHONY: scale
scale: build ## time and peak memory at 50,000, 200,000 and 1,000,000 cells with --memory 512MiB
	@scripts/scale.sh

.PHONY: emulator
emulator: ## bin/emulator/libcuda.so.1: kernels/*.cu for the CPU, to test the cuda build without a GPU
	@$(MAKE) --no-print-directory -j2 -f emulator/Makefile OUT=$${EMUOUT:-bin/emulator} FLAGS="$${EMUFLAGS:-}"

.PHONY: emulator-asan
emulator-asan: ## the same with AddressSanitizer, for use with LD_PRELOAD of libasan
	@$(MAKE) --no-print-directory -j2 -f emulator/Makefile OUT=$${EMUOUT:-bin/emulator-asan} FLAGS="$${EMUFLAGS:-}" ASAN=1

.PHONY: gpu-bundle
gpu-bundle: ## bin/gpu-bundle.tar.gz: tests and benchmarks for a machine with a GPU
	@scripts/gpu-bundle.sh

.PHONY: test-bundle
test-bundle: gpu-bundle emulator ## the bundle's script at tiny sizes on the emulator
	@rm -rf bin/test-bundle && mkdir -p bin/test-bundle && tar -xzf bin/gpu-bundle.tar.gz -C bin/test-bundle
	@LD_LIBRARY_PATH=$(CURDIR)/bin/emulator GPUSC_BUNDLE_SMALL=1 bin/test-bundle/gpu-bundle/run.sh bin/test-bundle/out

.PHONY: image
image: ## gpusc:dev, the container image with CUDA devices (needs docker)
	@docker build --build-arg VERSION=$(VERSION) -t gpusc:dev .

.PHONY: image-steps
image-steps: ## the steps of the Dockerfile outside a container, as a test of it
	@scripts/image-steps.sh

.PHONY: lint-image
lint-image: ## hadolint on the Dockerfile
	@scripts/lint-image.sh

.PHONY: clean
clean: ## remove what was built
	@rm -rf bin demo
