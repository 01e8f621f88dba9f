"""Measure everything, or the parts named: `python benchmarks/run.py [start journal …]`."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))
sys.path.insert(0, str(FOLDER.parent / "tests"))

from harness import Ratio, table  # noqa: E402 - the folder has to be on the path first


def main() -> None:
    names = sys.argv[1:] or sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    found: list[Ratio] = []
    try:
        for name in names:
            began = time.perf_counter()
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            found += importlib.import_module(f"bench_{name}").measure()
            print(f"  {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        print(table(found))  # minutes of measuring are not lost to what breaks after them


if __name__ == "__main__":
    main()
