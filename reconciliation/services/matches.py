"""Say that bank lines and journal lines are the same money, and take it back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ledger.errors import constraint_of
from payments import queries as queries_of_payments
from payments import services as payments
from reconciliation import locks
from reconciliation.errors import WrongMatch
from reconciliation.models import BankLine, Match

_SAID = {
    "bank_line_matched_once": "One of the bank lines is matched already.",
    "journal_line_matched_once": "One of the journal lines is matched already.",
    "match_is_exact": "The two sides do not have the same sum; client money has no tolerance.",
    "match_is_of_one_account": "The lines do not belong to one bank account.",
    "match_has_two_sides": "A match needs a bank line and a journal line.",
}


@dataclass(frozen=True, slots=True)
class NewMatch:
    """A match to make. rule: with its version; reasons: criterion to points and what it saw."""

    bank_account_id: int
    bank_line_ids: Sequence[int]
    line_ids: Sequence[int]
    rule: str
    points: int
    reasons: Mapping[str, Any] = field(default_factory=dict)
    made_by_id: int | None = None
    created_entry_id: int | None = None


def match(new: NewMatch) -> Match:
    """Make one match. Raises WrongMatch with a sentence when PostgreSQL refuses it."""
    try:
        with transaction.atomic():
            locks.hold([new.bank_account_id])
            (made_id,) = match_many([new])
            _check_now()
    except IntegrityError as error:
        raise WrongMatch(_SAID.get(constraint_of(error), str(error))) from error
    return Match.objects.get(pk=made_id)


@transaction.atomic
def match_many(new: Iterable[NewMatch]) -> list[int]:
    """Make many matches with one statement a table; their ids. The caller holds the accounts."""
    wanted = list(new)
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval('reconciliation_match_id_seq') FROM generate_series(1, %s)",
            [len(wanted)],
        )
        ids = [row[0] for row in cursor.fetchall()]
    made = list(zip(ids, wanted, strict=True))
    _copy("reconciliation_match", _MATCH, (_match_row(id_, each) for id_, each in made))
    _copy(
        "reconciliation_matchbankline",
        ("match_id", "bank_line_id", "is_live"),
        ((id_, line_id, True) for id_, each in made for line_id in each.bank_line_ids),
    )
    _copy(
        "reconciliation_matchline",
        ("match_id", "line_id", "is_live"),
        ((id_, line_id, True) for id_, each in made for line_id in each.line_ids),
    )
    _clear_payments(wanted)
    return ids


def _clear_payments(made: Sequence[NewMatch]) -> None:
    """Say of the payments among the matched journal lines that the bank has paid them."""
    payment_of = queries_of_payments.payments_of_lines(
        [line_id for each in made for line_id in each.line_ids]
    )
    if not payment_of:
        return
    days = dict(
        BankLine.objects.filter(
            pk__in=[
                id_
                for each in made
                if not payment_of.keys().isdisjoint(each.line_ids)
                for id_ in each.bank_line_ids
            ]
        ).values_list("pk", "posted_on")
    )
    by_day: dict[date, list[int]] = {}
    for each in made:
        paid = [payment_of[line_id] for line_id in each.line_ids if line_id in payment_of]
        if paid:
            by_day.setdefault(max(days[id_] for id_ in each.bank_line_ids), []).extend(paid)
    for day, payment_ids in sorted(by_day.items()):
        payments.clear(payment_ids, on=day)


_MATCH = (
    "id", "bank_account_id", "made", "made_by_id", "rule", "points", "reasons",
    "created_entry_id", "undone_why",
)  # fmt: skip


def _match_row(id_: int, new: NewMatch) -> tuple[object, ...]:
    made = Match.Made.PERSON if new.made_by_id else Match.Made.AUTOMATIC
    return (
        id_, new.bank_account_id, made.value, new.made_by_id, new.rule, new.points,
        json.dumps(dict(new.reasons)), new.created_entry_id, "",
    )  # fmt: skip


def _copy(table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with connection.cursor() as cursor, connection.wrap_database_errors:
        into = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(row)


@transaction.atomic
def undo_match(match_id: int, *, why: str, undone_by_id: int | None = None) -> Match:
    """Take a match back; its lines are open again, and the match stays to be read.

    An entry that was posted with it is not reversed here (services.answers does both).
    Raises WrongMatch if it was undone before.
    """
    made = Match.objects.select_for_update(of=("self",)).get(pk=match_id)
    if made.undone_at is not None:
        raise WrongMatch(f"Match {match_id} was undone before: {made.undone_why}")
    made.undone_at, made.undone_by_id = timezone.now(), undone_by_id
    made.undone_why = why[:300]
    made.save(update_fields=["undone_at", "undone_by", "undone_why"])
    line_ids = made.journal_sides.values_list("line_id", flat=True)
    if cleared := queries_of_payments.payments_of_lines(list(line_ids)):
        payments.unclear(list(cleared.values()))
    return made


@transaction.atomic
def name_repetition(bank_line_id: int, *, of: int) -> BankLine:
    """Say that a bank line only repeats another one, so that it counts nowhere.

    Raises WrongMatch where PostgreSQL refuses: another account or amount, or a matched line.
    """
    line = BankLine.objects.select_for_update(of=("self",)).get(pk=bank_line_id)
    if line.is_matched:
        raise WrongMatch("The bank line is matched; undo its match first.")
    line.repeats_id = of
    try:
        with transaction.atomic():
            line.save(update_fields=["repeats"])
    except IntegrityError as error:
        raise WrongMatch(
            "A line repeats only a line of the same account with the same amount."
        ) from error
    return line


def undo_repetition(bank_line_id: int) -> None:
    """Let a line count again that was named a repetition."""
    BankLine.objects.filter(pk=bank_line_id).update(repeats=None)


def _check_now() -> None:
    """Have PostgreSQL look at the new match now, so that its refusal has a place to be heard."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS reconciliation_match_is_exact IMMEDIATE")
        cursor.execute("SET CONSTRAINTS reconciliation_match_is_exact DEFERRED")
