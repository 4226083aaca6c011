"""digest.py FILE PATH...: prints, as JSON, what anndata makes of parts of a file."""

import json
import sys
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

warnings.simplefilter("ignore")


def plain(x):
    if sp.issparse(x):
        return {"type": x.format, "dtype": str(x.dtype), "shape": list(x.shape), "values": x.toarray().tolist()}
    if isinstance(x, pd.DataFrame):
        return {"index": list(map(str, x.index)), "columns": {c: plain(x[c]) for c in x.columns}, "order": list(x.columns)}
    if isinstance(x, pd.Series):
        if isinstance(x.dtype, pd.CategoricalDtype):
            return {"dtype": "category", "codes": x.cat.codes.tolist(), "categories": list(x.cat.categories), "ordered": bool(x.cat.ordered)}
        text = "string" if str(x.dtype) in ("str", "string", "object") else str(x.dtype)
        return {"dtype": text, "values": [None if pd.isna(v) else v for v in x.tolist()]}
    if isinstance(x, np.ndarray):
        return {"dtype": "string" if x.dtype.kind in "UOT" else str(x.dtype), "values": x.tolist()}
    if hasattr(x, "keys"):
        return {str(k): plain(x[k]) for k in x.keys() if k is not None}
    if isinstance(x, np.generic):
        return x.item()
    if hasattr(x, "tolist"):
        return {"dtype": str(x.dtype), "values": [None if pd.isna(v) else v for v in x.tolist()]}
    return x


a = ad.read_h5ad(sys.argv[1])
out = {}
for p in sys.argv[2:]:
    x = a
    for k in p.split("/"):
        x = getattr(x, k) if x is a else x[k]
    out[p] = plain(x)
json.dump(out, sys.stdout)
