"""What reconciliation does: keep and import bank files, match lines, answer one, and undo it."""

from reconciliation.services.answers import (
    Why,
    book_fee,
    correct_amount,
    count_apart,
    count_once,
    doubt_again,
    match_lines,
    put_into_suspense,
    receive_from,
    repay,
    reverse_entry,
    take_back,
    transfer,
    undo_answer,
)
from reconciliation.services.files import (
    default_entity,
    import_file,
    set_aside,
    store_file,
    try_again,
)
from reconciliation.services.matches import (
    NewMatch,
    match,
    match_many,
    name_repetition,
    undo_match,
    undo_repetition,
)
from reconciliation.services.matching import match_account

__all__ = [
    "NewMatch",
    "Why",
    "book_fee",
    "correct_amount",
    "count_apart",
    "count_once",
    "default_entity",
    "doubt_again",
    "import_file",
    "match",
    "match_account",
    "match_lines",
    "match_many",
    "name_repetition",
    "put_into_suspense",
    "receive_from",
    "repay",
    "reverse_entry",
    "set_aside",
    "store_file",
    "take_back",
    "transfer",
    "try_again",
    "undo_answer",
    "undo_match",
    "undo_repetition",
]
