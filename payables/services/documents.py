"""Keep files that people give us: known by what they are, not by what they are called."""

import hashlib
from pathlib import PurePath

from django.db import transaction

from payables.errors import WrongFile
from payables.models import Document

MOST_BYTES = 10 * 1024 * 1024
# The first bytes of each kind of file: PDF (ISO 32000-1, 7.5.2), JPEG (ISO 10918-1, SOI and the
# next marker), PNG (ISO 15948, 5.2).
_SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)


def content_type_of(body: bytes) -> str:
    """What a file is by its first bytes. Raises WrongFile if it is no PDF, JPEG or PNG."""
    for signature, content_type in _SIGNATURES:
        if body.startswith(signature):
            return content_type
    raise WrongFile("The file is no PDF, JPEG or PNG, whatever its name says.")


@transaction.atomic
def keep_document(
    *, entity_id: int, name: str, body: bytes, made_by_id: int | None = None
) -> Document:
    """Keep a file once: the same bytes in the same company are the same document.

    Raises WrongFile for one that is empty, larger than ten megabytes, or of another kind.
    """
    if not body:
        raise WrongFile("The file is empty.")
    if len(body) > MOST_BYTES:
        raise WrongFile(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
    document, _ = Document.objects.get_or_create(
        entity_id=entity_id,
        sha256=hashlib.sha256(body).hexdigest(),
        defaults={
            "name": PurePath(name.replace("\\", "/")).name[-200:] or "file",
            "content_type": content_type_of(body),
            "size": len(body),
            "body": body,
            "made_by_id": made_by_id,
        },
    )
    return document
