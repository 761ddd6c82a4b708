"""Fetch what is open on a bank account, as columns, with a handful of queries whatever its size."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from reconciliation import identity
from reconciliation.matching.facts import Open, OpenBankLine, OpenMoney, normal
from reconciliation.models import BankLine

# The book's open cash lines, each with whatever may identify it at the bank. The opening balance
# itself is answered by the first statement; an entry and its reversal answer one another, and the
# reversal of a reversal stands for the entry again. So do a stale check and what set its money
# aside: the bank sees neither.
_MONEY = """
    WITH RECURSIVE open AS MATERIALIZED (
        SELECT line.line_id AS id, line.entry_id, line.book_id, line.dated_on, line.amount
        FROM ledger_bankaccount AS bank
        JOIN reconciliation_openline AS line ON line.book_id = bank.book_id
        WHERE bank.id = %(account)s
    ), named AS (
        SELECT open.id, open.entry_id, coalesce(entry.reverses_id, kept.entry_id) AS reverses_id
        FROM open JOIN ledger_entry AS entry ON entry.id = open.entry_id
        LEFT JOIN payments_payment AS kept
            ON kept.back_entry_id = open.entry_id AND kept.state = 'unclaimed'
    ), chain AS (
        SELECT id, entry_id, 0 AS place FROM named
        WHERE NOT EXISTS (SELECT FROM named AS first WHERE first.entry_id = named.reverses_id)
        UNION ALL
        SELECT named.id, named.entry_id, chain.place + 1
        FROM chain JOIN named ON named.reverses_id = chain.entry_id
    )
    SELECT open.id, open.entry_id, open.dated_on, open.amount, entry.kind, entry.memo,
        slip.number, remittance.trace, remittance.vendor_id,
        receipt.trace, receipt.payment, receipt.number, receipt.batch, receipt.payer,
        coalesce(comeback.batch, agency.number), comeback.key, comeback.reference,
        returned.trace, returned.payer,
        item.number, item.kind, item.party, item.dated_on,
        paid.number, paid.batch, paid.settles_on, paid.trace, paid.id_number, paid.payee,
        asked.vendor_id, back.back_batch, back.trace, back.id_number, back.payee
    FROM open
    JOIN chain ON chain.id = open.id AND chain.place %% 2 = 0
    JOIN ledger_entry AS entry ON entry.id = open.entry_id
    LEFT JOIN receivables_depositslip AS slip ON slip.entry_id = open.entry_id
    LEFT JOIN receivables_remittance AS remittance
        ON open.entry_id IN (remittance.entry_id, remittance.failed_entry_id)
    LEFT JOIN receivables_receipt AS receipt ON receipt.entry_id = open.entry_id
    LEFT JOIN receivables_comeback AS comeback ON comeback.entry_id = open.entry_id
    LEFT JOIN receivables_receipt AS returned ON returned.id = comeback.receipt_id
    LEFT JOIN receivables_openingitem AS item ON item.entry_id = open.entry_id
    LEFT JOIN receivables_subsidyline AS recouped ON recouped.entry_id = open.entry_id
    LEFT JOIN receivables_subsidyremittance AS agency ON agency.id = recouped.remittance_id
    LEFT JOIN payments_payment AS paid
        ON paid.entry_id = open.entry_id AND paid.book_id = open.book_id
    LEFT JOIN connectors_request AS asked ON asked.id = paid.request_id
    LEFT JOIN payments_payment AS back
        ON back.back_entry_id = open.entry_id AND back.book_id = open.book_id
    WHERE NOT (entry.kind = 'opening' AND item.id IS NULL)
      AND NOT EXISTS (SELECT FROM named AS next WHERE next.reverses_id = open.entry_id)
    ORDER BY open.id
"""


def load(bank_account_id: int) -> Open:
    """All open bank lines and all open money of an account."""
    return Open(bank_account_id, open_lines(bank_account_id), open_money(bank_account_id))


def open_lines(bank_account_id: int) -> list[OpenBankLine]:
    """The account's final bank lines without a match, from the day its book begins."""
    begins_on = begins(bank_account_id)
    rows = BankLine.objects.filter(
        bank_account_id=bank_account_id, is_matched=False, repeats__isnull=True
    )
    if begins_on is not None:
        rows = rows.filter(posted_on__gt=begins_on)
    return [
        _bank_line(*row)
        for row in rows.order_by("posted_on", "id").values_list(
            "id", "posted_on", "amount", "type", "check_number", "bank_reference",
            "customer_reference", "description",
        )
    ]  # fmt: skip


def begins(bank_account_id: int) -> date | None:
    """The day of the account's opening balance; what the bank did before it is in that balance."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(entry.dated_on)
            FROM ledger_bankaccount AS bank
            JOIN ledger_book AS book ON book.id = bank.book_id
            JOIN ledger_entry AS entry
                ON entry.entity_id = book.entity_id AND entry.kind = 'opening'
            JOIN ledger_line AS line ON line.entry_id = entry.id AND line.book_id = book.id
            JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
            WHERE bank.id = %s
              AND NOT EXISTS (SELECT FROM receivables_openingitem AS i WHERE i.entry_id = entry.id)
              AND NOT EXISTS (SELECT FROM ledger_entry AS u WHERE u.reverses_id = entry.id)
            """,
            [bank_account_id],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _bank_line(
    id_: int, on: date, amount: Decimal, type_: str, check: str, bank: str, customer: str, text: str
) -> OpenBankLine:
    tokens = identity.tokens(check, bank, customer, text)
    fields = frozenset(normal(field) for field in (check, bank, customer) if field)
    return OpenBankLine(
        id=id_,
        posted_on=on,
        cents=_cents(amount),
        type=type_,
        check_number=check,
        text=text,
        fields=fields,
        tokens=frozenset(map(normal, tokens)) | fields,
        words=identity.words(tokens),
    )


