"""Run the benchmark of a room and its peers in one process: ``python benchmarks/run.py density [--size small]``.

Prints one table; the full size also writes ``benchmarks/results/<room>.json`` with the facts of the machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOMS = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "scikit-learn")
PEERS = ("esda", "igraph", "kdepy", "libkdv")


def machine() -> dict[str, Any]:
    """Return what a figure depends on: processor, cores, load, versions. No names of hosts or folders."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load_1_min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        **{found.name: found.version for found in distributions() if found.name.lower() in PEERS},
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--size", default="full", choices=("small", "full"))
    asked = parser.parse_args()
    bench = importlib.import_module(f"bench_{asked.room}")
    facts, rows = machine(), bench.run(asked.size)
    workload = ""
    for row in rows:
        if row["workload"] != workload:
            workload = row["workload"]
            print(f"\n{workload}\n{'CPU ms':>12} {'ratio':>9} {'error / max':>12}  method")
        ratio = "" if row["ratio"] is None else f"{row['ratio']:,.1f}"
        error = "" if row["max_error"] is None else f"{row['max_error']:.1e}"
        print(f"{row['cpu_s'] * 1e3:12,.1f} {ratio:>9} {error:>12}  {row['method']}")
    print("", *bench.NOTES, json.dumps(facts), sep="\n")
    if asked.size == "full":
        target = HERE / "results" / f"{asked.room}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps({"machine": facts, "notes": bench.NOTES, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
