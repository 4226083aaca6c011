"""What an input holds beside its counts is carried over, cut to the cells and
genes that stay as adata[cells, genes] of anndata cuts it.
Usage: carry.py BINARY FOLDER. Called by carry_test.go."""

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from common import case, counts, flags, gpusc_ok, path, table, write


def rich(n=130, p=90, seed=31):
    """A table with something in every place that AnnData has."""
    r = np.random.default_rng(seed)
    a = table(counts(n, p, seed=seed))
    names = lambda m, k: [f"{k}{i}" for i in range(m)]  # noqa: E731
    for name, frame, m in (("obs", a.obs, n), ("var", a.var, p)):
        frame["plain_int"] = r.integers(-5, 5, m)
        frame["small"] = r.integers(0, 9, m).astype(np.uint8)
        frame["float32"] = r.normal(size=m).astype(np.float32)
        frame["flag"] = r.random(m) < 0.5
        frame["words"] = [f"wörd {i % 7}" for i in range(m)]
        frame["ordered"] = pd.Categorical.from_codes(r.integers(-1, 3, m), ["low", "mid", "high", "never"][::1], ordered=True)
        frame["unordered"] = pd.Categorical(r.choice(["z", "y", "é"], m), categories=["z", "none", "y", "é"])
        frame["numbers as categories"] = pd.Categorical(r.choice([10, 2, 33], m))
        nullable = pd.array(r.integers(0, 100, m), dtype="Int64")
        nullable[::4] = pd.NA
        frame["nullable_int"] = nullable
        logical = pd.array(r.random(m) < 0.5, dtype="boolean")
        logical[::5] = pd.NA
        frame["nullable_bool"] = logical
        del name
    a.layers["sparse"] = sp.random(n, p, 0.2, "csr", random_state=1)
    a.layers["csc"] = sp.random(n, p, 0.2, "csc", random_state=2)
    a.layers["dense"] = r.normal(size=(n, p))
    a.obsm["X_pca"], a.varm["PCs"] = r.normal(size=(n, 7)), r.normal(size=(p, 7))
    a.obsm["X_old"], a.varm["old"] = r.normal(size=(n, 2)).astype(np.float32), r.normal(size=(p, 3))
    a.obsm["sparse"] = sp.random(n, 11, 0.3, "csr", random_state=3)
    a.obsm["frame"] = pd.DataFrame({"one": r.normal(size=n), "two": pd.Categorical(r.choice(["p", "q"], n))}, index=a.obs_names)
    a.obsp["graph"], a.varp["graph"] = sp.random(n, n, 0.1, "csr", random_state=4), sp.random(p, p, 0.1, "csr", random_state=5)
    a.obsp["dense"] = r.normal(size=(n, n)).astype(np.float32)
    rec = np.array([("a", 1.5, 2), ("b", 2.5, 3)], dtype=[("name", "O"), ("x", "f8"), ("k", "i4")])
    a.uns = {
        "text": "wörds", "number": 3, "float": 2.5, "flag": True, "list": np.array(["a", "b", "é"], dtype=object), "array": np.arange(12.0).reshape(3, 4),
        "nested": {"deep": {"deeper": np.arange(5), "empty": {}}, "sparse": sp.random(5, 6, 0.5, "csr", random_state=6)},
        "recarray": rec.astype([("name", "U4"), ("x", "f8"), ("k", "i4")]), "frame": pd.DataFrame({"c": [1, 2], "d": ["x", "y"]}, index=["r0", "r1"]),
        "unordered_colors": np.array(["#111111", "#222222", "#333333", "#444444"], dtype=object),
    }
    more = ad.AnnData(sp.csr_matrix(counts(n, p + 20, seed=seed + 1).astype(np.float32)), obs=a.obs[[]], var=pd.DataFrame({"id": names(p + 20, "E")}, index=names(p + 20, "raw")))
    more.varm["r"] = r.normal(size=(p + 20, 2))
    a.raw = more
    return a


def same(c, where, got, want):
    """Compares two values of any of the kinds that AnnData holds."""
    if isinstance(want, dict):
        for k in want:
            if k not in got:
                c.fails.append(f"{where}/{k}: missing")
            else:
                same(c, f"{where}/{k}", got[k], want[k])
    elif isinstance(want, pd.DataFrame):
        c.check(list(got.index) == list(want.index), f"{where}: index")
        for k in want:
            if k not in got:
                c.fails.append(f"{where}/{k}: missing")
                continue
            g, w = got[k], want[k]
            c.check(str(g.dtype) == str(w.dtype), f"{where}/{k}: {g.dtype}, want {w.dtype}")
            if isinstance(w.dtype, pd.CategoricalDtype):
                c.check(list(g.cat.categories) == list(w.cat.categories), f"{where}/{k}: categories {list(g.cat.categories)}, want {list(w.cat.categories)}")
                c.check(g.cat.ordered == w.cat.ordered, f"{where}/{k}: ordered {g.cat.ordered}")
            c.check(g.equals(w) or list(g.astype(str)) == list(w.astype(str)), f"{where}/{k}: {list(g)[:4]}, want {list(w)[:4]}")
    elif sp.issparse(want):
        c.check(sp.issparse(got) and got.format == want.format and got.dtype == want.dtype, f"{where}: {type(got)} {got.dtype}, want {want.format} {want.dtype}")
        c.check(got.shape == want.shape and (abs(got - want)).sum() == 0, f"{where}: values differ")
    elif isinstance(want, np.ndarray) and want.dtype.names:
        c.check(got.dtype.names == want.dtype.names and all((got[k] == want[k]).all() for k in want.dtype.names), f"{where}: {got}, want {want}")
    elif isinstance(want, np.ndarray):
        c.check(got.shape == want.shape and got.dtype.kind == want.dtype.kind and np.array_equal(got, want), f"{where}: {got}, want {want}")
    else:
        c.check(got == want, f"{where}: {got!r}, want {want!r}")


