"""For the auditor: what the journal is evidence for, and what happened beside it. Reads only."""
