"""Runbooks as checklists that can be believed: plan, gate, execute, read back, prove."""

__version__ = "0.1.0"