def everything(c, file, want, new):
    """Every element of want is in the file; new are those that the run has made."""
    got = ad.read_h5ad(file)
    c.check(got.shape == want.shape, f"shape {got.shape}, want {want.shape}")
    if got.shape != want.shape:
        return
    for name in ("obs", "var"):
        same(c, name, getattr(got, name), getattr(want, name))
    for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
        # The layer None is X.
        w = {k: v for k, v in getattr(want, name).items() if k is not None and f"{name}/{k}" not in new}
        same(c, name, getattr(got, name), w)
    c.check((got.raw is None) == (want.raw is None), "raw")
    if want.raw is not None and got.raw is not None:
        same(c, "raw/X", got.raw.X, want.raw.X)
        same(c, "raw/var", got.raw.var, want.raw.var)
        same(c, "raw/varm", dict(got.raw.varm), dict(want.raw.varm))
    return got


NEW = ("obsm/X_pca", "varm/PCs", "uns/pca", "uns/hvg", "uns/log1p", "uns/gpusc")


def cut(a, o):
    """The cells and genes that stay, and the table cut by anndata itself."""
    x = a.X.toarray() > 0
    cells = x.sum(1) >= o["min_genes"]
    genes = x[cells].sum(0) >= o["min_cells"]
    return a[cells, genes].copy()


def main():
    a = rich()
    f = write("rich", a)
    a = ad.read_h5ad(f)
    low = int(np.quantile((a.X.toarray() > 0).sum(1), 0.3))
    o = {"min_genes": low, "min_cells": 12, "n_top_genes": 30, "n_comps": 5}
    want = cut(a, o)
    for x in ("lognorm", "counts", "none"):
        with case(f"run --x {x}, cells and genes dropped") as c:
            c.check(want.n_obs < a.n_obs - 20 and want.n_vars < a.n_vars - 10, f"{want.shape} is no real cut")
            out = path(f"rich {x}") + ".out.h5ad"
            if gpusc_ok(c, "run", f, "-o", out, *flags(o | {"x": x})):
                got = everything(c, out, want, NEW)
                c.check(got.obsm["X_pca"].shape[1] == 5 and got.varm["PCs"].shape[1] == 5, "X_pca is the input's")
    with case("filter, cells and genes dropped") as c:
        out = path("rich filter") + ".out.h5ad"
        if gpusc_ok(c, "filter", f, "-o", out, *flags({k: o[k] for k in ("min_genes", "min_cells")})):
            everything(c, out, want, ["uns/gpusc"])
    with case("run, nothing dropped") as c:
        out = path("rich all") + ".out.h5ad"
        keep = {"min_genes": 0, "min_cells": 0}
        if gpusc_ok(c, "run", f, "-o", out, *flags(o | keep)):
            everything(c, out, a, NEW)
    with case("qc to a new file") as c:
        out = path("rich qc") + ".out.h5ad"
        if gpusc_ok(c, "qc", f, "-o", out, "--percent-top", "none"):
            got = everything(c, out, a, ["uns/gpusc"])
            same(c, "X", got.X, a.X)
    with case("qc in place") as c:
        if gpusc_ok(c, "qc", f, "--percent-top", "none"):
            got = everything(c, f, a, ["uns/gpusc"])
            same(c, "X", got.X, a.X)
    with case("columns of the input that a run makes anew") as c:
        b = table(counts(100, 80, seed=5))
        b.obs["total_counts"], b.var["means"], b.var["highly_variable"] = "old", -1.0, "old"
        f = write("stale", b)
        out = path("stale") + ".out.h5ad"
        if gpusc_ok(c, "run", f, "-o", out, *flags({"min_genes": 5, "min_cells": 2, "n_top_genes": 20, "n_comps": 5})):
            got = ad.read_h5ad(out)
            c.check(got.obs["total_counts"].dtype.kind == "f" and got.var["highly_variable"].dtype == bool, "the old columns are there")
            c.check(got.var["means"].min() >= 0, "the old means are there")


if __name__ == "__main__":
    main()
