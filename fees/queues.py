"""What the desk offers for the company's money in the trusts; every remedy calls one service."""

from collections.abc import Mapping
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
from fees import findings, queries, services
from fees.errors import FeesError
from fees.services.draws import APPROVAL
from leases.models import Property
from ledger.errors import LedgerError
from ledger.models import Book
from proptrust.lib.money import ZERO, plain, usd

REFUSALS = (FeesError, LedgerError)


def register() -> None:
    """Tell the desk who answers for which kind, its label, and how long it may stay open."""
    for kind, label in (
        (findings.DRAW_OVERDUE, "Earned fees too long in trust"),
        (findings.OVER_OWN_FUNDS, "Company money above the limit"),
    ):
        registry.handle(kind, DrawAnswers(), label=label, due_banking_days=2)
    registry.handle(
        findings.FEE_WAITS,
        WaitingAnswers(),
        label="Fees wait for the owner's money",
        due_banking_days=5,
    )


class DrawAnswers:
    """The company has too much in a trust account, or for too long: ask for a draw."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """What the company has there, what the law says, and a draw of all that may go."""
        proposal = queries.draw_proposal(_book(subject_id), timezone.localdate())
        waiting = _waiting_for(subject_id)
        evidence = [
            Evidence("The company has here", plain(proposal.held), reverse("fees:draws")),
            Evidence("Fees not drawn", plain(proposal.fees)),
            Evidence("Of it not at the bank yet", plain(proposal.in_transit)),
            Evidence("May be drawn now", plain(proposal.drawable)),
            *(Evidence("The law", said) for said in proposal.limits),
        ]
        warnings = [*proposal.blockers]
        if waiting is not None:
            warnings.append(f"Asked already: {waiting.text}")
        if proposal.drawable <= ZERO or waiting is not None:
            return Detail(evidence=evidence, warnings=warnings)
        after = proposal.held - proposal.drawable
        draw = Remedy(
            key="draw",
            label=f"Ask a second person to draw {plain(proposal.drawable)}",
            effects=[Effect("The company", proposal.held, after)],
            fields=[
                Field("amount", "Amount", kind="amount", initial=str(proposal.drawable.amount)),
                Field("on", "On", kind="date", initial=proposal.on.isoformat()),
            ],
            is_suggestion=True,
        )
        return Detail(evidence=evidence, remedies=[draw], warnings=warnings)

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Ask for the draw."""
        if remedy != "draw":
            raise Refused("This item has no such answer.")
        try:
            amount = usd(facts.get("amount", "").replace(",", ""))
            on = date.fromisoformat(facts.get("on", ""))
        except (ArithmeticError, ValueError):
            raise Refused("Give an amount such as 80.00 and a day such as 2026-03-09.") from None
        try:
            approval = services.ask_draw(
                _book(subject_id), on=on, amount=amount, maker=User.objects.get(pk=actor_id)
            )
        except REFUSALS as refusal:
            raise Refused(str(refusal)) from refusal
        return Done(f"Asked for a draw of {plain(amount)}", {"approval": approval.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Withdraw the question, while nobody has decided."""
        approval = Approval.objects.get(pk=facts["approval"])
        desk.withdraw(approval, maker=User.objects.get(pk=actor_id))
        return "The draw is no longer asked for"


class WaitingAnswers:
    """Fees that wait for an owner's money: what waits, and to try again now."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The fees, oldest first, each with its page, where one entered by hand is given up."""
        evidence = [
            Evidence(
                f"{fee.get_kind_display()} of {fee.counts_on:%b %-d, %Y}",
                plain(fee.amount),
                reverse("fees:fee", args=[fee.pk]),
            )
            for fee in queries.waiting_of_property(subject_id)
        ]
        return Detail(
            evidence=evidence,
            remedies=[Remedy(key="take", label="Take what the owner's money reaches now")],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Take the company's waiting fees as far as the owners' money reaches."""
        if remedy != "take":
            raise Refused("This item has no such answer.")
        house = Property.objects.get(pk=subject_id)
        done = services.take_waiting(house.entity_id, timezone.localdate(), posted_by_id=actor_id)
        if not done.taken:
            raise Refused("The owner has no money there yet; the fees go on waiting.")
        return Done(f"{done.taken} fees taken, {plain(done.amount_taken)}")

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """A fee that was taken is due; it is given back where it was entered by hand."""
        raise Refused("These fees were due and are taken; open one to give it back.")


def _book(book_id: int) -> Book:
    return Book.objects.select_related("entity").get(pk=book_id)


def _waiting_for(book_id: int) -> Approval | None:
    """The question for a draw of a trust account that nobody has decided."""
    return Approval.objects.filter(
        kind=APPROVAL, facts__book=book_id, state=Approval.State.WAITING
    ).first()