def open_money(bank_account_id: int) -> list[OpenMoney]:
    """The account's open cash lines, single and in batches."""
    with connection.cursor() as cursor:
        cursor.execute(_MONEY, {"account": bank_account_id})
        rows = cursor.fetchall()
    money: list[OpenMoney] = []
    batches: dict[tuple[str, str, int], list[OpenMoney]] = defaultdict(list)
    for row in rows:
        single, batch = _single(row)
        money.append(single)
        if batch:
            batches[single.what, batch, 1 if single.cents > 0 else -1].append(single)
    for (what, batch, _), members in batches.items():
        money.append(_group(what, batch, members))
    return [*money, *_net_batches(batches)]


def _net_batches(
    batches: Mapping[tuple[str, str, int], Sequence[OpenMoney]],
) -> list[OpenMoney]:
    """Batches of receipts from which the payer kept something: a housing agency that takes money
    back sends what is left, as one credit."""
    coming: dict[str, list[OpenMoney]] = defaultdict(list)
    going: dict[str, list[OpenMoney]] = defaultdict(list)
    for (what, batch, sign), members in batches.items():
        if what == "receipt" and sign > 0:
            coming[batch] += members
        elif what == "return":
            going[batch] += members
    return [
        _group("receipt", batch, [*members, *going[batch]])
        for batch, members in coming.items()
        if batch in going
    ]


def _single(row: Sequence[Any]) -> tuple[OpenMoney, str]:
    (
        id_, entry_id, dated_on, amount, kind, memo, slip, transfer_trace, transfer_id,
        trace, payment, _number, batch, payer, back_batch, back_key, back_reference, back_trace,
        back_payer, item_number, item_kind, item_party, item_on,
        *paying,
    ) = row  # fmt: skip
    if (made := _payment(id_, entry_id, dated_on, amount, memo, paying)) is not None:
        return made
    keys: dict[str, frozenset[str]] = {}
    what, label, who = kind, memo, ""
    if transfer_id:
        what, keys["remittance"] = "remittance", _keys(transfer_trace, transfer_id)
    elif slip:
        what, keys["slip"] = "slip", _keys(slip)
    elif item_number:
        what, who = "opening item", item_party
        keys["check" if item_kind == "check" else "slip"] = _keys(item_number)
        label = f"{item_number} {item_party}".strip()
    elif back_key is not None:
        what, who = "return", back_payer
        keys["trace"] = _keys(back_trace, back_reference, *_identifiers(back_key))
    elif trace is not None:
        what, who = "receipt", payer
        keys["trace"] = _keys(trace, payment)
        label = f"{payer} {memo}".strip() if payer and payer not in memo else memo
    words = identity.words(identity.tokens(who))
    single = OpenMoney(
        (id_,), item_on or dated_on, _cents(amount), what, keys, label, words, entry_id
    )
    return single, batch or back_batch or ""


def _payment(
    id_: int, entry_id: int, dated_on: date, amount: Decimal, memo: str, row: Sequence[Any]
) -> tuple[OpenMoney, str] | None:
    """A payment of ours, or one that came back, with its batch; None for any other money.

    A file reaches the bank as one debit on the day it settles, whenever its payments were posted.
    """
    (
        number, batch, settles_on, trace, id_number, payee, vendor_id,
        back_batch, back_trace, back_id_number, back_payee,
    ) = row  # fmt: skip
    keys: dict[str, frozenset[str]] = {}
    if payee is not None:
        what, who, day = "payment", payee, settles_on or dated_on
        if number:
            keys["check"] = frozenset({normal(number)})
        keys["trace"] = _keys(trace, id_number, vendor_id)
    elif back_payee is not None:
        what, who, day, batch = "payment back", back_payee, dated_on, back_batch
        keys["trace"] = _keys(back_trace, back_id_number)
    else:
        return None
    words = identity.words(identity.tokens(who))
    single = OpenMoney((id_,), day, _cents(amount), what, keys, memo, words, entry_id)
    return single, batch or ""


def _group(what: str, batch: str, members: Sequence[OpenMoney]) -> OpenMoney:
    names = {
        "receipt": "receipts",
        "return": "returns",
        "payment": "payments",
        "payment back": "payments that came back",
    }
    count = len(members)
    return OpenMoney(
        line_ids=tuple(sorted(id_ for each in members for id_ in each.line_ids)),
        dated_on=max(each.dated_on for each in members),
        cents=sum(each.cents for each in members),
        what=f"{what} batch",
        # Our own files' batches begin with the company id that the bank prints:
        # 1840000000:2026-08-03:1.
        keys={"batch": _keys(batch), "company": _keys(batch.partition(":")[0])},
        label=f"{batch}: {count} {names.get(what, 'entries')}",
    )


def _identifiers(key: str) -> list[str]:
    """The parts of a comeback's key that a bank may print: ids and traces, no day, no code."""
    parts = key.split(":")
    return [part for part in parts if len(part) >= _IDENTIFIER and not _DAY.fullmatch(part)]


def _keys(*texts: str | None) -> frozenset[str]:
    return frozenset(normal(text) for text in texts if text and len(text.strip()) >= _SHORTEST)


_SHORTEST = 3
_IDENTIFIER = 8
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _cents(amount: Decimal) -> int:
    return int(amount.scaleb(2))


def only(open_: Open, bank_line_ids: Iterable[int]) -> Open:
    """The same with some of the bank lines alone."""
    wanted = set(bank_line_ids)
    lines = [line for line in open_.lines if line.id in wanted]
    return Open(open_.bank_account_id, lines, open_.money)
