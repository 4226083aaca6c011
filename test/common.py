"""What the scripts of this folder share: made-up data, runs of gpusc, scanpy's
pipeline in float64, comparisons, and a report of one JSON line a case."""

import contextlib
import json
import os
import subprocess
import sys
import time
import traceback
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scanpy as sc
import scipy.sparse as sp

BINARY, DIR = sys.argv[1], sys.argv[2]
warnings.simplefilter("ignore")
sc.settings.verbosity = 0
GROUPS = {"mt": ("mt-",), "ribo": ("rps", "rpl")}


class Case:
    """Collects what one case finds."""

    def __init__(self, name):
        self.name, self.notes, self.fails, self.start = name, [], [], time.time()

    def check(self, ok, text):
        if not ok:
            self.fails.append(text)

    def note(self, text):
        self.notes.append(text)

    def near(self, name, got, want, rtol, floor=0.0):
        """|got - want| <= rtol * max(|want|, floor), NaN only where want is."""
        got, want = np.asarray(got, float), np.asarray(want, float)
        if got.shape != want.shape:
            self.fails.append(f"{name}: shape {got.shape}, want {want.shape}")
            return
        both = (got == want) | (np.isnan(got) & np.isnan(want))
        with np.errstate(all="ignore"):
            off = np.where(both, 0, np.abs(got - want) / np.maximum(np.abs(want), max(floor, 1e-300)))
        off = np.where(np.isnan(off), np.inf, off)
        most = off.max(initial=0)
        if rtol > 0 or most > 0:
            self.note(f"{name}: off by {most:.2g}")
        if most > rtol:
            i = np.unravel_index(off.argmax(), off.shape)
            i = tuple(int(k) for k in i)
            self.fails.append(f"{name}: off by {most:.3g}, allowed {rtol:g}: at {i} {got[i]!r}, want {want[i]!r}")

    def done(self):
        print(json.dumps({"Case": self.name, "Seconds": time.time() - self.start, "Notes": self.notes, "Fails": self.fails}), flush=True)


@contextlib.contextmanager
def case(name):
    """Reports the case whatever happens in it."""
    c = Case(name)
    try:
        yield c
    except Exception:
        c.fails.append("the test itself: " + traceback.format_exc(limit=-4))
    c.done()


def path(name):
    return os.path.join(DIR, name.replace("/", "_").replace(" ", "_").replace(",", ""))


def gpusc(*args):
    """Runs the binary; returns the exit status and its words. run ends at PCA unless it
    is told otherwise: graph.py has the steps beyond."""
    if args[0] == "run" and "--until" not in args:
        args += ("--until", "pca")
    r = subprocess.run([BINARY, *map(str, args), "--threads", "2", "--memory", "1GiB", "--tmp", DIR], capture_output=True, text=True, timeout=300)
    return r.returncode, r.stderr.strip()


def gpusc_ok(c, *args):
    code, words = gpusc(*args)
    if code != 0:
        c.fails.append(f"gpusc {' '.join(map(str, args))}: exit {code}: {words}")
    return code == 0


# Made-up data


def gene_names(p):
    names = [f"Gene{i}" for i in range(p)]
    for i in range(0, p, 17):
        names[i] = f"{('MT-', 'mt-')[i % 2]}{i}"
    for i in range(5, p, 23):
        names[i] = f"{('RPS', 'Rpl')[i % 2]}{i}"
    return names


def counts(n, p, seed=1, level=1.0):
    """n x p counts, some genes common, most rare, a few clusters, as dense int64."""
    r = np.random.default_rng(seed)
    base = np.exp(r.normal(-1.5, 1.5, p)) * level
    kinds = np.exp(r.normal(0, 0.8, (4, p)))
    depth = np.exp(r.normal(0, 0.4, n))
    mean = base * kinds[r.integers(0, 4, n)] * depth[:, None]
    return r.poisson(r.gamma(2.0, mean / 2.0))


def frame_obs(n, seed=1):
    r = np.random.default_rng(seed + 100)
    b = r.choice(["b", "a", "c"], n, p=[0.5, 0.3, 0.2]) if n > 1 else np.array(["a"] * n)
    return pd.DataFrame({"batch": pd.Categorical(b, categories=["b", "unused", "a", "c"]), "text": b}, index=[f"cell{i}" for i in range(n)])


