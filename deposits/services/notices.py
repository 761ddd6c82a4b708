"""Papers that the law asks for: planned by rule, written as a letter, sent with proof."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction

from compliance import rules
from compliance.errors import ComplianceError
from compliance.interest import periods
from compliance.types import CountsFrom, DepositNoticeRule, Rule, Unknown
from deposits import law, letters
from deposits.errors import AlreadyDone, DepositsError
from deposits.models import Deposit, Notice, Question
from deposits.services.accounts import ensure_deposits
from deposits.services.files import checked
from deposits.services.move_outs import claim_was_sent
from deposits.types import Asked
from desk.models import User
from desk.services import record

_Kind = Notice.Kind
_FIRST_PAPERS: tuple[tuple[str, Callable[..., DepositNoticeRule]], ...] = (
    (_Kind.RECEIPT, rules.deposit_receipt),
    (_Kind.BANK, rules.deposit_bank_notice),
    (_Kind.CONDITION, rules.deposit_condition),
)


@dataclass(frozen=True, slots=True)
class _Planned:
    deposit: Deposit
    kind: str
    event_on: date
    due_on: date
    counted_how: str
    rule: Rule
    content: str


@transaction.atomic
def plan_notices(
    entity_id: int, *, on: date, lease_ids: Collection[int] | None = None
) -> tuple[int, int]:
    """Plan the papers of every deposit by its state's rules; how many are new, and questions.

    However often it runs, a deposit has one paper of a kind for an event; one that was sent stays.
    Deposits brought forward at the cut-over got their first papers elsewhere. A rule or fact that
    nobody knows becomes a question. A handful of queries, however many deposits.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('deposit notices', %s))", [entity_id]
        )
    ensure_deposits(entity_id, lease_ids=lease_ids)
    rows = Deposit.objects.filter(
        entity=entity_id,
        state=Deposit.State.HELD,
        holder=Deposit.Holder.TRUST,
        taken_on__isnull=False,
    ).select_related("lease__unit__property", "book")
    if lease_ids is not None:
        rows = rows.filter(lease__in=lease_ids)
    deposits = list(rows.order_by("id"))
    known = law.known_of(deposits)
    planned: list[_Planned] = []
    asked: list[tuple[Deposit, Asked]] = []
    for deposit in deposits:
        for found in _papers_of(deposit, known.of(deposit, on=on), on):
            if isinstance(found, Asked):
                asked.append((deposit, found))
            else:
                planned.append(found)
    _keep_questions(deposits, asked, on)
    return _make(planned), len(asked)


def _papers_of(deposit: Deposit, facts: law.Facts, on: date) -> Iterator[_Planned | Asked]:
    state = law.state_of(deposit)
    if not deposit.is_brought_forward:
        for kind, rule_of in _FIRST_PAPERS:
            try:
                found = _first_paper(deposit, kind, rule_of(state, on=on, facts=facts))
            except ComplianceError as refusal:
                yield law.asked(kind, refusal)
            else:
                if found is not None:
                    yield found
    try:
        yield from _statements(deposit, facts, on)
    except ComplianceError as refusal:
        yield law.asked(_Kind.INTEREST, refusal)


def _first_paper(deposit: Deposit, kind: str, rule: DepositNoticeRule) -> _Planned | None:
    if rule.known(rule.days, "the days for it") is None:
        return None
    start = rule.known(rule.counts_from, "from when its days are counted")
    event_on = _event_day(deposit, start)
    deadline = rules.notice_deadline(rule, event_on)
    assert deadline is not None
    return _Planned(
        deposit, kind, event_on, deadline.due_on, deadline.counted_how, rule, _text(rule.content)
    )


def _event_day(deposit: Deposit, start: CountsFrom | None) -> date:
    """The day of the event that starts the clock.

    The day a deposit was banked is the day its money came into the books, and the day of signing,
    which nobody records, is taken as the first day of the lease.
    """
    assert deposit.taken_on is not None
    begins = deposit.lease.starts_on
    if start is CountsFrom.START:
        return max(begins, deposit.taken_on)
    if start is CountsFrom.SIGNING:
        return begins
    return (
        deposit.banked_on or deposit.taken_on if start is CountsFrom.BANKING else deposit.taken_on
    )


def _statements(deposit: Deposit, facts: law.Facts, on: date) -> Iterator[_Planned]:
    """A yearly statement for each year of the tenancy that ended while we held the deposit."""
    rule = rules.deposit_statement(law.state_of(deposit), on=on, facts=facts)
    if not rule.known(rule.is_yearly, "whether a yearly statement is asked for"):
        return
    assert deposit.banked_on is not None
    starts = deposit.lease.starts_on
    for each in periods(starts, on) if starts <= on else []:
        if each.is_whole and each.last >= deposit.banked_on:
            how = "at the end of each year of the tenancy"
            yield _Planned(
                deposit, _Kind.INTEREST, each.last, each.last, how, rule, _text(rule.content)
            )


