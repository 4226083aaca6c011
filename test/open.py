"""anndata and scanpy open every output of gpusc and go on from it, without a
warning that a file made by scanpy itself would not give.
Usage: open.py BINARY FOLDER. Called by open_test.go."""

import os
import warnings

import anndata as ad
import numpy as np
import scanpy as sc

from common import DIR, case, counts, flags, gpusc_ok, path, table, write

BASE = {"min_genes": 5, "min_cells": 2, "n_top_genes": 80, "n_comps": 15}


def plain(f, o):
    """The file that scanpy alone would leave after the same steps."""
    a = ad.read_h5ad(f)
    a.var["mt"] = a.var_names.str.lower().str.startswith("mt-")
    sc.pp.calculate_qc_metrics(a, qc_vars=["mt"], percent_top=[50], inplace=True)
    sc.pp.filter_cells(a, min_genes=o["min_genes"])
    sc.pp.filter_genes(a, min_cells=o["min_cells"])
    a.X = a.X.astype(np.float32)
    sc.pp.normalize_total(a, target_sum=1e4)
    sc.pp.log1p(a)
    sc.pp.highly_variable_genes(a, n_top_genes=o["n_top_genes"])
    if o.get("x") == "scaled":
        sc.pp.scale(a)
    sc.pp.pca(a, n_comps=o["n_comps"])
    out = f.replace(".h5ad", ".plain.h5ad")
    a.write_h5ad(out)
    return out


def warned(w):
    return {f"{x.category.__name__}: {str(x.message).splitlines()[0][:160]}" for x in w}


def go_on(f, steps):
    """Opens the file and does what comes next; returns warnings and the table."""
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        a = ad.read_h5ad(f)
        for s in steps:
            s(a)
        out = f.replace(".h5ad", ".again.h5ad")
        a.write_h5ad(out)
        b = ad.read_h5ad(out)
        ad.concat([b, b], label="copy", index_unique="-", join="outer", merge="same", uns_merge="same")
    return warned(w), b


def neighbors(a):
    sc.pp.neighbors(a, n_neighbors=10)


def umap(a):
    sc.tl.umap(a, maxiter=5, random_state=0)


def rank(a):
    sc.tl.rank_genes_groups(a, "batch", groups=["a", "b"])
    assert np.isfinite(a.uns["rank_genes_groups"]["scores"]["a"]).any()


def plot(a):
    import matplotlib.pyplot as plt

    # Keeps figures of plots in the scratch folder.
    sc.settings.figdir = DIR
    sc.pl.pca(a, color=["batch", "total_counts"], show=False, save=None)
    sc.pl.pca_variance_ratio(a, show=False)
    sc.pl.pca_loadings(a, show=False)
    sc.pl.highly_variable_genes(a, show=False)
    plt.close("all")


def again(a):
    """The steps of gpusc, by scanpy, on top of its output."""
    sc.pp.highly_variable_genes(a, n_top_genes=30)
    sc.pp.pca(a, n_comps=5)


def subset(a):
    b = a[a.obs["batch"] == "a", a.var["highly_variable"]].copy()
    assert b.n_obs and b.n_vars == a.var["highly_variable"].sum()
    str(a)


def outputs(f):
    for x in ("lognorm", "counts", "scaled", "none"):
        o = BASE | {"x": x}
        steps = [neighbors, umap, plot, subset]
        if x == "lognorm":
            steps += [rank, again]
        yield f"--x {x}", o, steps
    for k in ("zstd", "lzf", "none"):
        yield f"--compression {k}", BASE | {"compression": k}, [neighbors, subset]
    yield "seurat_v3, batches, scaled", BASE | {"hvg_flavor": "seurat_v3", "batch_key": "batch", "scale": True, "max_value": 10}, [neighbors, plot, rank]
    yield "cell_ranger, batches", BASE | {"hvg_flavor": "cell_ranger", "batch_key": "text"}, [neighbors, rank]
    yield "log base 2", BASE | {"log_base": 2}, [rank, again]


def main():
    a = table(counts(250, 200, seed=21))
    f = write("open", a)
    ref = {}
    for name, o, steps in outputs(f):
        with case(name) as c:
            if o.get("compression") == "zstd":
                import hdf5plugin  # noqa: F401
            out = path("open " + name) + ".out.h5ad"
            if not gpusc_ok(c, "run", f, "-o", out, *flags(o)):
                continue
            if "x" in o or not ref:
                ref[o.get("x", "lognorm")] = go_on(plain(f, o), steps)[0]
            known = set().union(*ref.values())
            ours, _ = go_on(out, steps)
            c.check(not ours - known, f"warnings: {sorted(ours - known)}")
            c.note(f"{len(ours)} warnings, all of which a file by scanpy gives too" if ours else "no warning")
    in_place(f, ref)


def in_place(f, ref):
    """A file to which gpusc has added results is as good."""
    with case("single steps in place") as c:
        n = path("open norm") + ".h5ad"
        gpusc_ok(c, "qc", f, "--percent-top", "50")
        gpusc_ok(c, "normalize", f, "-o", n)
        gpusc_ok(c, "hvg", n, "--n-top-genes", 80)
        gpusc_ok(c, "pca", n, "--n-comps", 15)
        ours, _ = go_on(n, [neighbors, umap, plot, subset, rank, again])
        known = set().union(*ref.values())
        c.check(not ours - known, f"warnings: {sorted(ours - known)}")
    with case("every output is one that h5py walks") as c:
        import h5py

        for e in sorted(os.listdir(DIR)):
            if e.endswith(".out.h5ad"):
                with h5py.File(os.path.join(DIR, e)) as h:
                    h.visititems(lambda _, d: d[()] if isinstance(d, h5py.Dataset) and d.shape is not None else None)


if __name__ == "__main__":
    main()