def table(x, **kw):
    """An AnnData of the dense or sparse matrix x with names and batches."""
    n, p = x.shape
    return ad.AnnData(x if sp.issparse(x) else sp.csr_matrix(np.asarray(x, np.float32)), obs=frame_obs(n), var=pd.DataFrame(index=gene_names(p)), **kw)


def put_sparse(file, name, m, kind="csr", dtype=np.float32, index=np.int32, indptr=None):
    """Writes a sparse matrix as it is, types and order of indices included."""
    f = h5py.File(file, "a")
    if name in f:
        del f[name]
    g = f.create_group(name)
    g.attrs["encoding-type"], g.attrs["encoding-version"], g.attrs["shape"] = f"{kind}_matrix", "0.1.0", np.array(m[3], np.int64)
    many = len(m[0]) > 0
    g.create_dataset("data", data=np.asarray(m[0], dtype), **({"compression": "gzip", "chunks": (min(500, len(m[0])),)} if many else {}))
    g.create_dataset("indices", data=np.asarray(m[1], index))
    g.create_dataset("indptr", data=np.asarray(m[2], indptr or index))
    f.close()


def write(name, a, kind="csr", dtype=np.float32, index=np.int32, indptr=None, where="X", parts=None):
    """Writes the table; X in the layout and types asked for, or from given parts."""
    file = path(name) + ".h5ad"
    a.write_h5ad(file)
    x = a.X if where == "X" else a.layers[where.split("/")[1]]
    if kind == "dense":
        with h5py.File(file, "a") as f:
            del f[where]
            d = f.create_dataset(where, data=np.asarray(x.toarray(), dtype), chunks=tuple(min(s, 37) for s in x.shape), compression="lzf")
            d.attrs["encoding-type"], d.attrs["encoding-version"] = "array", "0.2.0"
    else:
        m = x.tocsr() if kind == "csr" else x.tocsc()
        put_sparse(file, where, parts or (m.data, m.indices, m.indptr, m.shape), kind, dtype, index, indptr)
    return file


# scanpy's pipeline in float64


def flags(o):
    """The flags of gpusc that mean the options o."""
    out = []
    for k, v in o.items():
        flag = "--" + k.replace("_", "-")
        if k == "groups":
            for g in v:
                out += ["--qc", f"{g}={','.join(GROUPS[g])}"]
        elif k == "max_pct":
            for g, m in v.items():
                out += [flag, f"{g}={m}"]
        elif k == "percent_top":
            out += [flag, ",".join(map(str, v)) or "none"]
        elif v is True:
            out.append(flag)
        elif v is not None and v is not False:
            out += [flag, v]
    return out


DEFAULTS = {"min_genes": 200, "min_cells": 3, "target_sum": 1e4, "hvg_flavor": "seurat", "n_top_genes": 2000, "n_comps": 50, "x": "lognorm", "until": "pca", "groups": ["mt"]}


def qc(a, groups, top):
    for g in groups:
        a.var[g] = a.var_names.str.lower().str.startswith(GROUPS[g])
    top = [t for t in (50, 100, 200, 500) if t <= a.n_vars] if top is None else top
    sc.pp.calculate_qc_metrics(a, qc_vars=list(groups), percent_top=top or None, inplace=True)


def filter_like(a, o):
    """The cells within all limits, then the genes; returns the filtered table."""
    full = a.copy()
    for k in ("min_genes", "max_genes", "min_counts", "max_counts"):
        if o.get(k):
            sc.pp.filter_cells(a, **{k: o[k]})
    for g, most in o.get("max_pct", {}).items():
        if f"pct_counts_{g}" not in a.obs:
            full.var[g] = full.var_names.str.lower().str.startswith(GROUPS[g])
            share = sc.pp.calculate_qc_metrics(full, qc_vars=[g], percent_top=None)[0][f"pct_counts_{g}"]
        else:
            share = a.obs[f"pct_counts_{g}"]
        a = a[share.loc[a.obs_names] <= most].copy()
    for k in ("min_cells", "max_cells"):
        if o.get(k):
            sc.pp.filter_genes(a, **{k: o[k]})
    return a


