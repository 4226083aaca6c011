"""Neighbours, UMAP and Leiden beside scanpy's: graph.py BINARY DIR COUNTS.h5ad."""

import shutil
import sys

import anndata as ad
import h5py
import numpy as np
import scanpy as sc
import scipy.sparse as sp
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

from common import case, gpusc, gpusc_ok, path


def pcs(name):
    """A copy of the file that gpusc made up to PCA."""
    f = path("graph " + name) + ".h5ad"
    shutil.copy(path("graph pca") + ".h5ad", f)
    return f


def leiden(a, **kw):
    sc.tl.leiden(a, flavor="igraph", n_iterations=2, directed=False, **kw)


def modularity(conn, labels):
    """Of resolution 1, from the definition."""
    conn = sp.csr_matrix(conn, dtype=np.float64)
    k, m2 = np.asarray(conn.sum(1)).ravel(), conn.sum()
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    one = sp.csr_matrix((np.ones(len(codes)), (np.arange(len(codes)), codes)))
    return (one.T @ conn @ one).diagonal().sum() / m2 - ((one.T @ k) ** 2).sum() / m2**2


def same_neighbours(c, d, x, k, metric):
    """The k-1 nearest others by scikit-learn's brute force; pairs whose distances
    differ by rounding may change places."""
    n = len(x)
    dist, idx = NearestNeighbors(n_neighbors=k + 5, metric=metric, algorithm="brute").fit(x.astype(np.float64)).kneighbors()
    c.check((np.diff(d.indptr) == k - 1).all(), "not all rows have k-1 neighbours")
    got, w = d.indices.reshape(n, k - 1), d.data.reshape(n, k - 1)
    c.check((np.diff(w, axis=1) >= 0).all(), "neighbours do not go from near to far")
    c.near("distances", w, dist[:, : k - 1], 2e-5, 1e-3)
    moved = 0
    for i in range(n):
        for j in set(got[i]) - set(idx[i, : k - 1]):
            moved += 1
            at = np.flatnonzero(idx[i] == j)
            ok = len(at) and abs(dist[i, at[0]] - dist[i, k - 2]) <= 1e-5 * dist[i, k - 2]
            c.check(ok, f"cell {i}: {j} is no neighbour")
    c.note(f"{moved} neighbours at a distance that is equal but for rounding")
    return moved


def neighbours():
    for k, metric, weights in ((15, "euclidean", "umap"), (30, "cosine", "umap"), (10, "euclidean", "gauss")):
        with case(f"{k} neighbours, {metric}, {weights}") as c:
            f = pcs(f"knn {k} {metric} {weights}")
            before = everything(f)
            if not gpusc_ok(c, "neighbors", f, "--n-neighbors", k, "--metric", metric, "--weights", weights, "--n-pcs", 40):
                return
            untouched(c, before, f, ["obsp", "uns/neighbors", "uns/gpusc"])
            got = ad.read_h5ad(f)
            moved = same_neighbours(c, got.obsp["distances"], got.obsm["X_pca"][:, :40], k, metric)
            a = got.copy()
            sc.pp.neighbors(a, n_neighbors=k, metric=metric, method=weights, use_rep="X_pca", n_pcs=40)
            # umap-learn looks for a width by halves until a sum is within 1e-5 of its goal:
            # the last bit of a distance can stop it a step earlier.
            off = abs(got.obsp["connectivities"] - a.obsp["connectivities"]).tocsr()
            most, far = off.max(), (off.data > 1e-5).sum() / got.obsp["connectivities"].nnz
            c.note(f"connectivities off by {most:.2g}, {far:.2g} of the edges by more than 1e-5")
            c.check(most <= 5e-5 and far <= 0.005 or moved and most <= 0.1, f"connectivities off by {most:.3g}, {far:.3g} of the edges by more than 1e-5")
            c.check(got.obsp["connectivities"].nnz == a.obsp["connectivities"].nnz or moved, "other edges")
            c.check(got.uns["neighbors"] == a.uns["neighbors"], f"uns/neighbors is {got.uns['neighbors']}, scanpy's {a.uns['neighbors']}")


def everything(f):
    """What a file holds, by path."""
    out = {}
    with h5py.File(f) as h:
        h.visititems(lambda p, o: out.update({p: (np.asarray(o[()]).tobytes() if o.shape is not None and o.dtype != object else str(o[()] if o.shape is not None else None))}) if isinstance(o, h5py.Dataset) else None)
    return out


