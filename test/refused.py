"""What gpusc must refuse: with which exit status, and naming what."""

import os

import numpy as np

from common import case, counts, gpusc, path, table, write


def expect(name, code, words, *args, out=None):
    """The exit status, one line of words that holds all of those wanted, no output."""
    with case("refused: " + name) as c:
        got, said = gpusc(*args)
        c.note(said)
        c.check(got == code, f"exit {got}, want {code}: {said}")
        c.check(len(said.splitlines()) == 1, f"not one line: {said}")
        for w in words:
            c.check(w in said, f"does not name {w!r}: {said}")
        c.check(out is None or not os.path.exists(out), "an output is left")


def poke(a, v):
    x = a.X.tolil()
    x[71, 33] = v
    a.X = x.tocsr()


def bad_values():
    for kind in ("csr", "csc", "dense"):
        for what, v in (("negative", -2), ("NaN", np.nan), ("infinite", np.inf)):
            a = table(counts(90, 60, seed=12, level=3))
            poke(a, v)
            f = write(f"bad {kind} {what}", a, kind)
            out = path(f"bad {kind} {what} out") + ".h5ad"
            expect(f"{what} in {kind}", 3, ["cell71", "Gene33", "X", f], "run", f, "-o", out, "--min-genes", 1, "--until", "hvg", out=out)
    a = table(counts(90, 60, seed=12, level=3))
    poke(a, -3)
    f = write("bad int", a, "csr", np.int32)
    out = path("bad int out") + ".h5ad"
    expect("negative int32", 3, ["cell71", "Gene33", f], "run", f, "-o", out, "--min-genes", 1, out=out)
    expect("negative, qc in place", 3, ["cell71", "Gene33", f], "qc", f)
    expect("negative, hvg of counts", 3, ["cell71", "Gene33", f], "hvg", f, "--hvg-flavor", "seurat_v3")


def bad_words():
    a = table(counts(90, 60, seed=13, level=3))
    f = write("words", a)
    out = path("words out") + ".h5ad"
    expect("percent top above the genes", 2, ["500", "60"], "qc", f, "--percent-top", "50,500")
    expect("no such batch column", 3, ["donor", "batch"], "run", f, "-o", out, "--batch-key", "donor", "--min-genes", 1, out=out)
    expect("no such layer", 3, ["spliced"], "run", f, "-o", out, "--layer", "spliced", out=out)
    expect("no cell left", 3, ["cell"], "run", f, "-o", out, "--min-genes", 5000, out=out)
    expect("no gene left", 3, ["gene"], "run", f, "-o", out, "--min-genes", 1, "--min-cells", 5000, out=out)
    expect("unknown flavour", 2, ["seuratt"], "run", f, "-o", out, "--hvg-flavor", "seuratt", out=out)
    expect("more components than can be", 2, ["200", "59"], "run", f, "-o", out, "--min-genes", 1, "--min-cells", 1, "--hvg-flavor", "none", "--n-comps", 200, out=out)
    x = a.copy()
    x.X.data += 0.5
    x = write("no counts", x)
    expect("no counts", 3, ["X", "--layer", "--raw no"], "run", x, "-o", out, out=out)
    one = table(counts(1, 60, seed=13, level=5))
    f = write("lonely", one)
    expect("PCA of one cell", 3, [], "run", f, "-o", out, "--min-genes", 1, "--min-cells", 1, "--hvg-flavor", "none", out=out)
    one = table(counts(90, 1, seed=13, level=5))
    f = write("lonely gene", one)
    expect("PCA of one gene", 3, [], "run", f, "-o", out, "--min-genes", 1, "--min-cells", 1, "--hvg-flavor", "none", out=out)
    lone = table(counts(91, 60, seed=13, level=3))
    lone.obs["one"] = ["x"] * 90 + ["lone"]
    f = write("lone batch", lone)
    # scanpy raises an IndexError on seurat, fails on the bins of cell_ranger, and of
    # seurat_v3 all variances_norm are NaN: a batch of one cell has no variance.
    for v in ("seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper"):
        expect(f"a batch of one cell, {v}", 3, ["lone", f], "run", f, "-o", out, "--min-genes", 1, "--hvg-flavor", v, "--n-top-genes", 30, "--batch-key", "one", out=out)


def all_refused():
    bad_values()
    bad_words()
