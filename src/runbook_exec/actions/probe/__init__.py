"""Services as their clients see them: from outside, by a connection of our own. Reads only.

`services` (the file that names them) → `outside` (one look: does it answer, which certificate) →
`provider` (the session that reads) → `watch` (looking for a while, after a repair).
"""

from runbook_exec.actions.probe import provider, watch

__all__ = ["provider", "watch"]
