"""Files that people upload as proof: pictures and PDFs, known by their first bytes."""

import hashlib
from dataclasses import dataclass

from deposits.errors import BadFile

LARGEST = 12 * 1024 * 1024
# The first bytes of each kind that is taken; what a browser shows without running anything.
_KINDS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"%PDF-", "application/pdf"),
)


@dataclass(frozen=True, slots=True)
class Proof:
    """A checked file."""

    name: str
    content_type: str
    body: bytes
    sha256: str


def checked(name: str, body: bytes) -> Proof:
    """A file that may be kept. Raises BadFile naming it and why not."""
    shown = name.replace("\\", "/").rpartition("/")[2].strip() or "file"
    if not body:
        raise BadFile(f"{shown} is empty")
    if len(body) > LARGEST:
        raise BadFile(f"{shown} is larger than {LARGEST // 1024 // 1024} MB")
    kind = next((kind for head, kind in _KINDS if body.startswith(head)), None)
    if kind is None:
        raise BadFile(f"{shown} is neither a JPEG or PNG picture nor a PDF")
    if len(shown) > 200:
        raise BadFile(f"the name of {shown[:40]}… is longer than 200 characters")
    return Proof(shown, kind, body, hashlib.sha256(body).hexdigest())
