"""`python -m runbook_exec.sandbox FOLDER`: serve the rehearsal company in the foreground."""

import sys
from pathlib import Path

from runbook_exec.sandbox.server import main

main(Path(sys.argv[1]).resolve())
