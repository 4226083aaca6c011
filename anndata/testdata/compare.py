"""compare.py A B [A B ...]: reads pairs of files with anndata and says where they differ.

Types count: a column that changed from int32 to int64, or a matrix from csc to
csr, is a difference. Prints one line a pair: "ok" or what differs.
"""

import sys
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

warnings.simplefilter("ignore")


def same(path, a, b):
    if sp.issparse(a) or sp.issparse(b):
        assert type(a) is type(b), f"{path}: {type(a)} {type(b)}"
        assert a.dtype == b.dtype, f"{path}: {a.dtype} {b.dtype}"
        assert a.shape == b.shape, f"{path}: {a.shape} {b.shape}"
        d = a.toarray(), b.toarray()
        np.testing.assert_array_equal(*d, err_msg=path)
    elif isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_names=False, obj=path)
    elif isinstance(a, dict) or hasattr(a, "keys") and not isinstance(a, np.ndarray):
        ka, kb = (sorted(k for k in x.keys() if k is not None) for x in (a, b))
        assert ka == kb, f"{path}: keys {ka} {kb}"
        for k in ka:
            same(f"{path}/{k}", a[k], b[k])
    elif isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray), f"{path}: {type(b)}"
        text = a.dtype.kind in "UOT" and b.dtype.kind in "UOT"
        assert text or a.dtype == b.dtype, f"{path}: {a.dtype} {b.dtype}"
        np.testing.assert_array_equal(a, b, err_msg=path)
    elif hasattr(a, "equals"):
        assert a.equals(b), path
    elif type(a).__module__.startswith("awkward"):
        assert a.to_list() == b.to_list(), path
    else:
        assert type(a) is type(b), f"{path}: {type(a)} {type(b)}"
        assert a == b or (a != a and b != b), f"{path}: {a} {b}"


def compare(a, b):
    assert a.shape == b.shape, f"shape {a.shape} {b.shape}"
    for k in ("obs", "var", "X", "layers", "obsm", "varm", "obsp", "varp", "uns"):
        same(k, getattr(a, k), getattr(b, k))
    assert (a.raw is None) == (b.raw is None), "raw"
    if a.raw is not None:
        for k in ("X", "var", "varm"):
            same("raw/" + k, getattr(a.raw, k), getattr(b.raw, k))


def pick(a, obs, var):
    """The subset that the test asked for: every third cell, every second gene."""
    before = a
    if obs:
        a = a[::3]
    if var:
        a = a[:, ::2]
    a = a.copy()
    # anndata drops unused categories of both tables; a table that is not cut is
    # copied as it stands.
    if var and not obs:
        a.obs = before.obs
    return a


args = sys.argv[1:]
how = args.pop(0)
for p, q in zip(args[::2], args[1::2]):
    try:
        a = pick(ad.read_h5ad(p), "obs" in how, "var" in how)
    except Exception as e:  # a file that this anndata does not read
        print("skip", repr(e).replace("\n", " ")[:300])
        continue
    try:
        compare(a, ad.read_h5ad(q))
        print("ok")
    except Exception as e:
        print("differs", q, repr(e).replace("\n", " ")[:600])
