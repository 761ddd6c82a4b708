"""What the desk offers for each kind of deposits' items; every remedy calls one service."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from moneyed import Money

from compliance.conditions import FACTS
from deposits import findings, law, services
from deposits.errors import DepositsError
from deposits.models import (
    EscrowFunding,
    InterestCredit,
    KnownFact,
    MoveOut,
    Notice,
    Question,
    RefundShare,
)
from deposits.services.interest import TOPIC
from desk import registry
from desk.errors import Refused
from desk.models import User
from desk.types import Detail, Done, Effect, Evidence, Field, Remedy
from leases.errors import LeasesError
from leases.models import Lease
from ledger.company import company_of
from ledger.errors import LedgerError
from ledger.models import Book, Entry
from ledger.queries import balance
from ledger.services import reverse as reverse_entry
from payments.errors import PaymentsError
from proptrust.lib.money import ZERO, plain, usd
from receivables.errors import ReceivablesError

REFUSALS = (DepositsError, ReceivablesError, LeasesError, LedgerError, PaymentsError)


def register() -> None:
    """Tell the desk who answers for which kind, its label, and how long it may stay open."""
    for kind, handler, label, days in (
        (findings.RETURN_DUE, ReturnAnswers(), "Deposit to be returned", 1),
        (findings.NO_SHEET, NoSheetAnswers(), "Moved out, deposit not begun", 2),
        (findings.NOTICE_DUE, NoticeAnswers(), "Deposit notice due", 2),
        (findings.INTEREST_WAITS, InterestAnswers(), "Deposit interest waits", 3),
        (findings.QUESTION, QuestionAnswers(), "Fact missing for deposits", 5),
        (findings.BANK_FEE, FeeAnswers(), "Fee in a deposit account", 1),
        (findings.REFUND_BACK, RefundAnswers(), "Deposit refund came back", 1),
        (findings.ESCROW_SHORT, EscrowAnswers(), "Escrow short", 5),
    ):
        registry.handle(kind, handler, label=label, due_banking_days=days)


class _Answers:
    """What all kinds share: a service's refusal is said as a sentence; most have no undo."""

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Carry a remedy out."""
        try:
            return self.answer(subject_id, remedy, facts, actor_id)
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Call the remedy's service."""
        raise NotImplementedError

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """What was sent or paid is not taken back by a click."""
        raise Refused("This stands; correct it on its own page.")


