"""CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
import unicodedata

from runbook_exec.audit.tables import Table

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def safe(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet could compute it; nothing else is changed."""
    first = unicodedata.normalize("NFKC", cell[:1].strip() or cell.lstrip()[:1])
    return f"'{cell}" if cell[:1] in _FORMULA or first in _FORMULA else cell


def csv_text(table: Table) -> str:
    """The table by RFC 4180, every cell quoted, CRLF at the end of a line, and a mark for spreadsheets that it is UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([safe(cell) for cell in table.headings])
    writer.writerows([safe(cell) for cell in row] for row in table.rows)
    return "\ufeff" + out.getvalue()
