"""The packet: a statement and the papers behind its lines in one PDF."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import pikepdf
from django.template.loader import render_to_string
from PIL import Image, ImageOps

from payables.models import Document
from statements.models import OwnerStatement
from statements.owners.stored import rows_of
from statements.owners.types import DocumentRow, OwnerStatementRows
from statements.pdf import lay_out

# What mail servers commonly take, less a third for their encoding.
MOST_BYTES = 15 * 1024 * 1024
MOST_PAGES = 400
# A photographed bill is read at 200 dots an inch across a letter page.
_MOST_PIXELS = 2000
_LETTER = (612, 792)  # Points: 8.5 by 11 inches.
_MARGIN = 36
_CONTENTS = "packet.json"


@dataclass(frozen=True, slots=True)
class Placed:
    """A document in the packet with its pages, or the reason why it is left out."""

    row: DocumentRow
    first_page: int = 0
    last_page: int = 0
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Packet:
    """One PDF, and what became of each document of the statement."""

    body: bytes
    documents: Sequence[Placed]

    @property
    def left_out(self) -> list[Placed]:
        """The documents that are not in it."""
        return [each for each in self.documents if each.why_not]


class _LeftOut(Exception):
    """A document that is not put into a packet; the message says why."""


def packet(statement: OwnerStatement) -> Packet:
    """The statement as published, a list of the documents, then each of them in order.

    Documents beyond MOST_BYTES or MOST_PAGES, those that cannot be opened, and bills that name
    other owners' properties are listed with the reason instead. Pages are taken without their
    scripts, links and forms. The same statement gives the same bytes. Raises CannotLayOut without
    Pango.
    """
    rows = rows_of(statement)
    with pikepdf.new() as out, pikepdf.open(io.BytesIO(bytes(statement.pdf or b""))) as own:
        out.pages.extend(own.pages)
        before = len(out.pages)
        with pikepdf.new() as papers:
            placed = _collect(rows.documents, papers)
            contents, placed = _contents(rows, placed, before)
            with pikepdf.open(io.BytesIO(contents)) as listing:
                out.pages.extend(listing.pages)
            out.pages.extend(papers.pages)
        _add_outline(out, placed, before)
        written = io.BytesIO()
        out.save(written, deterministic_id=True, linearize=False)
    return Packet(written.getvalue(), placed)


def _collect(rows: Sequence[DocumentRow], papers: pikepdf.Pdf) -> list[Placed]:
    """Put the pages of documents one after another; pages are counted from 1 here."""
    bodies = Document.objects.in_bulk([row.document_id for row in rows])
    placed, size = [], 0
    for row in rows:
        document = bodies.get(row.document_id)
        try:
            if row.is_shared:
                raise _LeftOut("it also bills properties of other owners")
            if document is None or document.sha256 != row.sha256:
                raise _LeftOut("it is not stored any more")
            if size + row.size > MOST_BYTES:
                raise _LeftOut(f"the packet would be larger than {MOST_BYTES // 1024**2} MB")
            first = len(papers.pages) + 1
            _append(papers, bytes(document.body), row.kind)
        except _LeftOut as reason:
            placed.append(Placed(row, why_not=str(reason)))
            continue
        size += row.size
        placed.append(Placed(row, first, len(papers.pages)))
    return placed


def _append(papers: pikepdf.Pdf, body: bytes, kind: str) -> None:
    source = body if kind == "application/pdf" else _picture_page(body)
    try:
        with pikepdf.open(io.BytesIO(source)) as opened:
            count = len(opened.pages)
            if not count:
                raise _LeftOut("it has no pages")
            if len(papers.pages) + count > MOST_PAGES:
                raise _LeftOut(f"the packet would have more than {MOST_PAGES} pages")
            for page in opened.pages:
                for name in ("/Annots", "/AA"):
                    if name in page:
                        del page[name]
            papers.pages.extend(opened.pages)
    except pikepdf.PasswordError:
        raise _LeftOut("it is locked with a password") from None
    except pikepdf.PdfError:
        raise _LeftOut("it cannot be opened as a PDF") from None


def _picture_page(body: bytes) -> bytes:
    """A JPEG or PNG in the middle of a letter page."""
    try:
        with Image.open(io.BytesIO(body), formats=("JPEG", "PNG")) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        picture.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
        written = io.BytesIO()
        picture.save(written, "PDF")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise _LeftOut("it cannot be opened as a picture") from None
    with pikepdf.open(io.BytesIO(written.getvalue())) as source, pikepdf.new() as made:
        _, _, wide, high = (float(part) for part in source.pages[0].mediabox)
        room = [side - 2 * _MARGIN for side in _LETTER]
        scale = min(room[0] / wide, room[1] / high)
        left, below = (_LETTER[0] - wide * scale) / 2, (_LETTER[1] - high * scale) / 2
        page = made.add_blank_page(page_size=_LETTER)
        form = made.copy_foreign(source.pages[0].as_form_xobject())
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Picture=form))
        place = f"q {scale:.5f} 0 0 {scale:.5f} {left:.2f} {below:.2f} cm /Picture Do Q"
        page.Contents = made.make_stream(place.encode())
        out = io.BytesIO()
        made.save(out, deterministic_id=True)
    return out.getvalue()


def _contents(
    rows: OwnerStatementRows, placed: Iterable[Placed], before: int
) -> tuple[bytes, list[Placed]]:
    """The list of documents with the pages where they stand, itself counted.

    A list that grows by a page moves what it lists, so that it is laid out until it fits.
    """
    length = 1
    while True:
        shifted = [
            each
            if each.why_not
            else Placed(
                each.row, each.first_page + before + length, each.last_page + before + length
            )
            for each in placed
        ]
        html = render_to_string(
            "statements/owner_packet.html", {"cover": rows.cover, "documents": shifted}
        )
        facts = json.dumps([asdict(each) for each in shifted], sort_keys=True).encode()
        known_at = datetime.fromisoformat(rows.cover.known_at)
        listing = lay_out(html, {_CONTENTS: facts}, main=_CONTENTS, known_at=known_at)
        with pikepdf.open(io.BytesIO(listing)) as opened:
            if len(opened.pages) <= length:
                return listing, shifted
            length = len(opened.pages)


def _add_outline(out: pikepdf.Pdf, placed: Iterable[Placed], before: int) -> None:
    with out.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem("Statement", 0))
        outline.root.append(pikepdf.OutlineItem("Documents", before))
        for each in placed:
            if not each.why_not:
                title = f"{each.row.number} {each.row.what}"
                outline.root.append(pikepdf.OutlineItem(title, each.first_page - 1))
