"""Lay out checks and letters as PDF; the templates stand in templates/payments/."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.template.loader import render_to_string

from payments.errors import PaymentsError

_HERE = Path(__file__).resolve().parent
# The fonts of the printed reports; one copy in the project is enough.
_FONTS = _HERE.parent / "statements" / "fonts"
# Embedded fonts carry the moment of their subsetting unless this says otherwise; with it the same
# checks give the same bytes (reproducible-builds.org/docs/source-date-epoch).
os.environ.setdefault("SOURCE_DATE_EPOCH", "0")


class CannotLayOut(PaymentsError):
    """The system lacks what lays out pages; the message says what to install."""


def render(template: str, context: Mapping[str, Any]) -> bytes:
    """A template of ours as PDF bytes, with payments/print.css.

    Raises CannotLayOut where the system has no Pango; nothing but the layout needs it, so it is
    loaded only here.
    """
    try:
        from weasyprint import HTML
        from weasyprint.text.fonts import FontConfiguration
        from weasyprint.urls import URLFetcher
    except OSError as error:
        raise CannotLayOut(
            "Checks cannot be laid out on this machine: install Pango, as `make run` says."
        ) from error

    class OurFiles(URLFetcher):  # type: ignore[misc]
        """The style sheet and the fonts alone: no payee's text fetches anything."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not _is_ours(url):
                raise ValueError(f"a check fetches nothing from elsewhere: {url[:200]}")
            return super().fetch(url, headers)

    html = render_to_string(template, dict(context))
    document: bytes = HTML(string=html, base_url=f"{_HERE}/", url_fetcher=OurFiles()).write_pdf(
        font_config=FontConfiguration(), pdf_tags=True
    )
    return document


def _is_ours(url: str) -> bool:
    parts = urlsplit(url)
    path = Path(unquote(parts.path)).resolve()
    return (
        parts.scheme == "file"
        and not parts.netloc
        and (path == _HERE / "print.css" or path.parent == _FONTS)
    )
