"""What the ledger refuses, each in a sentence that a bookkeeper understands."""

from django.db import IntegrityError


class LedgerError(Exception):
    """The ledger refuses; nothing was posted."""


class Unbalanced(LedgerError):
    """The lines of an entry do not sum to zero in each book, or there are none."""


class NotCents(LedgerError):
    """An amount is no whole count of cents, or nothing at all."""


class KeyReused(LedgerError):
    """A key came back with other facts; the message names them."""


class PeriodClosed(LedgerError):
    """The day lies in a closed period; ledger.queries.dated_for says which day to take."""


class PeriodOutOfOrder(LedgerError):
    """Periods follow one another without a gap, and close in that order."""


class Overdrawn(LedgerError):
    """Money would go out of a book that owes somebody more than it holds for them."""


class AlreadyReversed(LedgerError):
    """The entry has a reversal; the message names it."""


class NotItsMirror(LedgerError):
    """The lines of a reversal are not those of its entry with the other sign."""


class WrongParty(LedgerError):
    """Book, account and beneficiary do not belong together."""


class WrongKind(LedgerError):
    """An entry of this kind may not do this."""


class WrongText(LedgerError):
    """A key or memo does not fit."""


_BY_CONSTRAINT: dict[str, type[LedgerError]] = {
    "ledger_entry_balances": Unbalanced,
    "ledger_entry_has_lines": Unbalanced,
    "line_moves_money": NotCents,
    "ledger_period_is_open": PeriodClosed,
    "ledger_adjusts_closed_period": PeriodOutOfOrder,
    "ledger_period_follows": PeriodOutOfOrder,
    "ledger_nobody_overdrawn": Overdrawn,
    "ledger_reversal_mirrors": NotItsMirror,
    "ledger_one_entity": WrongParty,
    "ledger_line_parents": WrongParty,
    "ledger_book_takes_account": WrongParty,
    "ledger_claim_names_beneficiary": WrongParty,
    "ledger_only_claims_name_beneficiary": WrongParty,
    "ledger_cash_out_kind": WrongKind,
    "ledger_opening_comes_first": WrongKind,
    "reversal_names_its_entry": WrongKind,
    "entry_kind_known": WrongKind,
}
_IN_OTHER_WORDS = {
    "line_moves_money": "a line of nothing is not posted",
    "reversal_names_its_entry": "a reversal is posted with ledger.services.reverse",
    "entry_kind_known": "the ledger knows no such kind of entry",
}


def constraint_of(error: IntegrityError) -> str:
    """The name of the constraint that PostgreSQL kept, or "" where it names none."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""


def refusal_of(error: IntegrityError) -> LedgerError | None:
    """The ledger's own error for a refusal of PostgreSQL; None where it has none."""
    name = constraint_of(error)
    if name not in _BY_CONSTRAINT:
        return None
    diagnosis = getattr(error.__cause__, "diag", None)
    said = _IN_OTHER_WORDS.get(name) or getattr(diagnosis, "message_primary", None) or str(error)
    return _BY_CONSTRAINT[name](said)