def _make(planned: list[_Planned]) -> int:
    before = set(
        Notice.objects.filter(deposit__in={each.deposit.pk for each in planned}).values_list(
            "deposit_id", "kind", "event_on"
        )
    )
    new = [each for each in planned if (each.deposit.pk, each.kind, each.event_on) not in before]
    Notice.objects.bulk_create(
        [
            Notice(
                deposit=each.deposit,
                kind=each.kind,
                event_on=each.event_on,
                due_on=each.due_on,
                counted_how=each.counted_how[:200],
                citation=each.rule.source.citation[:300],
                is_confirmed=each.rule.source.is_confirmed,
                content=each.content,
            )
            for each in new
        ],
        batch_size=1000,
        ignore_conflicts=True,
    )
    return len(new)


def _keep_questions(
    deposits: Collection[Deposit], asked: Collection[tuple[Deposit, Asked]], on: date
) -> None:
    topics = [kind for kind, _ in _FIRST_PAPERS] + [_Kind.INTEREST + " statement"]
    kept = {(deposit.pk, _topic(each)) for deposit, each in asked}
    standing = Question.objects.filter(
        deposit__in=[each.pk for each in deposits], topic__in=topics
    ).values_list("id", "deposit_id", "topic")
    gone = [pk for pk, deposit_id, topic in standing if (deposit_id, topic) not in kept]
    Question.objects.filter(pk__in=gone).delete()
    Question.objects.bulk_create(
        [
            Question(
                deposit=deposit, topic=_topic(each), fact=each.fact, text=each.text, asked_on=on
            )
            for deposit, each in asked
        ],
        update_conflicts=True,
        unique_fields=["deposit", "topic"],
        update_fields=["fact", "text"],
    )


def _topic(asked: Asked) -> str:
    # The interest itself has questions of its own.
    return f"{asked.topic} statement" if asked.topic == _Kind.INTEREST else asked.topic


def _text(value: str | Unknown | None) -> str:
    return "" if isinstance(value, Unknown) or value is None else value


@transaction.atomic
def send_notice(
    notice: Notice,
    *,
    sent_on: date,
    how: str,
    letter: bytes | None = None,
    actor_id: int | None = None,
) -> Notice:
    """Record that a paper went out: the day, the way, and the letter as it was.

    The same again changes nothing; another day or way raises AlreadyDone. A notice of claim starts
    the tenant's days to object.
    """
    held = (
        Notice.objects.select_for_update(of=("self",))
        .select_related("deposit__lease")
        .get(pk=notice.pk)
    )
    if how not in Notice.How.values:
        raise DepositsError(f"{how!r} is no way of sending a notice")
    if sent_on < held.event_on and held.kind not in (_Kind.CONDITION, _Kind.TRANSFER):
        raise DepositsError(
            f"the notice is about {held.event_on:%b %-d, %Y}; it was not sent before that day"
        )
    if held.sent_on is not None:
        if (held.sent_on, held.how) == (sent_on, how):
            return held
        raise AlreadyDone(f"{held} was sent on {held.sent_on:%b %-d, %Y} already")
    held.sent_on, held.how, held.letter, held.sent_by_id = sent_on, how, letter, actor_id
    held.save(update_fields=["sent_on", "how", "letter", "sent_by"])
    _told(held, "send notice", f"on {sent_on:%b %-d, %Y} by {held.get_how_display()}", actor_id)
    if held.kind == _Kind.CLAIM:
        claim_was_sent(held)
    if held.kind == _Kind.DISPOSITION:
        held.deposit.move_outs.filter(state="settled", moved_out_on=held.event_on).update(
            letter_sent_on=sent_on
        )
    return held


def send_with_letter(
    row: Notice, *, sent_on: date, how: str, actor_id: int | None = None
) -> Notice:
    """Record that a paper went out, and keep its letter as it was on that day."""
    company = row.deposit.entity
    letter = None if row.sent_on else letters.pdf_of(letters.notice(row, on=sent_on), company)
    return send_notice(row, sent_on=sent_on, how=how, letter=letter, actor_id=actor_id)


@transaction.atomic
def add_proof(notice: Notice, *, name: str, body: bytes, actor_id: int | None = None) -> Notice:
    """Keep the proof that a paper went out, as a certified-mail slip. Raises BadFile."""
    proof = checked(name, body)
    held = (
        Notice.objects.select_for_update(of=("self",))
        .select_related("deposit__lease")
        .get(pk=notice.pk)
    )
    held.proof_name, held.proof_type, held.proof = proof.name, proof.content_type, proof.body
    held.save(update_fields=["proof_name", "proof_type", "proof"])
    _told(held, "add proof", proof.name, actor_id)
    return held


def _told(notice: Notice, verb: str, text: str, actor_id: int | None) -> None:
    actor = User.objects.filter(pk=actor_id).first() if actor_id else None
    record(
        verb,
        text=f"{notice}: {text}",
        subject=notice,
        entity_id=notice.deposit.entity_id,
        actor=actor,
    )
