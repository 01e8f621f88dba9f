"""What starting the command costs, against importing what any such command needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from harness import Ratio, paired

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).with_name("runbook"))


def measure() -> Iterator[Ratio]:
    for argument in ("--help", "list"):
        yield paired(
            f"`runbook {argument}`",
            lambda argument=argument: _run(COMMAND, argument),
            lambda: _run(sys.executable, "-c", "import click, yaml"),
            against='`python -c "import click, yaml"`',
            at_most=2.5,
            runs=15,
        )


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
