"""What the desk offers for returns and late fees; every remedy calls one service."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from connectors.errors import ConnectorError
from connectors.models import Connection
from connectors.nacha.types import NachaError
from desk import registry
from desk.errors import Refused
from desk.types import Detail, Done, Evidence, Field, Remedy
from leases.errors import LeasesError
from leases.models import LateFeeTerms
from leases.queries import agreement_on
from ledger.errors import LedgerError
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import ZERO, plain, usd
from receivables import evidence, findings_returns, return_rates, services
from receivables.errors import ReceivablesError
from receivables.models import Acknowledgement, ReturnStep
from receivables.queues import Acknowledged

REFUSALS = (ReceivablesError, LeasesError, LedgerError, ConnectorError, NachaError)
_Step = ReturnStep.Kind
_State = ReturnStep.State
# A file needs a banking day to reach the bank before the entry settles.
_SETTLES_AFTER = 2
_DONE: dict[str, str] = {
    _Step.CORRECT: "A corrected payment was sent",
    _Step.ACCOUNT: "The tenant was asked for a new account",
    _Step.STOP: "Collecting was stopped",
    _Step.REVOKED: "Agreed on another way to pay",
    _Step.PERSON: "Looked into",
}


def register() -> None:
    """Tell the desk who answers for which kind, its label, and how long it may stay open."""
    steps = StepAnswers()
    registry.handle(
        findings_returns.UNTIMELY, steps, label="Return came too late", due_banking_days=5
    )
    registry.handle(
        findings_returns.STEP, steps, label="What a return asks for", due_banking_days=3
    )
    registry.handle(
        findings_returns.RATE,
        SeenForAWhile(findings_returns.RATE, "Seen and acted on", _of_rates),
        label="Returns near the network's limit",
        due_banking_days=2,
    )
    for kind, label in (
        (findings_returns.LAW_UNKNOWN, "Late-fee law not on file"),
        (findings_returns.ABOVE_CAP, "Late-fee terms above the law"),
    ):
        registry.handle(
            kind, Acknowledged(kind, "Seen", _of_terms), label=label, due_banking_days=10
        )


class SeenForAWhile(Acknowledged):
    """Seen now; what holds still after a while is told again."""

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Note that a person has seen it, in the place of an older note."""
        Acknowledgement.objects.filter(kind=self.kind, subject_id=subject_id).delete()
        return super().act(subject_id, remedy, facts, actor_id=actor_id)


