"""Keys of journal entries that are made of other keys."""

import hashlib

# Of ledger.models.Entry.key.
KEY_SIZE = 200


def joined(*parts: str) -> str:
    """Keys joined by a colon; where that is too long, the last part's digest stands for it.

    A key is never cut short: two long keys that begin alike would become one.
    """
    key = ":".join(parts)
    if len(key) <= KEY_SIZE:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: KEY_SIZE - len(digest) - 1]}:{digest}"
