"""What the desk offers for each kind of the payments' items; every remedy calls one service."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from desk import registry
from desk import services as desk
from desk.errors import Refused
from desk.models import Approval, User
from desk.types import Detail, Done, Effect, Evidence, Field, Remedy
from ledger.errors import LedgerError
from ledger.models import Beneficiary
from ledger.queries import balance
from payments import evidence, findings, queries, services
from payments.errors import PaymentsError
from payments.law import dormancy_of
from payments.models import Payment
from payments.services import approvals
from proptrust.lib.money import ZERO, plain

REFUSALS = (PaymentsError, LedgerError)
_MOST_EFFECTS = 4


def register() -> None:
    """Tell the desk who answers for which kind, its label, and how long it may stay open."""
    registry.handle(
        findings.CAME_BACK, CameBackAnswers(), label="Our payment came back", due_banking_days=1
    )
    registry.handle(findings.STALE, StaleAnswers(), label="Check not cashed", due_banking_days=5)


class _Answers:
    """What both kinds share: paying again, and taking that back."""

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Carry a remedy out."""
        payment = _payment(subject_id)
        try:
            return self.answer(payment, remedy, facts, User.objects.get(pk=actor_id))
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal

    def answer(self, payment: Payment, remedy: str, facts: QueryDict, actor: User) -> Done:
        """Pay again by check or to other bank data."""
        if remedy not in (approvals.BY_CHECK, approvals.BY_ACH):
            raise Refused(f"There is no remedy {remedy!r} here.")
        outcome = services.change(
            payment,
            how=remedy,
            why=facts.get("why", "").strip() or "Paid again",
            on=timezone.localdate(),
            actor=actor,
            routing_number=facts.get("routing", "").strip(),
            account_number=facts.get("account", "").strip(),
            is_savings=facts.get("kind") == "savings",
        )
        if isinstance(outcome, Approval):
            return Done("A second person is asked", {"approval": outcome.pk})
        return Done(f"{outcome} is written", {"payment": outcome.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Void what was written, withdraw what was asked, ask again what was answered."""
        try:
            if "approval" in facts:
                asked = Approval.objects.get(pk=facts["approval"])
                desk.withdraw(asked, maker=User.objects.get(pk=actor_id))
                return "Nobody is asked any more"
            if "answered" in facts:
                services.unanswer(facts["answered"])
                return "It waits for an answer again"
            if "payment" in facts:
                written = _payment(facts["payment"])
                services.void(written, why="Undone", on=timezone.localdate(), actor_id=actor_id)
                return f"{written} is void"
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal
        raise Refused("This cannot be undone; the money is kept for its payee.")


class CameBackAnswers(_Answers):
    """Pay again by check, by ACH to corrected bank data, or leave the money where it lies."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """What came back, and the ways on."""
        payment = _payment(subject_id)
        return Detail(
            evidence=evidence.of_payment(subject_id),
            remedies=[
                _again_by_check(payment, is_suggestion=True),
                Remedy(
                    key=approvals.BY_ACH,
                    label="Pay again to other bank data",
                    hint="Ask the payee by a number that you know. A second person must agree.",
                    effects=_effects(payment),
                    needs_confirmation=True,
                    fields=[
                        Field("routing", "Routing number"),
                        Field("account", "Account number"),
                        Field(
                            "kind",
                            "Kind of account",
                            kind="choice",
                            choices=[("checking", "Checking"), ("savings", "Savings")],
                            initial="checking",
                        ),
                        Field("why", "How the payee confirmed it"),
                    ],
                ),
                Remedy(
                    key="hold",
                    label="Leave it with those who paid",
                    hint="It is part of what they are owed, and goes out with their next payment.",
                    fields=[Field("why", "What happens with it")],
                ),
            ],
            warnings=_waiting(payment),
        )

    def answer(self, payment: Payment, remedy: str, facts: QueryDict, actor: User) -> Done:
        """Hold the money, or pay it again."""
        if remedy == "hold":
            services.answer(payment, note=facts.get("why", ""), actor_id=actor.pk)
            return Done("The money stays with those who paid", {"answered": payment.pk})
        return super().answer(payment, remedy, facts, actor)


class StaleAnswers(_Answers):
    """Void and pay again, or keep the money as unclaimed."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The check with its age, the law of the state, and the ways on."""
        payment = _payment(subject_id)
        letter = reverse("payments:letter", args=[payment.pk])
        return Detail(
            evidence=[
                *evidence.of_payment(subject_id),
                Evidence("Law", dormancy_of(payment).said),
                Evidence("Letter to the payee", "Print it", letter),
            ],
            remedies=[
                _again_by_check(payment, is_suggestion=False),
                Remedy(
                    key="unclaimed",
                    label="Keep it as unclaimed money",
                    hint="Stop the check at the bank first; it could still be presented.",
                    effects=[Effect(f"Unclaimed: {payment.payee}", ZERO, payment.amount)],
                    needs_confirmation=True,
                    fields=[
                        Field(
                            "on",
                            "Kept from",
                            kind="date",
                            initial=timezone.localdate().isoformat(),
                        )
                    ],
                ),
            ],
            warnings=_waiting(payment),
        )

    def answer(self, payment: Payment, remedy: str, facts: QueryDict, actor: User) -> Done:
        """Keep the money for its payee, or pay it again."""
        if remedy == "unclaimed":
            services.mark_stale(payment.entity_id, on=timezone.localdate())
            services.to_unclaimed(payment, on=_day(facts.get("on", "")), actor_id=actor.pk)
            return Done(f"{plain(payment.amount)} is kept for {payment.payee}")
        return super().answer(payment, remedy, facts, actor)


def _again_by_check(payment: Payment, *, is_suggestion: bool) -> Remedy:
    is_out = payment.state in Payment.OUTSTANDING
    return Remedy(
        key=approvals.BY_CHECK,
        label="Void it and write a new check" if is_out else "Pay it again by check",
        hint="A second person must agree."
        if approvals.needs_second_person(payment, approvals.BY_CHECK)
        else "",
        effects=[] if is_out else _effects(payment),
        fields=[Field("why", "Why", is_required=False)],
        needs_confirmation=True,
        is_suggestion=is_suggestion,
    )


def _effects(payment: Payment) -> Sequence[Effect]:
    """What paying again takes from those who paid before."""
    claims = list(queries.claims_of(payment).items())[:_MOST_EFFECTS]
    names = dict(
        Beneficiary.objects.filter(pk__in=[who for who, _ in claims]).values_list("pk", "name")
    )
    effects = []
    for who, amount in claims:
        before = balance(book_id=payment.book_id, beneficiary_id=who)
        after = before - amount
        warning = "Not enough: it is refused" if after < ZERO else ""
        effects.append(Effect(names[who], before, after, warning))
    return effects


def _waiting(payment: Payment) -> list[str]:
    asked = approvals.waiting_for(payment)
    return [f"Waits for a second person: {asked.text}"] if asked else []


def _payment(payment_id: int) -> Payment:
    return Payment.objects.select_related("book", "entity").get(pk=payment_id)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no day; write it as 2026-03-31.") from None
    if day > timezone.localdate():
        raise Refused(f"{day:%b %-d, %Y} has not come yet.")
    return day


def _sentence(refusal: Exception) -> str:
    said = str(refusal).rstrip(".")
    return f"{said[:1].upper()}{said[1:]}."
