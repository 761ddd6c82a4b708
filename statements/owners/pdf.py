"""An owner statement as PDF: archival, tagged, with its rows attached."""

from datetime import datetime

from django.template.loader import render_to_string

from statements import canonical
from statements.owners.showing import view_of
from statements.owners.types import OwnerStatementRows
from statements.pdf import attachments, lay_out

ROWS_FILE = "owner-statement.json"


def render(rows: OwnerStatementRows) -> bytes:
    """The statement as PDF bytes; the same rows give the same bytes.

    Raises CannotLayOut where the system has no Pango.
    """
    files = attachments(rows, [], ROWS_FILE)
    html = render_to_string(
        "statements/owner_statement.html",
        {"view": view_of(rows), "rows_sha256": canonical.sha256(files[ROWS_FILE])},
    )
    known_at = datetime.fromisoformat(rows.cover.known_at)
    return lay_out(html, files, main=ROWS_FILE, known_at=known_at)
