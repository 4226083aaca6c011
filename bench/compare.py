"""Whether two results are of equal work: compare.py A B [--json FILE]

Same cells, same genes, same highly variable genes; the angle between the spaces
of the leading components, at the widest relative gap of the variances, since
elsewhere the space itself is not determined. Exit status 1 where they differ.
"""

import argparse
import json
import sys

import anndata
import numpy as np
import scipy.linalg

# The peers compute in float32: the tests have tighter limits, against float64.
MOST_OTHER_GENES = 2
WIDEST_ANGLE = 1e-2
VARIANCE = 1e-3


def space(a, k):
    return np.asarray(a.varm["PCs"], np.float64)[:, :k]


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("a")
    p.add_argument("b")
    p.add_argument("--json")
    o = p.parse_args()
    a, b = anndata.read_h5ad(o.a), anndata.read_h5ad(o.b)
    r = {
        "cells": [a.n_obs, b.n_obs],
        "genes": [a.n_vars, b.n_vars],
        "same_names": bool(a.obs_names.equals(b.obs_names) and a.var_names.equals(b.var_names)),
    }
    if r["same_names"]:
        ha, hb = (set(x.var_names[x.var["highly_variable"].to_numpy(bool)]) for x in (a, b))
        r["highly_variable"] = [len(ha), len(hb), len(ha & hb)]
        # Shares, as scanpy on Dask divides by n and the others by n-1.
        va, vb = (np.asarray(x.uns["pca"]["variance_ratio"], np.float64) for x in (a, b))
        n = min(len(va), len(vb))
        r["variance_ratio_difference"] = float(np.max(np.abs(va[:n] / vb[:n] - 1)))
        k = int(np.argmax(va[1 : n - 1] / va[2:n])) + 2
        r["components"] = k
        r["angle"] = float(np.max(scipy.linalg.subspace_angles(space(a, k), space(b, k))))
    r["agree"] = bool(
        r["same_names"]
        and max(r["highly_variable"][:2]) - r["highly_variable"][2] <= MOST_OTHER_GENES
        and r["angle"] <= WIDEST_ANGLE
        and r["variance_ratio_difference"] <= VARIANCE
    )
    text = json.dumps(r)
    print(text)
    if o.json:
        with open(o.json, "w") as f:
            f.write(text)
    sys.exit(not r["agree"])


if __name__ == "__main__":
    main()