class ReturnAnswers(_Answers):
    """A deposit whose last day comes near: review the sheet, settle it, or enter the deadline."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The figures of the sheet, and its next step."""
        row = _sheet(subject_id)
        said = services.preview(row, on=timezone.localdate())
        link = reverse("deposits:move_out", args=[row.pk])
        remedies = []
        if row.due_on is None:
            remedies.append(
                Remedy(
                    key="deadline",
                    label="Enter the deadline",
                    fields=[
                        Field("on", "Last day", kind="date"),
                        Field("citation", "By which law"),
                    ],
                )
            )
        if row.state == MoveOut.State.OPEN:
            remedies.append(
                Remedy(
                    key="review",
                    label="Agree to the sheet as the second person",
                    needs_confirmation=True,
                )
            )
        else:
            remedies.append(
                Remedy(
                    key="settle",
                    label=f"Settle: {plain(said.kept)} kept, {plain(said.refunded)} back",
                    effects=[
                        Effect(f"Deposit of lease {row.lease.code}", said.deposit, ZERO),
                    ],
                    fields=[_today("on", "On")],
                    is_suggestion=True,
                    needs_confirmation=True,
                )
            )
        return Detail(
            evidence=[
                Evidence("Sheet", str(row), link),
                Evidence("Moved out", f"{row.moved_out_on:%b %-d, %Y}"),
                Evidence("Deadline", f"{row.due_on:%b %-d, %Y}" if row.due_on else "not known"),
                Evidence("By", row.due_citation or row.due_how),
                Evidence("Deposit and interest", plain(said.deposit)),
                Evidence("Deductions", plain(said.deducted)),
                Evidence("Goes back", plain(said.refunded)),
            ],
            remedies=remedies,
            warnings=[f"If it is late: {row.penalty}."] if row.penalty else [],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Review, settle, or set the day."""
        row = _sheet(subject_id)
        if remedy == "review":
            services.review_move_out(row, reviewer=User.objects.get(pk=actor_id))
            return Done("The sheet is reviewed")
        if remedy == "deadline":
            on = _any_day(facts.get("on", ""))
            services.set_deadline(
                row, due_on=on, citation=facts.get("citation", ""), actor_id=actor_id
            )
            return Done(f"The deadline is {on:%b %-d, %Y}")
        _only("settle", remedy)
        done = services.settle_move_out(row, on=_day(facts.get("on", "")), actor_id=actor_id)
        return Done(f"{plain(done.kept)} kept, {plain(done.refunded)} goes back")


class NoSheetAnswers(_Answers):
    """Tenants have left; the clock runs and nothing is begun."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The lease, and the button that begins the sheet."""
        lease = _lease(subject_id)
        return Detail(
            evidence=[
                Evidence("Lease", str(lease), reverse("deposits:deposit", args=[lease.pk])),
                Evidence("Moved out", f"{lease.moved_out_on:%b %-d, %Y}"),
            ],
            remedies=[
                Remedy(
                    key="start",
                    label="Begin the move-out sheet",
                    fields=[
                        Field("address", "Forwarding address", is_required=False),
                    ],
                    is_suggestion=True,
                )
            ],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Begin the sheet on the day that the lease says."""
        _only("start", remedy)
        lease = _lease(subject_id)
        assert lease.moved_out_on is not None
        row = services.start_move_out(
            lease,
            moved_out_on=lease.moved_out_on,
            forwarding_address=facts.get("address", ""),
            actor_id=actor_id,
        )
        return Done("The sheet is begun", {"move_out": row.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Cancel the sheet."""
        row = MoveOut.objects.get(pk=facts["move_out"])
        try:
            services.cancel_move_out(row, why="Undone", actor_id=actor_id)
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        return "The sheet is cancelled"


class NoticeAnswers(_Answers):
    """A paper that must go out."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The law, the letter, and how it was sent."""
        row = _notice(subject_id)
        return Detail(
            evidence=[
                Evidence("Letter", str(row), reverse("deposits:notice_letter", args=[row.pk])),
                Evidence("Due", f"{row.due_on:%b %-d, %Y}" if row.due_on else "no day is set"),
                Evidence("Counted", row.counted_how),
                Evidence("By", row.citation or "no law on file"),
                Evidence("Confirmed", "yes" if row.is_confirmed else "no"),
                Evidence("What it must say", row.content or "nothing on file"),
            ],
            remedies=[
                Remedy(
                    key="sent",
                    label="It went out",
                    fields=[
                        _today("on", "Sent on"),
                        Field("how", "How", kind="choice", choices=Notice.How.choices),
                    ],
                    is_suggestion=True,
                )
            ],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Record the sending, and keep the letter as it went out."""
        _only("sent", remedy)
        row = services.send_with_letter(
            _notice(subject_id),
            sent_on=_day(facts.get("on", "")),
            how=facts.get("how", ""),
            actor_id=actor_id,
        )
        return Done(f"Sent by {row.get_how_display().lower()}")


class InterestAnswers(_Answers):
    """Interest that nobody can pay yet."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The calculation, and what would pay it."""
        row = _interest(subject_id)
        return Detail(
            evidence=[
                Evidence("Deposit", str(row.deposit), _deposit_page(row.deposit.lease_id)),
                Evidence("Days", f"{row.from_on:%b %-d, %Y} to {row.to_on:%b %-d, %Y}"),
                *(
                    Evidence(
                        f"{step['from']} to {step['to']}",
                        f"{step['principal']} at {step['rate']}, {step['days']} of"
                        f" {step['of_days']} days",
                    )
                    for step in row.steps
                ),
                Evidence("By", row.citation),
            ],
            remedies=[
                Remedy(
                    key="record",
                    label="Record what the bank paid in, then credit",
                    fields=[
                        Field("amount", "Bank's interest", kind="amount"),
                        _today("on", "Paid on"),
                        Field("name", "As the statement calls it"),
                    ],
                    is_suggestion=True,
                ),
                Remedy(key="again", label="Try again: the owner has money now"),
            ],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Record the bank's interest, or only try again."""
        row = _interest(subject_id)
        if remedy == "record":
            services.record_bank_interest(
                row.deposit.book,
                amount=_amount(facts.get("amount", "")),
                paid_on=_day(facts.get("on", "")),
                key=facts.get("name", "").strip() or facts.get("on", ""),
                actor_id=actor_id,
            )
        elif remedy != "again":
            raise Refused(f"There is no remedy {remedy!r} here.")
        run = services.credit_interest(
            row.deposit.entity_id,
            on=timezone.localdate(),
            lease_ids=[row.deposit.lease_id],
            actor_id=actor_id,
        )
        if remedy == "again" and not run.credited:
            raise Refused("There is still no money for it.")
        return Done(f"{plain(run.amount)} credited")


class QuestionAnswers(_Answers):
    """A fact that a rule hangs on."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The question, and a field for its answer."""
        row = _question(subject_id)
        place = row.deposit.lease.unit.property
        evidence = [
            Evidence("Property", str(place)),
            Evidence("Lease", str(row.deposit.lease), _deposit_page(row.deposit.lease_id)),
            Evidence("Asked", row.text),
        ]
        if row.fact == "rate":
            return Detail(
                evidence=evidence,
                remedies=[
                    Remedy(
                        key="rate",
                        label="Enter the account's rate",
                        fields=[
                            Field("year", "Year"),
                            Field("rate", "Rate a year, in percent", help="1.5 for 1.5 %"),
                            Field("source", "Where it stands"),
                        ],
                        is_suggestion=True,
                    )
                ],
            )
        if row.fact not in FACTS:
            return Detail(
                evidence=evidence,
                warnings=["The law itself is not on file: ask counsel, and have it added."],
            )
        return Detail(
            evidence=evidence,
            remedies=[
                Remedy(
                    key="answer",
                    label=f"Answer for {place.name}",
                    fields=[_field_of(row.fact)],
                    is_suggestion=True,
                ),
                Remedy(
                    key="answer_lease",
                    label=f"Answer for lease {row.deposit.lease.code} alone",
                    fields=[_field_of(row.fact)],
                ),
            ],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Enter the fact or rate, and ask the rules again."""
        row = _question(subject_id)
        deposit = row.deposit
        undo: dict[str, Any] = {}
        if remedy == "rate":
            services.enter_rate(
                deposit.book,
                year=_number(facts.get("year", "")),
                rate=_number_of(facts.get("rate", "")) / 100,
                source=facts.get("source", ""),
                actor_id=actor_id,
            )
        elif remedy in ("answer", "answer_lease"):
            try:
                value = law.parse(row.fact, facts.get("answer", ""))
            except ValueError as wrong:
                raise Refused(sentence(wrong)) from wrong
            known = services.know(
                deposit.lease.unit.property,
                row.fact,
                value,
                lease=deposit.lease if remedy == "answer_lease" else None,
                actor_id=actor_id,
            )
            undo = {"fact": known.pk, "entity": deposit.entity_id}
        else:
            raise Refused(f"There is no remedy {remedy!r} here.")
        _ask_again(deposit.entity_id, is_interest=row.topic == TOPIC)
        return Done(f"{row.fact} is known", undo)

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Forget the fact, and ask again."""
        if "fact" not in facts:
            raise Refused("This stands; correct it on its own page.")
        KnownFact.objects.filter(pk=facts["fact"]).delete()
        _ask_again(facts["entity"], is_interest=False)
        return "The fact is forgotten"


class FeeAnswers(_Answers):
    """A fee in a deposit account: the company pays it in."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """What is owed, and the transfer that makes it good."""
        book = Book.objects.get(pk=subject_id)
        owes = _owes(book)
        return Detail(
            evidence=[
                Evidence("Account", book.name, reverse("deposits:account", args=[book.pk])),
                Evidence("The company owes", plain(owes)),
            ],
            remedies=[
                Remedy(
                    key="reimburse",
                    label=f"Record the transfer of {plain(owes)} from the company's account",
                    hint="After it was made at the bank: both statements will show it.",
                    effects=[Effect("The company", -owes, ZERO)],
                    fields=[_today("on", "Made on")],
                    is_suggestion=True,
                    shortcut="t",
                )
            ],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Post what the company paid in."""
        _only("reimburse", remedy)
        book = Book.objects.get(pk=subject_id)
        amount, on = _owes(book), _day(facts.get("on", ""))
        count = Entry.objects.filter(
            entity=book.entity_id, key__startswith=f"reimburse:{book.pk}:"
        ).count()
        entry = services.reimburse(
            book, amount=amount, on=on, key=str(count + 1), actor_id=actor_id
        )
        return Done(f"{plain(amount)} paid in by the company", {"entry": entry.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Reverse it."""
        entry = Entry.objects.get(pk=facts["entry"])
        try:
            undone = reverse_entry(
                entry_id=entry.pk,
                key=f"undo:{entry.pk}",
                dated_on=entry.dated_on,
                memo="Undone",
                posted_by_id=actor_id,
            )
        except LedgerError as refusal:
            raise Refused(sentence(refusal)) from refusal
        return f"Reversed by entry {undone.pk}"


class RefundAnswers(_Answers):
    """A refund that came back: it is paid again on the payment's own page."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Who is owed what, and where it is paid again."""
        row = RefundShare.objects.select_related("move_out__lease", "payment").get(pk=subject_id)
        return Detail(
            evidence=[
                Evidence(
                    "Sheet",
                    str(row.move_out),
                    reverse("deposits:move_out", args=[row.move_out_id]),
                ),
                Evidence("Payee", f"{row.payee}, {plain(row.amount)}"),
                Evidence("Payment", str(row.payment)),
                Evidence("Address", row.address or "not known"),
            ],
            warnings=["Pay it again from the item of the payment that came back."],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Nothing here: the payment's own item pays again, so that it happens once."""
        raise Refused("Pay it again from the item of the payment that came back.")


class EscrowAnswers(_Answers):
    """An escrow that got less than it needs."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The projection, and taking the rest from the owner."""
        row = _funding(subject_id)
        said = services.analyse(row.fund, on=timezone.localdate())
        return Detail(
            evidence=[
                Evidence("Escrow", str(row.fund), reverse("deposits:escrow", args=[row.fund_id])),
                Evidence("Holds", plain(said.held)),
                Evidence("Needs a month", plain(said.monthly)),
                Evidence("Lowest", f"{plain(said.lowest)} in {said.lowest_on:%B %Y}"),
                Evidence("Shortage", plain(said.shortage)),
            ],
            remedies=[
                Remedy(
                    key="top_up",
                    label=f"Take {plain(row.planned - row.funded)} from the owner's money",
                    hint="As far as it is there; ask the owner to pay in what is not.",
                    fields=[_today("on", "On")],
                    is_suggestion=True,
                )
            ],
        )

    def answer(self, subject_id: int, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        """Take what is there."""
        _only("top_up", remedy)
        done = services.top_up(
            _funding(subject_id), on=_day(facts.get("on", "")), actor_id=actor_id
        )
        if not done.moved:
            raise Refused("The owner has no money in the account; ask for a contribution.")
        return Done(f"{plain(done.amount)} put aside")


def _ask_again(entity_id: int, *, is_interest: bool) -> None:
    """The rules see the new fact at once: papers are planned, and interest is credited."""
    services.plan_notices(entity_id, on=timezone.localdate())
    if is_interest:
        services.credit_interest(entity_id, on=timezone.localdate())


def _field_of(fact: str) -> Field:
    known = FACTS[fact]
    label = f"{known.meaning[:1].upper()}{known.meaning[1:]}"
    if known.type is bool:
        return Field("answer", label, kind="choice", choices=[("yes", "Yes"), ("no", "No")])
    if known.choices:
        choices = [(each, each) for each in sorted(known.choices)]
        return Field("answer", label, kind="choice", choices=choices)
    kinds: dict[Any, str] = {date: "date", Money: "amount"}
    return Field("answer", label, kind=kinds.get(known.type, "text"))


def _owes(book: Book) -> Money:
    held = balance(book_id=book.pk, beneficiary_id=company_of(book.entity_id))
    return max(-held, ZERO)


def _sheet(move_out_id: int) -> MoveOut:
    return MoveOut.objects.select_related(
        "lease__unit__property", "deposit__lease__unit__property", "deposit__book"
    ).get(pk=move_out_id)


def _lease(lease_id: int) -> Lease:
    return Lease.objects.select_related("unit__property").get(pk=lease_id)


def _notice(notice_id: int) -> Notice:
    return Notice.objects.select_related("deposit__lease__unit__property", "deposit__book").get(
        pk=notice_id
    )


def _interest(credit_id: int) -> InterestCredit:
    return InterestCredit.objects.select_related("deposit__lease", "deposit__book").get(
        pk=credit_id
    )


def _question(question_id: int) -> Question:
    return Question.objects.select_related("deposit__lease__unit__property", "deposit__book").get(
        pk=question_id
    )


def _funding(funding_id: int) -> EscrowFunding:
    return EscrowFunding.objects.select_related("fund__property", "fund__book").get(pk=funding_id)


def _deposit_page(lease_id: int) -> str:
    return reverse("deposits:deposit", args=[lease_id])


def _today(name: str, label: str) -> Field:
    return Field(name, label, kind="date", initial=timezone.localdate().isoformat())


def _any_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no day; write it as 2026-03-31.") from None


def _day(text: str) -> date:
    """A day that has come: what was not made yet is not posted."""
    day = _any_day(text)
    if day > timezone.localdate():
        raise Refused(f"{day:%b %-d, %Y} has not come yet.")
    return day


def _amount(text: str) -> Money:
    amount = usd(_number_of(text))
    if amount <= ZERO:
        raise Refused(f"{plain(amount)} is not above zero.")
    return amount


def _number_of(text: str) -> Decimal:
    try:
        number = Decimal(text.replace(",", "").strip())
    except InvalidOperation:
        raise Refused(f"{text!r} is no number.") from None
    if not number.is_finite():
        raise Refused(f"{text!r} is no number.")
    return number


def _number(text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text.strip()) == 4):
        raise Refused(f"{text!r} is no year.")
    return int(text)


def _only(expected: str, remedy: str) -> None:
    if remedy != expected:
        raise Refused(f"There is no remedy {remedy!r} here.")


def sentence(refusal: Exception) -> str:
    """A refusal as a sentence."""
    said = str(refusal).rstrip(".")
    return f"{said[:1].upper()}{said[1:]}."
