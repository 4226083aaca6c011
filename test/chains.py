"""Single steps of gpusc, one after the other, as scanpy's functions are called."""

import shutil

import anndata as ad
import numpy as np
import scanpy as sc
import scipy.sparse as sp

import compare
from common import GROUPS, case, counts, flags, gpusc_ok, path, pca, qc, table, write


def start(name, seed=9):
    a = table(counts(300, 200, seed=seed))
    f = write(name, a)
    a.X = sp.csr_matrix(a.X, dtype=np.float64)
    return a, f


def same_x(c, got, want, rtol, floor=0.0):
    c.near("X", compare.dense(got.X), compare.dense(want.X), rtol, floor)


def in_place():
    """Steps that add to the file: qc, normalize (new file), hvg, pca."""
    a, f = start("chain in place")
    with case("chain: qc in place, normalize, hvg in place, pca in place") as c:
        x = ad.read_h5ad(f).X
        gpusc_ok(c, "qc", f, *flags({"groups": ["mt", "ribo"], "percent_top": [20, 50]}))
        qc(a, ["mt", "ribo"], [20, 50])
        got = ad.read_h5ad(f)
        compare.frames(c, got, a)
        c.check((got.X != x).nnz == 0, "X changed")
        g = path("chain norm") + ".h5ad"
        gpusc_ok(c, "normalize", f, "-o", g, "--target-sum", "median")
        sc.pp.normalize_total(a)
        sc.pp.log1p(a)
        got = ad.read_h5ad(g)
        compare.frames(c, got, a)
        same_x(c, got, a, 1e-6)
        a.X = sp.csr_matrix(got.X, dtype=np.float64)  # the steps below start from these very values
        gpusc_ok(c, "hvg", g, "--n-top-genes", 50)
        sc.pp.highly_variable_genes(a, n_top_genes=50)
        got = ad.read_h5ad(g)
        compare.frames(c, got, a)
        gpusc_ok(c, "pca", g, "--n-comps", 12)
        a.obs["batch"] = a.obs["batch"].cat.remove_unused_categories()  # scanpy fails on them
        a.uns["ref"] = pca(a, 12)
        got = ad.read_h5ad(g)
        compare.frames(c, got, a)
        compare.pca(c, got, a)
        c.check(got.uns["log1p"] == {"base": None} or got.uns["log1p"] == {}, f"uns/log1p is {got.uns['log1p']}")
        # A second time: the results are replaced.
        gpusc_ok(c, "hvg", g, "--n-top-genes", 30, "--hvg-flavor", "cell_ranger", "--batch-key", "batch")
        for k in list(a.var):
            if k.startswith(("highly", "means", "dispersions")):
                del a.var[k]
        sc.pp.highly_variable_genes(a, n_top_genes=30, flavor="cell_ranger", batch_key="batch")
        gpusc_ok(c, "pca", g, "--n-comps", 5, "--scale", "--max-value", 3)
        got = ad.read_h5ad(g)
        compare.frames(c, got, a, skip=["mean", "std"])
        b = a.copy()
        sc.pp.scale(b, max_value=3)
        a.uns["ref"] = pca(b, 5)
        compare.pca(c, got, a)


def new_files():
    """Steps from file to file: filter, normalize with base, hvg -o, scale, pca -o."""
    a, f = start("chain files", 10)
    with case("chain: filter, normalize, hvg, scale, pca to new files") as c:
        g, h, i, j, k = (path(f"chain {n}") + ".h5ad" for n in "ghijk")
        gpusc_ok(c, "filter", f, "-o", g, "--min-genes", 20, "--min-cells", 4, "--max-pct", "mt=8", "--qc", "mt=mt-")
        a.var["mt"] = a.var_names.str.lower().str.startswith(GROUPS["mt"])
        share = sc.pp.calculate_qc_metrics(a, qc_vars=["mt"], percent_top=None)[0]["pct_counts_mt"]
        del a.var["mt"]
        sc.pp.filter_cells(a, min_genes=20)
        a = a[share.loc[a.obs_names] <= 8].copy()
        sc.pp.filter_genes(a, min_cells=4)
        got = ad.read_h5ad(g)
        compare.frames(c, got, a)
        same_x(c, got, a, 0)
        gpusc_ok(c, "normalize", g, "-o", h, "--target-sum", 1000, "--log-base", 2, "--max-fraction", 0.1)
        sc.pp.normalize_total(a, target_sum=1000, exclude_highly_expressed=True, max_fraction=0.1)
        sc.pp.log1p(a, base=2)
        got = ad.read_h5ad(h)
        same_x(c, got, a, 1e-6)
        c.check(got.uns.get("log1p", {}).get("base") == 2, f"uns/log1p is {got.uns.get('log1p')}, want base 2")
        a.X = sp.csr_matrix(got.X, dtype=np.float64)
        gpusc_ok(c, "hvg", h, "-o", i, "--n-top-genes", "auto")
        sc.pp.highly_variable_genes(a)
        got = ad.read_h5ad(i)
        compare.frames(c, got, a)
        same_x(c, got, a, 0)
        gpusc_ok(c, "scale", i, "-o", j, "--max-value", 2.5)
        sc.pp.scale(a, max_value=2.5)
        got = ad.read_h5ad(j)
        compare.frames(c, got, a)
        same_x(c, got, a, 1e-6, 1.0)
        a.X = np.asarray(got.X, np.float64)
        gpusc_ok(c, "pca", j, "-o", k, "--n-comps", 8)
        a.uns["ref"] = pca(a, 8)
        got = ad.read_h5ad(k)
        compare.frames(c, got, a)
        compare.pca(c, got, a)


def counts_flavours():
    a, f = start("chain v3", 11)
    for v in ("seurat_v3", "seurat_v3_paper", "pearson_residuals"):
        with case(f"chain: hvg of counts in place, {v}") as c:
            g = path(f"chain {v}") + ".h5ad"
            shutil.copy(f, g)
            b = a.copy()
            gpusc_ok(c, "hvg", g, "--hvg-flavor", v, "--n-top-genes", 40)
            if v == "pearson_residuals":
                sc.experimental.pp.highly_variable_genes(b, n_top_genes=40)
            else:
                sc.pp.highly_variable_genes(b, n_top_genes=40, flavor=v)
            got = ad.read_h5ad(g)
            compare.frames(c, got, b, skip=["highly_variable", "highly_variable_rank"] if "v3" in v else [])
            if "v3" in v:
                compare.tied(c, got, b, "variances_norm", 1e-9)


def all_chains():
    in_place()
    new_files()
    counts_flavours()
