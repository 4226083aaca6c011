"""Runs one command and writes what it took as JSON. Standard library only.

    measure.py OUT.json [--runs N] [--name NAME] [--warm FILE] -- COMMAND...

Of N runs the one with the median time is kept, and the times of all. {i} in the
command is the number of the run. Time is from the start of the process to its
end; memory is the largest resident size that the kernel saw (ru_maxrss).
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import time


def once(command):
    load = os.getloadavg()[0]
    start = time.perf_counter()
    child = subprocess.Popen(command)
    try:
        _, status, use = os.wait4(child.pid, 0)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"measure.py: exit status {child.returncode} of {' '.join(command)}")
    return {
        "seconds": seconds,
        "user_seconds": use.ru_utime,
        "system_seconds": use.ru_stime,
        "peak_rss_bytes": use.ru_maxrss * 1024,
        "load_before": load,
    }


def warm(path):
    """Puts a file into the page cache, so that every candidate finds it there."""
    with open(path, "rb", buffering=0) as f:
        buf = bytearray(1 << 20)
        while f.readinto(buf):
            pass


def main():
    split = sys.argv.index("--") if "--" in sys.argv else sys.exit(__doc__)
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("out")
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--name", default="")
    p.add_argument("--warm")
    a = p.parse_args(sys.argv[1:split])
    command = sys.argv[split + 1 :]
    if a.warm:
        warm(a.warm)
    runs = []
    for i in range(a.runs):
        r = once([c.replace("{i}", str(i)) for c in command])
        r["run"] = i
        runs.append(r)
    runs.sort(key=lambda r: r["seconds"])
    best = dict(runs[(len(runs) - 1) // 2])
    best["name"] = a.name
    best["all_seconds"] = sorted(r["seconds"] for r in runs)
    best["peak_rss_bytes"] = max(r["peak_rss_bytes"] for r in runs)
    best["measured_at"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    with open(a.out + ".part", "w") as f:
        json.dump(best, f, indent=1)
    os.replace(a.out + ".part", a.out)


if __name__ == "__main__":
    main()
