"""Puts the measurements of one comparison together: table.py DIR CELLS OUT.json

DIR holds NAME.json of measure.py, NAME-stages.json of gpusc or peers.py, and
agree-NAME.json of compare.py. Prints the table and writes all of it to OUT.json
with what the machine is. Standard library only, but for versions of packages.
"""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys

# Stages of the peers, and steps of gpusc's report, by column of the table.
COLUMNS = ["read + QC", "filter to HVG", "PCA", "write"]
PEER = {"read": 0, "qc": 0, "filter": 1, "normalize": 1, "hvg": 1, "pca": 2, "write": 3}
PCA_STEPS = {"select genes", "covariance", "eigenvectors", "project"}


def load(*path):
    path = os.path.join(*path)
    if not os.path.exists(path):
        return None
    with open(path) as f:
        return json.load(f)


def columns(stages):
    out = [0.0] * 4
    if "steps" in stages:  # gpusc's report
        for s in stages["steps"]:
            if s["name"] == "input file":
                out[0] += s["seconds"]
            elif s["name"] == "write results":
                out[3] += s["seconds"]
            else:
                out[2 if PCA_STEPS & set(s.get("steps", [])) else 1] += s["seconds"]
    else:
        for name, seconds in stages["stages"].items():
            if name in PEER:
                out[PEER[name]] += seconds
    return out


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    mem = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    names = ["scanpy", "anndata", "dask", "h5py", "numpy", "scipy", "scikit-learn", "numba"]
    versions = {n: importlib.metadata.version(n) for n in names}
    versions["python"] = platform.python_version()
    versions["go"] = subprocess.run(["go", "version"], capture_output=True, text=True).stdout.strip()
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": mem,
        "kernel": platform.release(),
        "versions": versions,
    }


def rows(folder):
    ours = load(folder, "gpusc.json")
    for name in ("gpusc", "scanpy", "scanpy-cov", "dask", "inflate"):
        m, stages = load(folder, name + ".json"), load(folder, name + "-stages.json")
        if not m or not stages:
            continue
        # Importing and compiling are not held against the peers, though their
        # users wait for both; gpusc's own start is part of its time.
        laps = stages.get("stages", {})
        apart = laps.get("start", 0.0) + laps.get("compile", 0.0)
        stages_only = sum(v for k, v in laps.items() if k in PEER)
        total = stages_only if laps else m["seconds"]
        if name == "inflate":
            total = stages["stages"]["inflate"]
        yield {
            "name": name,
            "columns": None if name == "inflate" else dict(zip(COLUMNS, columns(stages))),
            "seconds": total,
            "start_and_compile_seconds": apart,
            "ratio": total / ours["seconds"],
            "measured": m,
            "stages": stages,
            "agreement": load(folder, f"agree-{name}.json"),
        }


def main():
    folder, cells, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    table = list(rows(folder))
    # "+ start" is importing and compiling, which total and ratio leave out.
    print(f"{'':12}" + "".join(f"{c:>15}" for c in COLUMNS) + f"{'total s':>10}{'+ start':>9}{'peak RSS':>12}{'x gpusc':>9}  agrees")
    for r in table:
        cols = "".join(f"{v:15.2f}" for v in r["columns"].values()) if r["columns"] else " " * 60
        agree = r["agreement"]
        word = "-" if agree is None else "yes" if agree["agree"] else "NO"
        rss = r["measured"]["peak_rss_bytes"] / 2**20
        print(f"{r['name']:12}{cols}{r['seconds']:10.2f}{r['start_and_compile_seconds']:9.2f}{rss:8.0f} MiB{r['ratio']:9.2f}  {word}")
    load1 = max(r["measured"]["load_before"] for r in table)
    cores = len(os.sched_getaffinity(0))
    if load1 > cores * 0.75:
        print(f"note: up to {load1:.1f} processes were running before a measurement on {cores} cores; these figures are not clean")
    with open(os.path.join(folder, "kept")) as f:
        kept = f.read().split()
    if kept:
        print("note: not measured in this run but kept from before: " + ", ".join(kept) + "; the ratios are not of one run")
    with open(out, "w") as f:
        json.dump({"kept_from_before": kept, "cells": cells, "machine": machine(), "highest_load_before": load1, "rows": table}, f, indent=1)
    print("wrote", out)


if __name__ == "__main__":
    main()
