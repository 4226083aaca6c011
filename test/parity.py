"""gpusc beside a live scanpy in float64 on made-up data of odd shapes.
Usage: parity.py BINARY FOLDER. Called by scanpy_test.go."""

from contextlib import nullcontext

import numpy as np
import scanpy as sc

import chains
import refused
from common import case, counts, exact_v3, flags, gpusc_ok, path, scanpy_run, table, write
from compare import output

SMALL = {"min_genes": 5, "min_cells": 2, "n_top_genes": 60, "n_comps": 10}


def run(name, a, file, skip=(), **o):
    """One case: gpusc run with the options beside scanpy's pipeline."""
    o = SMALL | o
    with case(name) as c:
        out = path(name) + ".out.h5ad"
        words = {k: v for k, v in o.items() if not k.startswith("_")}
        if gpusc_ok(c, "run", file, "-o", out, *flags(words)):
            with exact_v3() if o.get("_exact") else nullcontext():
                want = scanpy_run(a, o)
            output(c, out, want, o, skip)


def shapes():
    x = counts(150, 120)
    x[[0, 7, 149]] = 0
    x[:, [0, 5, 119]] = 0
    a = table(x)
    f = write("empty cells and genes", a)
    run("empty cells and genes, filtered", a, f)
    run("empty cells and genes, kept", a, f, min_genes=0, min_cells=0)
    run("empty cells and genes, median", a, f, min_genes=0, min_cells=0, target_sum="median")
    run("nothing to drop", a, f, min_genes=0, min_cells=0, until="qc")
    a = table(counts(1, 120, level=5))
    f = write("one cell", a)
    run("one cell", a, f, until="normalize", min_cells=0, min_genes=0)
    a = table(counts(80, 1, level=5))
    f = write("one gene", a)
    run("one gene", a, f, until="normalize", min_cells=0, min_genes=0, groups=["mt"])
    for n, p in ((40, 300), (300, 12), (3, 50), (2, 7)):
        a = table(counts(n, p, level=3))
        f = write(f"{n} x {p}", a)
        run(f"more components than cells or genes, {n} x {p}", a, f, n_comps=None, hvg_flavor="none", min_cells=1, min_genes=1)
    a = table(counts(120, 90))
    a.var_names = [f"gène-é{i}" if i % 3 else f"МТ-基因{i}🧬" for i in range(90)]
    a.obs_names = [f"zelle ü{i}/\"x\"" for i in range(120)]
    run("unicode names", a, write("unicode", a))


def duplicates(m, seed=3):
    """The rows of m with entries split in two, out of order, and explicit zeros."""
    r = np.random.default_rng(seed)
    data, cols, ptr = [], [], [0]
    for i in range(m.shape[0]):
        d, k = m.data[m.indptr[i] : m.indptr[i + 1]], m.indices[m.indptr[i] : m.indptr[i + 1]]
        one = np.floor(d / 2)
        zero = r.integers(0, m.shape[1], 5)
        d, k = np.concatenate([d - one, one, np.zeros(5)]), np.concatenate([k, k, zero])
        order = r.permutation(len(d))
        data.append(d[order])
        cols.append(k[order])
        ptr.append(ptr[-1] + len(d))
    return np.concatenate(data), np.concatenate(cols), np.array(ptr), m.shape


def layouts():
    a = table(counts(200, 150, seed=2))
    for kind in ("csr", "csc", "dense"):
        for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"):
            b = a.copy()
            b.X.data = np.minimum(b.X.data, np.iinfo(t).max if "int" in t else np.inf)
            run(f"{kind} {t}", b, write(f"{kind} {t}", b, kind, np.dtype(t)), x="counts", until="hvg" if t != "float32" else "pca")
    run("int64 indices and indptr", a, write("int64 all", a, index=np.int64), until="hvg")
    run("int64 indptr", a, write("int64 indptr", a, indptr=np.int64), until="hvg")
    run("csc, int64 indptr", a, write("csc int64", a, "csc", indptr=np.int64), until="hvg")
    parts = duplicates(a.X.tocsr())
    run("unsorted, duplicates and explicit zeros", a, write("dup", a, parts=parts))
    t = duplicates(a.X.T.tocsr())
    run("unsorted, duplicates and explicit zeros, csc", a, write("dupcsc", a, "csc", parts=(*t[:3], a.shape)))
    b = a.copy()
    b.X.data = b.X.data + np.random.default_rng(5).choice([0, 0.25, 0.1, 1 / 3], b.X.nnz).astype(np.float32)
    for t in (np.float32, np.float64):
        run(f"fractions, {np.dtype(t)}", b, write(f"fractions {np.dtype(t)}", b, dtype=t), _floats=True, raw="no")
    run("fractions, counts out", b, write("fractions2", b), _floats=True, raw="no", x="counts", until="hvg", hvg_flavor="cell_ranger", n_top_genes=40)
    big = table(counts(60, 50, level=1))
    big.X.data[::50] = 3_000_000
    run("large counts", big, write("large", big, dtype=np.int32), until="hvg")


