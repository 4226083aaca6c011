# The program with CUDA devices. No GPU and no CUDA are needed to build it:
#   make image                                  (docker build -t gpusc:dev .)
#   docker run --rm --gpus all -v "$PWD:/data" --user "$(id -u):$(id -g)" \
#     gpusc:dev run counts.h5ad -o out.h5ad
# `make image-steps` runs the steps below without Docker, `make lint-image` lints them.

# Debian 12 has glibc 2.36, the run stage 2.35: the program must not need more than
# that, which the last step checks (it needs 2.34).
FROM golang:1.26.8-bookworm AS build
# The versions are Debian 12's own, and change with its fixes only.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY scripts/nvcc.sh scripts/
RUN scripts/nvcc.sh headers
COPY . .
ARG VERSION=dev
ENV GOFLAGS=-buildvcs=false
RUN make build-cuda VERSION="$VERSION" && mkdir -p bin/data
RUN scripts/glibc.sh 2.35 bin/gpusc-cuda

# NVIDIA's image rather than a bare Ubuntu, as it is the one that clusters and clouds
# have tested with their drivers and container runtimes. `base` holds the CUDA runtime
# (unused) and no compiler. Ubuntu 22.04 and not a later one, so that hosts with old
# kernels and container runtimes start it.
FROM nvidia/cuda:12.9.1-base-ubuntu22.04
LABEL org.opencontainers.image.title="gpusc" \
      org.opencontainers.image.description="single-cell counts to PCA in one streamed read" \
      org.opencontainers.image.source="https://github.com/gpusc/gpusc" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image asks for a driver of CUDA 12.9; the program's kernels run with 11.8.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_REQUIRE_CUDA="cuda>=11.8" \
    HOME=/data
COPY --from=build /src/LICENSE /usr/share/doc/gpusc/LICENSE
COPY --from=build /src/bin/gpusc-cuda /usr/local/bin/gpusc
COPY --from=build --chown=65532:65532 /src/bin/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
ENTRYPOINT ["gpusc"]
CMD ["--help"]
