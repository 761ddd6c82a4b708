"""Pages of rent collection, one file for each part of it."""

from receivables.views.typed import (
    import_draft,
    make_slip,
    show_draft,
    take_check,
    upload_portfolio,
)

__all__ = ["import_draft", "make_slip", "show_draft", "take_check", "upload_portfolio"]