def places():
    """Counts in raw/X and in a layer."""
    a = table(counts(150, 100, seed=4))
    b = a.copy()
    b.raw = a
    sc.pp.normalize_total(b)
    sc.pp.log1p(b)
    f = path("raw") + ".h5ad"
    b.write_h5ad(f)
    run("counts in raw", a, f, raw="auto")
    run("counts in raw, asked for", a, f, raw="yes", x="counts")
    c = b[:, ::2].copy()
    f = path("raw2") + ".h5ad"
    c.write_h5ad(f)
    run("counts in raw of more genes", a, f)
    b = a.copy()
    b.layers["counts"] = a.X.copy()
    b.X = b.X.copy()
    b.X.data = np.log1p(b.X.data)
    f = path("layer") + ".h5ad"
    b.write_h5ad(f)
    run("counts in a layer", a, f, layer="counts")
    f = write("layer csc", b, "csc", where="layers/counts")
    run("counts in a csc layer", a, f, layer="counts", until="hvg")


def options():
    a = table(counts(400, 250, seed=6))
    f = write("options", a)
    for x in ("counts", "lognorm", "scaled", "none"):
        run(f"--x {x}", a, f, x=x)
    run("--x scaled, clipped", a, f, x="scaled", scale=True, max_value=3)
    run("--scale", a, f, scale=True)
    run("--scale --max-value 10", a, f, scale=True, max_value=10)
    run("--scale --max-value 1", a, f, scale=True, max_value=1)
    run("target median", a, f, target_sum="median")
    run("target 1", a, f, target_sum=1)
    for m in (0.05, 0.15):
        run(f"max fraction {m}", a, f, max_fraction=m)
        run(f"max fraction {m}, median", a, f, max_fraction=m, target_sum="median")
    run("log base 2", a, f, log_base=2)
    run("log base 10, cell_ranger", a, f, log_base=10, hvg_flavor="cell_ranger")
    run("percent top", a, f, percent_top=[1, 10, 250], until="qc")
    run("no percent top", a, f, percent_top=[], until="qc")
    run("two gene groups", a, f, groups=["mt", "ribo"], until="qc")
    run("max pct", a, f, groups=["mt", "ribo"], max_pct={"mt": 6, "ribo": 12}, until="hvg")
    run("all limits", a, f, min_genes=20, max_genes=110, min_counts=60, max_counts=400, min_cells=5, max_cells=300, until="hvg")
    z = counts(100, 80, seed=8)
    z[3] = 0
    b = table(z)
    run("max pct and an empty cell", b, write("maxpct", b), groups=["mt"], max_pct={"mt": 50}, min_genes=0, until="filter")


def flavours():
    a = table(counts(500, 400, seed=7))
    f = write("flavours", a)
    lone = a.copy()
    lone.obs["one"] = ["x"] * 499 + ["lone"]
    lf = write("lone", lone)
    for v in ("seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper", "pearson_residuals"):
        run(f"{v}", a, f, hvg_flavor=v)
        run(f"{v}, categorical batches", a, f, hvg_flavor=v, batch_key="batch", until="hvg")
        run(f"{v}, string batches", a, f, hvg_flavor=v, batch_key="text", until="hvg")
        if "v3" in v:
            run(f"{v}, batches, exact moments", a, f, hvg_flavor=v, batch_key="batch", until="hvg", _exact=True)
        run(f"{v}, more than there are", a, f, hvg_flavor=v, n_top_genes=1000, until="hvg")
        if v in ("seurat", "cell_ranger"):
            run(f"{v}, auto", a, f, hvg_flavor=v, n_top_genes="auto", until="hvg")
            run(f"{v}, auto, batches", a, f, hvg_flavor=v, n_top_genes="auto", batch_key="batch", until="hvg")
    run("seurat, a batch of one cell", lone, lf, batch_key="one", n_top_genes="auto", until="hvg")
    run("pearson_residuals, a batch of one cell", lone, lf, hvg_flavor="pearson_residuals", batch_key="one", until="hvg")


if __name__ == "__main__":
    for part in (shapes, layouts, places, options, flavours, chains.all_chains, refused.all_refused):
        part()
