"""What the desk offers for late runs and for owners who owe their trust account money."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from moneyed import Money

from desk import registry
from desk.errors import Refused
from desk.models import Approval, User
from desk.services import withdraw
from desk.types import Detail, Done, Effect, Evidence, Field, Handler, Remedy
from disbursements import findings, queries, services
from disbursements.errors import DisbursementsError
from disbursements.models import Advance, Contribution, Recovery, RecoveryStep, Run
from disbursements.types import Shortage
from ledger.errors import LedgerError
from ledger.models import Beneficiary, Book
from ledger.services import reverse as reverse_entry
from proptrust.lib.money import ZERO, plain, usd
from receivables.findings import OVERDRAWN, OWNER_OVERDRAWN

REFUSALS = (DisbursementsError, LedgerError)


def register() -> None:
    """Tell the desk who answers. Overdrawn owners keep rent collection's evidence."""
    registry.handle(
        findings.RUN_LATE, LateRunAnswers(), label="Owner draws not paid", due_banking_days=1
    )
    for kind in (OWNER_OVERDRAWN, OVERDRAWN):
        registry.handle(
            kind,
            ShortageAnswers(registry.handler_of(kind)),
            label=registry.label_of(kind),
            due_banking_days=registry.due_banking_days(kind),
        )


class LateRunAnswers:
    """A run whose day of payment is over: send it if it is approved, else look at it."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The run, and its sending once a second person has agreed."""
        run = Run.objects.get(pk=subject_id)
        remedies = []
        if run.state == Run.State.APPROVED:
            remedies.append(
                Remedy(
                    key="send",
                    label="Send it now",
                    hint=queries.said_of(run),
                    needs_confirmation=True,
                    is_suggestion=True,
                )
            )
        return Detail(
            evidence=[
                Evidence("Run", str(run), reverse("disbursements:run", args=[run.pk])),
                Evidence("State", run.get_state_display()),
                Evidence("Pays", queries.said_of(run)),
            ],
            remedies=remedies,
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Send the run."""
        if remedy != "send":
            raise Refused(f"There is no remedy {remedy!r} here.")
        try:
            run = services.send_run(Run.objects.get(pk=subject_id), actor=_person(actor_id))
        except REFUSALS as refusal:
            raise Refused(str(refusal)) from refusal
        return Done(f"Sent: {queries.said_of(run)}")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Money that is out does not come back by a key."""
        raise Refused("The payments are made; void those that must not go out, one by one.")


class ShortageAnswers:
    """An owner who owes a trust account: the ways to make it good, each one service.

    base: whose evidence is shown; it answers alone for everybody who is no owner.
    """

    def __init__(self, base: Handler) -> None:
        self.base = base

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The last lines, what is missing, and what can be done about it."""
        shown = self.base.detail(subject_id, find=find)
        shorts = _shortages(subject_id)
        if not shorts:
            return shown
        return Detail(
            evidence=[*_plan_of(subject_id), *shown.evidence],
            remedies=[remedy for short in shorts for remedy in _remedies(short)],
            warnings=shown.warnings,
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Carry one way out for the trust account that the remedy names."""
        what, _, book_id = remedy.partition(":")
        short = next(
            (each for each in _shortages(subject_id) if str(each.book_id) == book_id), None
        )
        if short is None:
            return self.base.act(subject_id, remedy, facts, actor_id=actor_id)
        try:
            return _act(what, short, facts, actor_id)
        except REFUSALS as refusal:
            raise Refused(str(refusal)) from refusal

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Take back what moved no money out: a transfer, a request, a question."""
        try:
            if "entry" in facts:
                entry = reverse_entry(
                    entry_id=facts["entry"],
                    key=f"undo:{facts['entry']}",
                    dated_on=timezone.localdate(),
                    memo="Undone",
                    posted_by_id=actor_id,
                )
                RecoveryStep.objects.filter(entry=facts["entry"]).update(
                    state=RecoveryStep.State.GIVEN_UP
                )
                return f"Reversed by entry {entry.pk}"
            if "contribution" in facts:
                asked = Contribution.objects.get(pk=facts["contribution"])
                services.withdraw_request(asked, actor_id=actor_id)
                return "No longer asked for"
            if "approval" in facts:
                approval = Approval.objects.get(pk=facts["approval"])
                withdraw(approval, maker=_person(actor_id))
                RecoveryStep.objects.filter(approval=approval).update(
                    state=RecoveryStep.State.GIVEN_UP
                )
                return "The question is withdrawn"
        except REFUSALS as refusal:
            raise Refused(str(refusal)) from refusal
        raise Refused("A plan moves no money; it closes by itself when the shortage is gone.")


def _act(what: str, short: Shortage, facts: QueryDict, actor_id: int) -> Done:
    today = timezone.localdate()
    recovery = _recovery(short, actor_id)
    if what == "plan":
        return Done(f"Recovery of {plain(short.amount)} planned")
    if what == "net":
        entry = services.take_from_other_properties(recovery, on=today, actor_id=actor_id)
        return Done("Filled from the owner's other properties", {"entry": entry.pk})
    if what == "ask":
        amount = amount_of(facts.get("amount", ""))
        asked = services.ask_contribution(recovery, amount=amount, on=today, actor_id=actor_id)
        return Done(f"{plain(amount)} asked of {asked.owner}", {"contribution": asked.pk})
    if what == "received":
        amount = amount_of(facts.get("amount", ""))
        on = day_of(facts.get("on", ""))
        services.record_contribution(
            owner=recovery.owner,
            property_=recovery.property,
            amount=amount,
            received_on=on,
            key=f"recovery:{recovery.pk}:{on.isoformat()}:{amount.amount}",
            reference=facts.get("reference", ""),
            actor_id=actor_id,
        )
        return Done(f"{plain(amount)} of {recovery.owner} received")
    if what == "advance":
        approval = services.ask_advance(
            recovery,
            amount=amount_of(facts.get("amount", "")),
            source=facts.get("source", ""),
            on=today,
            maker=_person(actor_id),
        )
        return Done("A second person is asked for the advance", {"approval": approval.pk})
    raise Refused(f"There is no remedy {what!r} here.")


def _remedies(short: Shortage) -> list[Remedy]:
    """The ways for one trust account, the owner's own money first."""
    missing = str(short.amount.amount)
    who = Beneficiary.objects.get(pk=short.beneficiary_id)
    book = Book.objects.get(pk=short.book_id)
    filled = Effect(f"{who.name} ({book.name})", -short.amount, ZERO)
    recovery = _standing(short)
    remedies = []
    if recovery is None:
        remedies.append(
            Remedy(
                key=f"plan:{short.book_id}",
                label=f"Plan the recovery of {plain(short.amount)}",
                hint="Other properties first if the owner agreed, then the next cycles' rent.",
                is_suggestion=True,
            )
        )
    remedies += [
        Remedy(
            key=f"net:{short.book_id}",
            label="Take it from the owner's other properties",
            hint="As far as they hold money in this trust account.",
            effects=[filled],
            needs_confirmation=True,
        ),
        Remedy(
            key=f"ask:{short.book_id}",
            label="Ask the owner to pay it in",
            hint="Writes the letter; nothing is posted.",
            fields=[Field("amount", "Amount", kind="amount", initial=missing)],
        ),
        Remedy(
            key=f"received:{short.book_id}",
            label="The owner has paid it in",
            fields=[
                Field("amount", "Amount", kind="amount", initial=missing),
                Field("on", "Received on", kind="date", initial=timezone.localdate().isoformat()),
                Field("reference", "Check number or reference", is_required=False),
            ],
        ),
        Remedy(
            key=f"advance:{short.book_id}",
            label="The company advances it",
            hint="A second person must agree; the owner's next draws pay it back.",
            effects=[filled],
            fields=[
                Field("amount", "Amount", kind="amount", initial=missing),
                Field("source", "Out of", kind="choice", choices=Advance.Source.choices),
            ],
        ),
    ]
    return remedies


def _plan_of(beneficiary_id: int) -> list[Evidence]:
    """The open recovery, with its page."""
    rows = Recovery.objects.filter(beneficiary=beneficiary_id, state=Recovery.State.OPEN)
    return [
        Evidence(
            "Recovery",
            f"open since {row.opened_on:%b %-d, %Y}, {plain(queries.left_of_recovery(row))} left",
            reverse("disbursements:recovery", args=[row.pk]),
        )
        for row in rows
    ]


def _shortages(beneficiary_id: int) -> Sequence[Shortage]:
    entity_id = Beneficiary.objects.values_list("entity_id", flat=True).get(pk=beneficiary_id)
    return queries.shortages([entity_id], beneficiary_id=beneficiary_id)


def _standing(short: Shortage) -> Recovery | None:
    return Recovery.objects.filter(
        book=short.book_id, beneficiary=short.beneficiary_id, state=Recovery.State.OPEN
    ).first()


def _recovery(short: Shortage, actor_id: int) -> Recovery:
    entity_id = Book.objects.values_list("entity_id", flat=True).get(pk=short.book_id)
    return services.plan_recovery(
        entity_id,
        beneficiary_id=short.beneficiary_id,
        book_id=short.book_id,
        on=timezone.localdate(),
        actor_id=actor_id,
    )


def _person(actor_id: int) -> User:
    return User.objects.get(pk=actor_id)


def amount_of(text: str) -> Money:
    """An amount that a person typed. Raises Refused naming what was read."""
    try:
        amount = Decimal(text.replace(",", "").replace("$", "").strip())
        is_cents = amount.is_finite() and amount == amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        is_cents = False
    if not is_cents or not 0 < amount < Decimal(10) ** 12:
        raise Refused(f"{text!r} is no amount; write it as 1,250.00.")
    return usd(amount.quantize(Decimal("0.01")))


def day_of(text: str) -> date:
    """A day that a person typed and that has come. Raises Refused naming what was read."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no day; write it as 2026-03-31.") from None
    if day > timezone.localdate():
        raise Refused(f"{day:%b %-d, %Y} has not come yet.")
    return day