@contextlib.contextmanager
def exact_v3():
    """scanpy's seurat_v3 with exact moments of each batch and stable sorts. As it
    is, scanpy takes the moments of batches by a running update (Welford), whose
    rounding parts genes of equal mean and so moves the vertices of the loess, and
    the order of its ties is that of an unstable sort."""
    module = sys.modules["scanpy.preprocessing._highly_variable_genes"]

    def exact(a, by, func):
        x, b = a.X.toarray(), a.obs[by].to_numpy()
        names = np.unique(b)
        n = np.array([(b == k).sum() for k in names])[:, None]
        s, q = (np.array([(x[b == k] ** e).sum(0) for k in names]) for e in (1, 2))
        with np.errstate(all="ignore"):
            mean = s / n
            var = (q / n - mean**2) * n / (n - 1)
        return ad.AnnData(obs=pd.DataFrame({by: names}), var=a.var, layers={"mean": mean, "var": var})

    class Stable:
        def __getattr__(self, name):
            return getattr(np, name)

        def argsort(self, a, axis=-1):
            return np.argsort(a, axis=axis, kind="stable")

    old = module.aggregate, module.np
    module.aggregate, module.np = exact, Stable()
    try:
        yield
    finally:
        module.aggregate, module.np = old


def hvg(a, o):
    top = None if o["n_top_genes"] == "auto" else o["n_top_genes"]
    kw = {"n_top_genes": top, "batch_key": o.get("batch_key")}
    if o["hvg_flavor"] == "pearson_residuals":
        sc.experimental.pp.highly_variable_genes(a, layer="counts_", **kw)
    elif o["hvg_flavor"].startswith("seurat_v3"):
        sc.pp.highly_variable_genes(a, flavor=o["hvg_flavor"], layer="counts_", **kw)
    else:
        sc.pp.highly_variable_genes(a, flavor=o["hvg_flavor"], **kw)


def scanpy_run(a, o):
    """What gpusc run does, by scanpy, in float64. Returns the table; X is that of
    o['x'], pca is in uns['ref']."""
    o = DEFAULTS | {k: v for k, v in o.items() if v is not None}
    stage = ["qc", "filter", "normalize", "hvg", "pca"].index(o["until"])
    a = a.copy()
    a.X = sp.csr_matrix(a.X).astype(np.float64)
    a.X.sum_duplicates()
    qc(a, o["groups"], o.get("percent_top"))
    if stage >= 1:
        a = filter_like(a, o)
    a.layers["counts_"] = a.X.copy()
    if stage >= 2:
        target = None if o["target_sum"] == "median" else o["target_sum"]
        more = {"exclude_highly_expressed": True, "max_fraction": o["max_fraction"]} if o.get("max_fraction") else {}
        sc.pp.normalize_total(a, target_sum=target, **more)
        sc.pp.log1p(a, base=o.get("log_base"))
    if stage >= 3 and o["hvg_flavor"] != "none":
        hvg(a, o)
    b = a.copy()
    if o.get("scale") or o["x"] == "scaled":
        sc.pp.scale(b, max_value=o.get("max_value"))
    if stage >= 4:
        a.uns["ref"] = pca(b if o.get("scale") else a, o["n_comps"])
    if o["x"] == "scaled":
        a.X, a.var["mean"], a.var["std"] = b.X, b.var["mean"], b.var["std"]
    elif o["x"] == "counts" or stage < 2:
        a.X = a.layers["counts_"]
    del a.layers["counts_"]
    return a


def pca(a, n_comps):
    """scanpy's PCA of the chosen genes by a full decomposition in float64."""
    on = a.var["highly_variable"].to_numpy() if "highly_variable" in a.var else np.ones(a.n_vars, bool)
    x = a.X[:, on]
    b = ad.AnnData(np.asarray(x.toarray() if sp.issparse(x) else x, np.float64))
    k = min(n_comps, min(b.shape) - 1)
    sc.pp.pca(b, n_comps=k, svd_solver="full", dtype="float64")
    return {"k": k, "on": on, "X": b.obsm["X_pca"], "PCs": b.varm["PCs"], **b.uns["pca"]}
