"""What the desk offers for money given to the wrong lease, and for housing agencies' lists."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from desk import registry
from desk.errors import Refused
from desk.types import Detail, Done, Evidence, Field, Remedy
from leases.models import Lease
from leases.queries import lease_by_code
from proptrust.lib.money import plain
from receivables import evidence, findings, findings_subsidies, matching, queries, services
from receivables.models import (
    Acknowledgement,
    Receipt,
    SubsidyLine,
    SubsidyVariance,
)
from receivables.queues import REFUSALS, Acknowledged, found_leases, sentence

# Each one shown is made and undone again in the database, so there are few.
MOST_PREVIEWS = 3


def register() -> None:
    """Tell the desk who answers, in place of what looked at it before."""
    registry.handle(
        findings.PAID_TWICE, PaidTwiceAnswers(), label="Paid twice?", due_banking_days=3
    )
    registry.handle(
        findings_subsidies.PAID_OTHERWISE,
        VarianceAnswers(),
        label="Subsidy paid otherwise",
        due_banking_days=5,
    )
    registry.handle(
        findings_subsidies.TAKEN_BACK_OPEN,
        RecoupmentAnswers(),
        label="Subsidy taken back",
        due_banking_days=3,
    )


class PaidTwiceAnswers(Acknowledged):
    """Two equal payments: prepaid rent, or money that belongs to another lease."""

    def __init__(self) -> None:
        super().__init__(findings.PAID_TWICE, "Keep it as prepaid rent", evidence.of_receipt)

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Who paid, then the leases it may be meant for, each with what the move does."""
        receipt = Receipt.objects.select_related("book", "lease__unit__property").get(pk=subject_id)
        plainly = super().detail(subject_id, find=find)
        leases = _others(receipt, find)
        by_code = Remedy(
            key="move_by_code",
            label="Move it to another lease",
            fields=[Field("code", "Lease code"), Field("why", "Reason")],
        )
        return Detail(
            evidence=[*plainly.evidence, *_payers(receipt)],
            remedies=[
                *plainly.remedies,
                *(each for lease in leases for each in _move(receipt, lease)),
                by_code,
            ],
            find_hint="Lease code, tenant or unit",
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Keep it, or move it."""
        if remedy == "acknowledge":
            return super().act(subject_id, remedy, facts, actor_id=actor_id)
        receipt = Receipt.objects.select_related("lease").get(pk=subject_id)
        lease = _named(receipt, remedy, facts)
        old = receipt.lease
        why = facts.get("why", "") or "Paid for the wrong lease"
        try:
            services.move_receipt(receipt, lease, why=why, actor_id=actor_id)
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        return Done(
            f"{plain(receipt.gross)} moved to lease {lease.code}",
            {"receipt": receipt.pk, "from": old.pk if old else None, "to": lease.pk},
        )

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Move it back, unless somebody has moved it on."""
        if remedy == "acknowledge":
            Acknowledgement.objects.filter(pk=facts["acknowledgement"]).delete()
            return f"No longer: {self.label}"
        receipt = Receipt.objects.select_related("lease").get(pk=facts["receipt"])
        if receipt.lease_id != facts["to"]:
            raise Refused(f"Somebody has moved this money on since, to {receipt.lease}.")
        back = Lease.objects.get(pk=facts["from"])
        try:
            services.move_receipt(receipt, back, why="Undone", actor_id=actor_id)
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        return f"{plain(receipt.gross)} moved back to lease {back.code}"


class VarianceAnswers:
    """An agency paid another amount: note why."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """What was expected and what came."""
        row = SubsidyVariance.objects.select_related("subsidy__agency", "subsidy__lease").get(
            pk=subject_id
        )
        lease = row.subsidy.lease
        return Detail(
            evidence=[
                Evidence("Agency", row.subsidy.agency.name),
                Evidence("Code", row.subsidy.tenant_code),
                Evidence("Lease", str(lease), evidence.link_to("leases_lease", lease.pk)),
                Evidence("Month", f"{row.month:%B %Y}"),
                Evidence("Expected", plain(row.expected)),
                Evidence("Paid", plain(row.paid)),
            ],
            remedies=[
                Remedy(
                    key="explain",
                    label="Note why",
                    fields=[Field("explanation", "Why")],
                    is_suggestion=True,
                )
            ],
        )

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Keep the explanation with the month."""
        if remedy != "explain":
            raise Refused(f"There is no remedy {remedy!r} here.")
        row = SubsidyVariance.objects.get(pk=subject_id)
        try:
            services.explain_variance(
                row, explanation=facts.get("explanation", ""), actor_id=actor_id
            )
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        return Done("Explained", {"variance": row.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Take the explanation back."""
        services.unexplain_variance(SubsidyVariance.objects.get(pk=facts["variance"]))
        return "Open again"


class RecoupmentAnswers:
    """Money taken back that no receipt answers: the owners bear it, or the company."""

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """The line of the list, and who may bear it."""
        line = _line(subject_id)
        row = line.remittance
        told = [
            Evidence("Agency", row.agency.name),
            Evidence(
                "Transfer", f"{row.number}, {plain(row.amount)} on {row.arrives_on:%b %-d, %Y}"
            ),
            Evidence("Code", f"{line.tenant_code} {line.tenant_name}".strip()),
            Evidence("Taken back", plain(-line.amount)),
            Evidence("Answers no receipt", plain(line.open)),
        ]
        if line.memo:
            told.append(Evidence("Says", line.memo))
        remedies = [Remedy(key="company", label="The company bears it")]
        if line.lease is not None:
            lease = line.lease
            told.append(Evidence("Lease", str(lease), evidence.link_to("leases_lease", lease.pk)))
            owners = Remedy(
                key="owners",
                label="The owners bear it",
                hint="It was rent of theirs before the books here began.",
                is_suggestion=True,
            )
            remedies.insert(0, owners)
        return Detail(evidence=told, remedies=remedies)

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Post it to whom it falls on."""
        if remedy not in ("owners", "company"):
            raise Refused(f"There is no remedy {remedy!r} here.")
        line = _line(subject_id)
        try:
            services.answer_recoupment(
                line,
                is_owners=remedy == "owners",
                on=line.remittance.arrives_on,
                actor_id=actor_id,
            )
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        who = "The owners bear" if remedy == "owners" else "The company bears"
        return Done(f"{who} {plain(line.open)}", {"line": line.pk})

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Reverse it; it stands against suspense again."""
        line = _line(facts["line"])
        try:
            services.undo_answer(line, on=line.remittance.arrives_on, actor_id=actor_id)
        except REFUSALS as refusal:
            raise Refused(sentence(refusal)) from refusal
        return "Open again"


def _line(line_id: int) -> SubsidyLine:
    return SubsidyLine.objects.select_related(
        "remittance__agency", "remittance__book", "lease__unit__property"
    ).get(pk=line_id)


def _payers(receipt: Receipt) -> list[Evidence]:
    """Which roommates gave the payments of the same amount, where they are known."""
    same = (
        Receipt.objects.filter(
            lease=receipt.lease_id,
            gross=receipt.gross,
            state__in=queries.POSTED,
            received_on__lte=receipt.received_on,
            received_on__gte=receipt.received_on - findings.TWICE_WITHIN,
        )
        .select_related("tenant")
        .order_by("received_on", "id")
    )
    return [
        Evidence(
            f"Paid {each.received_on:%b %-d}",
            f"{plain(each.gross)} by {each.tenant or each.payer or 'somebody unknown'}",
            evidence.link_to("receivables_receipt", each.pk),
        )
        for each in same
    ]


def _others(receipt: Receipt, find: str) -> Sequence[Lease]:
    """Leases that a payment may be meant for, beside its own."""
    if find.strip():
        ids = found_leases(receipt.entity_id, find)
    else:
        found = matching.candidates(
            receipt.entity_id, receipt.gross, receipt.received_on, receipt.payer, receipt.memo
        )
        ids = [each.lease_id for each in found]
    ids = [id_ for id_ in ids if id_ != receipt.lease_id][:MOST_PREVIEWS]
    rows = Lease.objects.select_related("unit__property").in_bulk(ids)
    return [rows[id_] for id_ in ids if id_ in rows]


def _move(receipt: Receipt, lease: Lease) -> list[Remedy]:
    """The remedy that moves a receipt to a lease; none where it cannot go."""
    try:
        preview = services.preview_move(receipt, lease)
    except REFUSALS:
        return []
    return [
        Remedy(
            key=f"move:{lease.pk}",
            label=f"Move it to lease {lease.code}, {lease.unit}",
            effects=preview.effects,
            facts={"lease": str(lease.pk)},
            needs_confirmation=True,
        )
    ]


def _named(receipt: Receipt, remedy: str, facts: QueryDict) -> Lease:
    if remedy == "move_by_code":
        code = facts.get("code", "")
        lease = lease_by_code(receipt.entity_id, code)
        if lease is None:
            raise Refused(f"There is no lease {code!r} in this company.")
        return lease
    number = remedy.removeprefix("move:")
    if not remedy.startswith("move:") or not number.isdecimal() or len(number) > 18:
        raise Refused(f"There is no remedy {remedy!r} here.")
    row = Lease.objects.filter(pk=int(number), entity=receipt.entity_id).first()
    if row is None:
        raise Refused("The lease is not one of this company's.")
    return row