def untouched(c, before, f, but):
    after = everything(f)
    for p, v in before.items():
        if not p.startswith(tuple(but)):
            c.check(after.get(p) == v, f"{p} has changed")
    for p in after:
        c.check(p in before or p.startswith(tuple(but)), f"{p} is new")


def goes_on():
    with case("scanpy goes on from our graph, layout and clusters") as c:
        f = pcs("goes on")
        for step in ("neighbors", "umap", "leiden"):
            gpusc_ok(c, step, f)
        a = ad.read_h5ad(f)
        n = a.obs["leiden"].cat.categories
        c.check(list(n) == [str(i) for i in range(len(n))] and not a.obs["leiden"].cat.ordered, f"categories {list(n)}")
        sizes = a.obs["leiden"].value_counts().loc[list(n)].to_numpy()
        c.check((np.diff(sizes) <= 0).all(), "cluster 0 is not the largest")
        c.check(list(a.uns["leiden_colors"]) == sc.pl.palettes.default_20[: len(n)], f"colours {a.uns['leiden_colors']}")
        c.near("uns/leiden/modularity", a.uns["leiden"]["modularity"], modularity(a.obsp["connectivities"], a.obs["leiden"]), 1e-6)
        ours, x, colours = a.obs["leiden"].copy(), a.obsm["X_umap"].copy(), list(a.uns["leiden_colors"])
        sc.pl.umap(a, color=["leiden", "total_counts"], show=False)
        c.check(list(a.uns["leiden_colors"]) == colours, "drawing changes the colours")
        sc.tl.paga(a, groups="leiden")
        params = dict(a.uns["leiden"]["params"])
        uns, ab = set(a.uns["leiden"]), a.uns["umap"]["params"]
        sc.tl.umap(a)
        leiden(a)
        c.check(set(a.uns["leiden"]) == uns and a.uns["leiden"]["params"] == params, f"uns/leiden: {params}, scanpy's {a.uns['leiden']}")
        c.near("a, b", [ab["a"], ab["b"]], [a.uns["umap"]["params"][k] for k in "ab"], 1e-3)
        for seed in range(1, SEEDS):
            gpusc_ok(c, "leiden", f, "--seed", seed, "--key-added", f"seed {seed}")
        obs = ad.read_h5ad(f).obs
        agree(c, a, [ours, *(obs[f"seed {s}"] for s in range(1, SEEDS))])
        layout(c, a, x)


SEEDS = 7


def agree(c, a, ours, **kw):
    """As good as igraph's clusters of as many seeds (medians), and the best of both
    nearly the same: seeds alone make differences of 0.002 in modularity."""
    theirs = []
    for s in range(len(ours)):
        leiden(a, random_state=s, key_added="igraph", **kw)
        theirs.append(a.obs["igraph"].copy())
    q = [[modularity(a.obsp["connectivities"], v) for v in side] for side in (ours, theirs)]
    ari = adjusted_rand_score(ours[np.argmax(q[0])], theirs[np.argmax(q[1])])
    q = [np.median(v) for v in q]
    c.note(f"modularity {q[0]:.5f}, igraph's {q[1]:.5f}; ARI {ari:.3f}")
    c.check(q[0] >= q[1] - 0.001, f"modularity {q[0]:.5f}, igraph's {q[1]:.5f}")
    c.check(ari >= 0.85, f"ARI {ari:.3f}")


def layout(c, a, x):
    """As trustworthy as umap-learn's layout in a.obsm."""
    some = np.random.default_rng(0).choice(a.n_obs, 1000, replace=False)
    t = [trustworthiness(a.obsm["X_pca"][some], v[some], n_neighbors=15) for v in (x, a.obsm["X_umap"])]
    c.note(f"trustworthiness {t[0]:.4f}, umap-learn's {t[1]:.4f}")
    c.check(t[0] >= t[1] - 0.01, f"trustworthiness {t[0]:.4f}, umap-learn's {t[1]:.4f}")


