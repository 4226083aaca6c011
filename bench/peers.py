"""The peers of the comparison, file to file, results only.

    peers.py scanpy|scanpy-cov|dask|inflate IN OUT --json FILE

scanpy      in memory, PCA with scanpy's default solver
scanpy-cov  the same with svd_solver="covariance_eigh"
dask        scanpy on Dask: sparse chunks of cells, covariance_eigh; the chunks
            are kept in memory once read, which is the fastest where they fit
inflate     only the inflating of X's chunks: the least that any reader does

All get every core. FILE gets the seconds of each stage. "start" is the time to
import and "compile" what Numba took to compile, in every process again for some
functions; neither is in the other stages nor part of the comparison.
"""

import argparse
import json
import os
import time

CORES = len(os.sched_getaffinity(0))
for v in ("OMP", "OPENBLAS", "MKL", "NUMBA", "BLIS"):
    os.environ[v + "_NUM_THREADS"] = str(CORES)


class Clock:
    def __init__(self):
        self.stages = {}
        self.last = time.perf_counter()

        self.compiled = 0.0

    def lap(self, name):
        now = time.perf_counter()
        self.stages[name] = now - self.last - self.compiled
        self.stages["compile"] = self.stages.get("compile", 0.0) + self.compiled
        self.last, self.compiled = now, 0.0

    def watch_numba(self):
        """Takes the time of compilations apart. They are under one global lock."""
        from numba.core import event

        clock = self

        class Listener(event.Listener):
            depth, since = 0, 0.0

            def on_start(self, _):
                if self.depth == 0:
                    self.since = time.perf_counter()
                self.depth += 1

            def on_end(self, _):
                self.depth -= 1
                if self.depth == 0:
                    clock.compiled += time.perf_counter() - self.since

        event.register("numba:compile", Listener())


def tutorial(adata, clock, solver):
    """The steps that gpusc run --until pca does by default, from QC to PCA."""
    import scanpy as sc

    adata.var["mt"] = adata.var_names.str.upper().str.startswith("MT-")
    sc.pp.calculate_qc_metrics(adata, qc_vars=["mt"], inplace=True)
    clock.lap("qc")
    sc.pp.filter_cells(adata, min_genes=200)
    sc.pp.filter_genes(adata, min_cells=3)
    clock.lap("filter")
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    clock.lap("normalize")
    sc.pp.highly_variable_genes(adata, n_top_genes=2000, flavor="seurat")
    clock.lap("hvg")
    sc.pp.pca(adata, n_comps=50, mask_var="highly_variable", **({"svd_solver": solver} if solver else {}))


def write(adata, out, clock):
    adata.X = None
    adata.write_h5ad(out)
    clock.lap("write")


def scanpy(src, out, clock, solver=None):
    import anndata
    import scanpy  # noqa: F401

    clock.lap("start")
    clock.watch_numba()
    adata = anndata.read_h5ad(src)
    clock.lap("read")
    tutorial(adata, clock, solver)
    clock.lap("pca")
    write(adata, out, clock)


def dask(src, out, clock, rows=10_000):
    import anndata
    import dask
    import h5py
    import numpy as np
    import scanpy  # noqa: F401
    from anndata.experimental import read_elem_lazy

    dask.config.set(scheduler="threads", num_workers=CORES)
    clock.lap("start")
    clock.watch_numba()
    with h5py.File(src, "r") as f:
        x = f["X"]
        cells, genes = x.attrs["shape"]
        # Enough chunks for all cores, and none larger than users take.
        rows = int(max(1, min(rows, -(-cells // (2 * CORES)))))
        adata = anndata.AnnData(
            X=read_elem_lazy(x, chunks=(rows, int(genes))),
            obs=anndata.io.read_elem(f["obs"]),
            var=anndata.io.read_elem(f["var"]),
        )
        adata.X = adata.X.persist()
    clock.lap("read")
    tutorial(adata, clock, "covariance_eigh")
    for m in (adata.obsm, adata.varm):
        for k in list(m):
            m[k] = np.asarray(m[k])
    clock.lap("pca")
    write(adata, out, clock)


def inflater():
    """libdeflate where the system has it, else Python's zlib: name and function."""
    import ctypes
    import ctypes.util
    import threading
    import zlib

    name = ctypes.util.find_library("deflate")
    if not name:
        return "zlib " + zlib.ZLIB_RUNTIME_VERSION, lambda raw, size: zlib.decompress(raw, bufsize=size)
    lib = ctypes.CDLL(name)  # calls through CDLL let other threads run
    lib.libdeflate_alloc_decompressor.restype = ctypes.c_void_p
    call = lib.libdeflate_zlib_decompress
    call.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    own = threading.local()

    def inflate(raw, size):
        if not hasattr(own, "d"):
            own.d, own.buf = lib.libdeflate_alloc_decompressor(), ctypes.create_string_buffer(size)
        if len(own.buf) < size:
            own.buf = ctypes.create_string_buffer(size)
        if call(own.d, raw, len(raw), own.buf, size, None) != 0:
            raise ValueError("libdeflate refused a chunk")
        return own.buf

    return "libdeflate", inflate


def inflate(src, _out, clock):
    from concurrent.futures import ThreadPoolExecutor

    import h5py

    name, f = inflater()
    chunks = []
    clock.lap("start")
    with h5py.File(src, "r") as h:
        for key in ("data", "indices"):
            d = h["X"][key]
            if d.chunks is None or d.compression != "gzip" or d.shuffle:
                raise SystemExit(f"X/{key} is not chunked and gzipped only")
            size = d.chunks[0] * d.dtype.itemsize
            chunks += [(d.id.read_direct_chunk((o,))[1], size) for o in range(0, d.shape[0], d.chunks[0])]
    clock.lap("read")
    batch = 256
    with ThreadPoolExecutor(CORES) as pool:
        for _ in pool.map(lambda i: [f(*c) and None for c in chunks[i : i + batch]], range(0, len(chunks), batch)):
            pass
    clock.lap("inflate")
    return {"with": name, "stored_bytes": sum(len(c[0]) for c in chunks), "inflated_bytes": sum(c[1] for c in chunks)}


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("peer", choices=["scanpy", "scanpy-cov", "dask", "inflate"])
    p.add_argument("src")
    p.add_argument("out")
    p.add_argument("--json", required=True)
    a = p.parse_args()
    clock = Clock()
    run = {
        "scanpy": scanpy,
        "scanpy-cov": lambda *x: scanpy(*x, solver="covariance_eigh"),
        "dask": dask,
        "inflate": inflate,
    }[a.peer]
    more = run(a.src, a.out, clock) or {}
    with open(a.json, "w") as f:
        json.dump({"stages": clock.stages, "threads": CORES, **more}, f, indent=1)


if __name__ == "__main__":
    main()
