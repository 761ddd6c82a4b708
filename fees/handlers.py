"""What fees make of what others tell: payments of rent, decisions on draws, what came back."""

from datetime import date

from desk.errors import Refused
from desk.types import ApprovalDecided
from fees import services
from fees.errors import FeesError
from fees.services.draws import APPROVAL
from ledger.errors import LedgerError
from ledger.models import Book
from payments.errors import PaymentsError
from payments.types import PaymentCameBack, PaymentReissued, PaymentVoided
from proptrust.lib.events import hears
from proptrust.lib.money import usd
from receivables.types import AllocationsChanged


@hears(AllocationsChanged)
def follow_allocations(fact: AllocationsChanged) -> None:
    """Take and give back fees in the same transaction as the payments that bear them."""
    services.take_fees(fact.entity_id, lease_ids=fact.lease_ids, on=fact.on)


@hears(ApprovalDecided)
def draw_when_agreed(fact: ApprovalDecided) -> None:
    """Make a draw that a second person agreed to. Raises Refused where it is not possible now."""
    if fact.kind != APPROVAL or not fact.is_agreed:
        return
    book = Book.objects.select_related("entity").get(pk=fact.facts["book"], entity=fact.entity_id)
    try:
        services.draw_fees(
            book,
            on=date.fromisoformat(fact.facts["on"]),
            amount=usd(fact.facts["amount"]),
            actor_id=fact.maker_id,
            approved_by_id=fact.checker_id,
            key=f"approval:{fact.approval_id}",
        )
    except (FeesError, LedgerError, PaymentsError) as refusal:
        raise Refused(str(refusal)) from refusal


@hears(PaymentCameBack)
def draw_came_back(fact: PaymentCameBack) -> None:
    """The fees of a draw that the bank brought back may be drawn again."""
    services.undo_draw(fact.payment_id, on=fact.on, reason=f"Came back {fact.code}".strip())


@hears(PaymentVoided)
def draw_voided(fact: PaymentVoided) -> None:
    """The fees of a draw that was voided may be drawn again."""
    services.undo_draw(fact.payment_id, on=fact.on, reason=fact.why)


@hears(PaymentReissued)
def draw_reissued(fact: PaymentReissued) -> None:
    """A draw that is paid anew draws the fees that it let go."""
    services.redraw(fact.old_id, fact.new_id)