class StepAnswers:
    """What a return asks for: try again, mend, ask, charge, dishonour; or leave it."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The return and its payment; the buttons that its step allows."""
        step = _step(subject_id)
        told = [Evidence("Advice", step.advice)]
        if step.until_on is not None:
            told.append(Evidence("Until", f"{step.until_on:%b %-d, %Y}"))
        if step.authorisation is not None:
            state = step.authorisation.get_state_display().lower()
            told.append(Evidence("Authorisation", f"{step.authorisation}: {state}"))
        return Detail(
            evidence=[*told, *evidence.of_comeback(step.comeback_id)],
            remedies=_remedies(step),
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Carry one answer out."""
        step = _step(subject_id)
        if remedy not in {each.key for each in _remedies(step)}:
            raise Refused("This is not one of the answers.")
        try:
            return self._act(step, remedy, facts, actor_id)
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Open the step again, and take back a fee that it charged."""
        step = _step(facts["step"])
        if remedy == "retry":
            raise Refused("The payment is in a file for the bank; that cannot be taken back here.")
        try:
            if remedy == "charge":
                fee = step.comeback.receipt.entity.charges.get(key=f"nsf:{step.comeback_id}")
                services.waive(fee, reason="Charged by mistake", actor_id=actor_id)
            services.reopen_step(step)
        except REFUSALS as refusal:
            raise Refused(_sentence(refusal)) from refusal
        return f"Open again: {step.get_kind_display().lower()}"

    def _act(self, step: ReturnStep, remedy: str, facts: QueryDict, actor_id: int) -> Done:
        undo = {"step": step.pk}
        if remedy == "retry":
            retry = services.retry_return(
                step.comeback,
                on=_day(facts.get("on", "")),
                actor_id=actor_id,
                has_new_consent=facts.get("consent", "") == "yes",
            )
            return Done(f"Try {retry.number} is in a file for the bank", undo)
        if remedy == "charge":
            return self._charge(step, facts, actor_id)
        state = {"dishonour": _State.DISHONOURED, "decline": _State.DECLINED}.get(
            remedy, _State.DONE
        )
        services.finish_step(step, state=state, actor_id=actor_id, note=facts.get("note", ""))
        return Done(f"{step.get_kind_display()}: {state.label.lower()}", undo)

    def _charge(self, step: ReturnStep, facts: QueryDict, actor_id: int) -> Done:
        lease = step.comeback.receipt.lease
        amount = _amount(facts.get("amount", ""))
        if lease is None:
            raise Refused("Nobody knows whose payment it was.")
        fee = services.charge_nsf_fee(lease, step.comeback, amount)
        services.finish_step(step, state=_State.DONE, actor_id=actor_id)
        return Done(f"{plain(fee.amount)} charged to lease {lease.code}", {"step": step.pk})


def _remedies(step: ReturnStep) -> list[Remedy]:
    decline = Remedy(key="decline", label="Leave it", needs_confirmation=True)
    if step.kind == _Step.UNTIMELY:
        return [
            Remedy(
                key="dishonour",
                label="The bank was asked to dishonour it",
                fields=[Field("note", "Whom, and how", is_required=False)],
                is_suggestion=True,
            ),
            Remedy(key="decline", label="Accept the return", needs_confirmation=True),
        ]
    if step.kind == _Step.RETRY:
        return [_retry(step), decline]
    if step.kind == _Step.FEE:
        return [_fee(step), Remedy(key="decline", label="Charge no fee")]
    return [Remedy(key="done", label=_DONE[step.kind], is_suggestion=True), decline]


def _retry(step: ReturnStep) -> Remedy:
    settles_on = add_banking_days(timezone.localdate(), _SETTLES_AFTER)
    return Remedy(
        key="retry",
        label="Collect it again",
        hint="The same amount, name and account, described RETRY PYMT; at most twice.",
        fields=[
            Field("on", "Settles on", kind="date", initial=f"{settles_on:%Y-%m-%d}"),
            Field(
                "consent",
                "The tenant has agreed again",
                kind="choice",
                choices=[("no", "No"), ("yes", "Yes")],
                initial="no",
                help="Needed after a stopped payment.",
            ),
        ],
        is_suggestion=True,
    )


def _fee(step: ReturnStep) -> Remedy:
    lease = step.comeback.receipt.lease
    agreement = agreement_on(lease.unit.property_id, step.comeback.on) if lease else None
    agreed = agreement.nsf_fee if agreement else ZERO
    return Remedy(
        key="charge",
        label="Charge a fee",
        hint="Look the state's limit up first.",
        fields=[Field("amount", "Fee", kind="amount", initial=f"{agreed.amount}")],
    )


def _of_rates(connection_id: int) -> list[Evidence]:
    connection = Connection.objects.get(pk=connection_id)
    found = return_rates.return_rates([connection], timezone.localdate())
    rows = [Evidence("Connection", connection.label)]
    for each in found:
        for rate in each.rates:
            rows.append(Evidence(rate.name.capitalize(), findings_returns.in_words(rate)))
            rows.append(Evidence("Until the limit", f"{rate.left} more may come back"))
    return rows


def _of_terms(terms_id: int) -> list[Evidence]:
    row = LateFeeTerms.objects.select_related("property", "lease__unit__property").get(pk=terms_id)
    most = [Evidence("At most", plain(row.most))] if row.most is not None else []
    much = {
        LateFeeTerms.Kind.FLAT: plain(row.flat),
        LateFeeTerms.Kind.PERCENTAGE: f"{row.rate:.2%} of what is open",
        LateFeeTerms.Kind.DAILY: f"{plain(row.flat)}, then {plain(row.daily)} a day",
    }
    return [
        Evidence("Terms", str(row), evidence.link_to("leases_latefeeterms", row.pk)),
        Evidence("Fee", much[LateFeeTerms.Kind(row.kind)]),
        Evidence("Grace", f"{row.grace_days} days"),
        *most,
    ]


def _step(step_id: int) -> ReturnStep:
    return ReturnStep.objects.select_related(
        "comeback__receipt__lease__unit__property", "comeback__receipt__entity", "authorisation"
    ).get(pk=step_id)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused("Give the day as year-month-day, as 2026-03-09.") from error


def _amount(text: str) -> Any:
    try:
        return usd(text.replace(",", "").strip())
    except ArithmeticError as error:
        raise Refused(f"{text!r} is no amount.") from error


def _sentence(refusal: Exception) -> str:
    text = str(refusal)
    return f"{text[:1].upper()}{text[1:]}."
