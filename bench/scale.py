"""Tabulates the runs of scripts/scale.sh: scale.py DIR MAX_RSS_BYTES OUT.json

DIR holds CELLS-X.json of measure.py and CELLS-X-report.json of gpusc. Exit
status 1 if a run's peak resident memory is above MAX_RSS_BYTES, or if the peaks
of one kind of output grow by more than 10%, what each cell's own results take
left out, among the runs whose cache fills the budget. Standard library only.
"""

import json
import os
import re
import sys

# What is kept of a cell whatever the budget: its QC figures, what is made of them
# for obs, its name (see budget.go).
BYTES_PER_CELL = 181


def load(path):
    with open(path) as f:
        return json.load(f)


def main():
    folder, limit, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    runs = []
    for name in os.listdir(folder):
        if m := re.fullmatch(r"(\d+)-(none|lognorm)\.json", name):
            took, rep = load(os.path.join(folder, name)), load(os.path.join(folder, name[:-5] + "-report.json"))
            runs.append({"cells": int(m[1]), "x": m[2], "measured": took, "report": rep,
                         "peak_rss_bytes": max(took["peak_rss_bytes"], rep["peak_rss_bytes"])})
    runs.sort(key=lambda r: (r["x"] != "none", r["cells"]))
    if not runs:
        sys.exit("scale.py: no run was measured")
    mib = 2.0**20
    bad = []
    first = {}
    print(f"{'cells':>9} {'X':8}{'s':>9}{'cells/s':>10}{'ledger':>10}{'peak RSS':>10}{'scratch':>10}{'s per cell':>12}")
    for r in runs:
        s, rep = r["measured"]["seconds"], r["report"]
        per = s / r["cells"]
        base = first.setdefault(r["x"], {"per": per, "rss": []})
        # A run whose cache fits in memory takes less than its budget: growth is
        # looked for among those that have filled it.
        if rep["scratch_bytes"] > 0:
            base["rss"].append(r["peak_rss_bytes"] - r["cells"] * BYTES_PER_CELL)
        print(f"{r['cells']:9} {r['x']:8}{s:9.1f}{r['cells'] / s:10.0f}{rep['peak_bytes'] / mib:6.0f} MiB{r['peak_rss_bytes'] / mib:6.0f} MiB"
              f"{rep['scratch_bytes'] / mib:6.0f} MiB{per / base['per']:11.2f}x")
        if r["peak_rss_bytes"] > limit:
            bad.append(f"{r['cells']} cells, X {r['x']}: peak {r['peak_rss_bytes'] / mib:.0f} MiB is above {limit / mib:.0f}")
    for x, b in first.items():
        if b["rss"] and max(b["rss"]) > 1.1 * b["rss"][0]:
            bad.append(f"X {x}: peaks without the cells' own results grow by more than 10%: " + ", ".join(f"{v / mib:.0f} MiB" for v in b["rss"]))
    with open(out, "w") as f:
        json.dump(runs, f, indent=1)
    print("wrote", out)
    for b in bad:
        print("scale.sh:", b, file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