def scanpys():
    """A file as scanpy wrote it: dense X_pca in float64, the graph with int64 places."""
    f = path("scanpy graph") + ".h5ad"
    a = ad.read_h5ad(pcs("scanpy"))
    a.obsm["X_pca"] = a.obsm["X_pca"].astype(np.float64)
    sc.pp.neighbors(a, use_rep="X_pca")
    leiden(a)
    a.write_h5ad(f, compression="gzip")
    with h5py.File(f, "a") as h:
        for g in ("connectivities", "distances"):
            for name in ("indices", "indptr"):
                v = h["obsp"][g][name][:]
                del h["obsp"][g][name]
                h["obsp"][g][name] = v.astype(np.int64)
    with case("we go on from scanpy's graph") as c:
        before = everything(f)
        for s in range(SEEDS):
            gpusc_ok(c, "leiden", f, "--key-added", f"ours{s}", "--seed", s, "--resolution", "0.5,1")
        untouched(c, before, f, ["obs/ours", "uns/ours", "uns/gpusc"])
        b = ad.read_h5ad(f)
        agree(c, b, [b.obs[f"ours{s}_res_1.00"] for s in range(SEEDS)])
        gpusc_ok(c, "umap", f)
        t = trustworthiness(b.obsm["X_pca"][:1000], ad.read_h5ad(f).obsm["X_umap"][:1000], n_neighbors=15)
        c.check(t > 0.89, f"trustworthiness {t:.4f}")
        out = path("scanpy again") + ".h5ad"
        gpusc_ok(c, "neighbors", f, "-o", out)
        b = ad.read_h5ad(out)
        c.check("umap" in b.uns and "X_umap" in b.obsm and "leiden" in b.obs, "something was not carried over")
        c.check(abs(b.obsp["connectivities"] - a.obsp["connectivities"]).max() <= 1e-4, "not scanpy's connectivities")
    with case("restricted to groups, names as scanpy's") as c:
        gpusc_ok(c, "leiden", f, "--restrict-to", "leiden,0,2", "--key-added", "part")
        b = ad.read_h5ad(f)
        leiden(b, restrict_to=("leiden", ["0", "2"]))
        rest = ~b.obs["leiden"].isin(["0", "2"])
        c.check((b.obs["part"][rest].astype(str) == b.obs["leiden_R"][rest].astype(str)).all(), "other cells have changed")
        for key in ("part", "leiden_R"):
            c.check(all(s.startswith("0-2,") for s in b.obs[key][~rest]), f"{key} has {set(b.obs[key][~rest])}")
        q = [modularity(b[~rest].obsp["connectivities"], b.obs[k][~rest]) for k in ("part", "leiden_R")]
        c.check(q[0] >= q[1] - 0.005, f"modularity {q[0]:.4f}, igraph's {q[1]:.4f}")
    return f


def refused(f):
    def spoil(name, code, words, change, *args):
        with case("refused: " + name) as c:
            g = path("bad " + name) + ".h5ad"
            shutil.copy(f, g)
            with h5py.File(g, "a") as h:
                change(h)
            whole = everything(g)
            got, said = gpusc(args[0], g, *args[1:])
            c.note(said)
            c.check(got == code and len(said.splitlines()) == 1, f"exit {got}, want {code}: {said}")
            for w in (*words, g):
                c.check(w in said, f"does not name {w!r}: {said}")
            c.check(everything(g) == whole, "the file has changed")

    def put(p, i, v):
        def change(h):
            h[p][i] = v

        return change

    def drop(h):
        del h["obsp/connectivities"]

    def one_way(h):
        h["uns/neighbors/connectivities_key"][()] = "distances"

    spoil("NaN in the scores", 3, ["obsm/X_pca", "cell 71", "NaN"], put("obsm/X_pca", (71, 3), np.nan), "neighbors")
    spoil("no graph", 3, ["obsp/connectivities", "gpusc neighbors"], drop, "leiden")
    spoil("a graph of one direction", 3, ["obsp/distances", "not symmetric"], one_way, "umap")
    spoil("a graph of two weights", 3, ["obsp/connectivities", "not symmetric"], put("obsp/connectivities/data", 5, 7), "leiden")
    spoil("a negative weight", 3, ["obsp/connectivities", "-1"], put("obsp/connectivities/data", 5, -1), "leiden")
    spoil("a cell that is not there", 3, ["obsp/connectivities", "99999"], put("obsp/connectivities/indices", 5, 99999), "leiden")
    spoil("rows that go back", 3, ["obsp/connectivities", "row"], put("obsp/connectivities/indptr", 9, 0), "umap")
    spoil("an unknown group", 2, ["obs/leiden", '"17x"', "nearest"], lambda h: None, "leiden", "--restrict-to", "leiden,17x")


def main():
    with case("PCA by gpusc") as c:
        gpusc_ok(c, "run", sys.argv[3], "-o", path("graph pca") + ".h5ad")
    neighbours()
    goes_on()
    refused(scanpys())


if __name__ == "__main__":
    main()
