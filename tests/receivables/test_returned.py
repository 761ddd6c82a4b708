"""What a return code makes happen: steps, authorisations, the fee, another try, a late return."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import QueryDict

from connectors import services as connectors
from connectors.models import Connection, Request
from connectors.nacha import reading
from connectors.nacha.writing import NewEntry
from desk import registry
from desk import services as desk
from desk.errors import Refused
from desk.models import User, WorkItem
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import usd
from receivables import findings_returns, queries, services
from receivables.errors import NoRetry, ReceivablesError
from receivables.models import (
    Charge,
    Comeback,
    PaymentAuthorisation,
    PaymentRetry,
    Receipt,
    ReturnStep,
)
from receivables.types import NewComeback
from tests.connectors.nacha.files import OUR_BANK, THEIR_BANK
from tests.factories import receivables as make
from tests.factories.desk import WorkItemFactory, person
from tests.factories.late import home_in, nsf_fee
from tests.factories.leases import Company
from tests.threads import at_once

pytestmark = pytest.mark.django_db
MARCH_2 = date(2026, 3, 2)  # A Monday.


def collected(home: Company, amount: str = "1000.00", **facts: Any) -> Receipt:
    """Our own ACH debit that settled on March 2."""
    return make.receipt(
        home.lease,
        amount,
        **{"into": "bank", "settles_on": MARCH_2, "payer": "Maria Garcia", **facts},
    )


def returned(receipt: Receipt, code: str, *, on: date = date(2026, 3, 4), **facts: Any) -> Comeback:
    fresh = {"kind": "return", "key": "r1", "amount": receipt.gross, "code": code, "on": on}
    return services.take_back(receipt, NewComeback(**{**fresh, **facts}))


def steps(comeback: Comeback) -> list[str]:
    return [step.kind for step in comeback.steps.order_by("id")]


class TestSteps:
    @pytest.mark.parametrize(
        ("code", "expected", "state"),
        [
            ("R01", ["retry"], "active"),
            ("R09", ["retry"], "active"),
            ("R02", ["account"], "account_wanted"),
            ("R03", ["account"], "account_wanted"),
            ("R04", ["account"], "account_wanted"),
            ("R07", ["revoked"], "revoked"),
            ("R08", ["retry", "stop"], "suspended"),
            ("R10", ["revoked"], "revoked"),
            ("R11", ["correct"], "active"),
            ("R16", ["stop"], "suspended"),
            ("R99", ["person"], "active"),
        ],
    )
    def test_code_decides(self, code: str, expected: list[str], state: str) -> None:
        home = home_in("NY")
        authorisation = services.authorise(home.lease, channel="ach", last4="2345")

        comeback = returned(collected(home), code)

        assert steps(comeback) == expected
        authorisation.refresh_from_db()
        assert authorisation.state == state
        if state != "active":
            assert authorisation.state_reason == f"Return {code} of Mar 4, 2026"

    def test_return_told_twice_leaves_its_steps_once(self) -> None:
        receipt = collected(home_in("NY"))
        returned(receipt, "R01")
        returned(receipt, "R01")
        assert ReturnStep.objects.count() == 1

    def test_authorisation_that_paid_is_the_one_that_ends(self) -> None:
        home = home_in("NY")
        hers = services.authorise(home.lease, channel="ach", method_reference="cus_1")
        his = services.authorise(home.lease, channel="ach", method_reference="cus_2")

        returned(collected(home, payer_reference="cus_2"), "R07")

        hers.refresh_from_db()
        his.refresh_from_db()
        assert (hers.state, his.state) == ("active", "revoked")

    def test_nobody_guesses_between_two_authorisations(self) -> None:
        home = home_in("NY")
        for number in ("1111", "2222"):
            services.authorise(home.lease, channel="ach", last4=number)

        comeback = returned(collected(home), "R02")

        assert set(PaymentAuthorisation.objects.values_list("state", flat=True)) == {"active"}
        assert comeback.steps.get().authorisation is None

    def test_authorised_again_stands_again(self) -> None:
        home = home_in("NY")
        services.authorise(home.lease, channel="ach", last4="1111")
        returned(collected(home), "R07")

        again = services.authorise(home.lease, channel="ach", last4="1111")

        assert again.state == "active"
        assert PaymentAuthorisation.objects.count() == 1

    def test_retry_has_a_last_day_180_days_after_settlement(self) -> None:
        step = returned(collected(home_in("NY")), "R01").steps.get()
        assert step.until_on == MARCH_2 + timedelta(days=180) == date(2026, 8, 29)

    def test_returned_check_asks_for_no_ach_steps(self) -> None:
        home = home_in("NY")
        check = make.receipt(home.lease, channel="check", into="undeposited", number="7")
        assert steps(returned(check, "")) == []


class TestUntimely:
    def test_return_in_its_window_is_in_time(self) -> None:
        # Settled Monday March 2: R01 may come until Wednesday the 4th, the second banking day.
        assert steps(returned(collected(home_in("NY")), "R01")) == ["retry"]

    def test_return_after_its_window_can_be_dishonoured_for_five_banking_days(self) -> None:
        comeback = returned(collected(home_in("NY")), "R01", on=date(2026, 3, 5))

        step = comeback.steps.get(kind="untimely")
        # Five banking days after Thursday March 5: 6, 9, 10, 11, 12.
        assert step.until_on == date(2026, 3, 12)
        assert "in time until Mar 4, 2026; it came on Mar 5, 2026" in step.advice

    def test_unauthorised_return_has_sixty_days(self) -> None:
        # Sixty days after March 2 is May 1, and the next day's opening counts: Saturday the 2nd is
        # no banking day, so Monday May 4 is the last day.
        early, late = (collected(home_in("NY")) for _ in range(2))
        assert "untimely" not in steps(returned(early, "R10", on=date(2026, 5, 4)))
        assert "untimely" in steps(returned(late, "R10", on=date(2026, 5, 5)))

    def test_processor_keeps_the_settlement_to_itself(self) -> None:
        receipt = collected(home_in("NY"), into="processors")
        assert steps(returned(receipt, "R02", on=date(2026, 4, 1))) == ["account"]

    def test_dishonour_after_its_last_day_is_refused(self) -> None:
        comeback = returned(collected(home_in("NY")), "R01", on=date(2026, 3, 5))
        step = comeback.steps.get(kind="untimely")

        with pytest.raises(ReceivablesError, match=r"by Mar 12, 2026"):
            services.finish_step(step, state="dishonoured", actor_id=None, on=date(2026, 3, 13))
        done = services.finish_step(
            step, state="dishonoured", actor_id=None, on=date(2026, 3, 12), note="Called the bank"
        )
        assert (done.state, done.note) == ("dishonoured", "Called the bank")
        with pytest.raises(ReceivablesError, match="already"):
            services.finish_step(step, state="declined", actor_id=None)


class TestFee:
    def test_fee_is_charged_once_within_the_cap(self) -> None:
        home = home_in("NY")
        nsf_fee(home, "35.00")
        receipt = collected(home)
        for _ in range(2):
            returned(receipt, "R01")

        fee = Charge.objects.get(kind="nsf_fee")
        # New York allows 20.00 for a returned payment.
        assert (fee.amount, fee.due_on) == (usd("20.00"), date(2026, 3, 4))
        assert "35.00 agreed" in fee.memo

    def test_second_return_has_the_cap_of_further_ones(self) -> None:
        home = home_in("CA")
        nsf_fee(home, "40.00")
        for number in (1, 2):
            returned(collected(home, key=f"ach:{number}"), "R01")

        # California: 25 for the first, 35 for each further one.
        fees = Charge.objects.filter(kind="nsf_fee").order_by("id")
        assert [str(fee.amount.amount) for fee in fees] == ["25.00", "35.00"]

    def test_cap_by_the_face_amount(self) -> None:
        # Florida: up to 50.00 face 25; up to 300.00 face 30; above it the greater of 40 and 5 %.
        for face, expected in (("50.00", "25.00"), ("300.00", "30.00"), ("1000.00", "50.00")):
            home = home_in("FL")
            nsf_fee(home, "100.00")
            returned(collected(home, face), "R01")
            fee = Charge.objects.get(lease=home.lease, kind="nsf_fee")
            assert str(fee.amount.amount) == expected

    @pytest.mark.parametrize("code", ["R02", "R07", "R08", "R10", "R16"])
    def test_other_codes_bear_no_fee(self, code: str) -> None:
        home = home_in("NY")
        nsf_fee(home, "20.00")
        returned(collected(home), code)
        assert not Charge.objects.filter(kind="nsf_fee").exists()

    def test_returned_check_bears_the_fee(self) -> None:
        home = home_in("NY")
        nsf_fee(home, "20.00")
        check = make.receipt(home.lease, channel="check", into="undeposited", number="7")
        returned(check, "")
        assert Charge.objects.get(kind="nsf_fee").amount == usd("20.00")

    def test_no_fee_agreed_is_no_fee_and_no_question(self) -> None:
        comeback = returned(collected(home_in("AZ")), "R01")
        assert steps(comeback) == ["retry"]

    def test_unknown_law_leaves_the_decision_to_a_person(self) -> None:
        home = home_in("AZ")
        nsf_fee(home, "25.00")
        comeback = returned(collected(home), "R01")

        assert steps(comeback) == ["retry", "fee"]
        assert not Charge.objects.filter(kind="nsf_fee").exists()
        assert "no fee was charged" in comeback.steps.get(kind="fee").advice

    def test_prepaid_rent_pays_the_fee(self) -> None:
        home = home_in("NY")
        nsf_fee(home, "20.00")
        make.charge(home.lease)
        make.receipt(home.lease, "1100.00")
        returned(collected(home, "50.00"), "R01")

        assert queries.owed(home.lease) == usd("0.00")


# -- Another try


@pytest.fixture
def bank(home: Company) -> Connection:
    """A connection that writes ACH files for the home's trust account."""
    return Connection.objects.create(
        entity=home.entity, slug="ach_nacha", label="Bank", book=home.rent_book,
        settings={
            "immediate_destination": THEIR_BANK, "immediate_origin": "1234567890",
            "destination_name": "THEIR BANK", "origin_name": "OAK HOMES", "odfi": OUR_BANK,
            "company_name": "OAK HOMES", "company_id": "1234567890",
        },
    )  # fmt: skip


@pytest.fixture
def home() -> Company:
    return home_in("NY")


def next_day(days: int = 2) -> date:
    return add_banking_days(datetime.now(UTC).date(), days)


def sent(home: Company, bank: Connection, payment: str = "OAK-1") -> Receipt:
    """A debit that went out in a file of ours, was handed over and has settled."""
    entry = NewEntry(
        is_debit=True, routing_number=THEIR_BANK, account="000123-45", amount=usd("1425.50"),
        name="Ada Okafor", id_number=payment,
    )  # fmt: skip
    request = connectors.originate(
        connection=bank, key=f"run:{payment}", sec="PPD", effective_on=next_day(),
        entries=[entry], lease_codes={payment: home.lease.code},
    )  # fmt: skip
    return given_to_the_bank(request, payment)


def given_to_the_bank(request: Request, payment: str) -> Receipt:
    connectors.hand_over(request.pk)
    connectors.settle_files(next_day(20))
    connectors.catch_up()
    return Receipt.objects.get(payment=payment)


class TestRetry:
    def test_same_entry_goes_out_again_as_a_retry(self, home: Company, bank: Connection) -> None:
        receipt = sent(home, bank)
        comeback = returned(receipt, "R01", on=next_day(3))

        retry = services.retry_return(comeback, on=next_day(5))

        assert (retry.number, retry.first) == (1, receipt)
        assert retry.request.delivery is not None
        found = reading.read(bytes(retry.request.delivery.body))
        ((batch, entry),) = found.entries
        assert batch.entry_description == "RETRY PYMT"
        assert (entry.amount, entry.name, entry.account) == (
            usd("1425.50"), "ADA OKAFOR", "000123-45",
        )  # fmt: skip
        assert entry.routing_number == THEIR_BANK
        assert comeback.steps.get().state == "done"

    def test_asked_twice_it_goes_out_once(self, home: Company, bank: Connection) -> None:
        comeback = returned(sent(home, bank), "R01", on=next_day(3))

        first = services.retry_return(comeback, on=next_day(5))
        assert services.retry_return(comeback, on=next_day(5)) == first
        assert PaymentRetry.objects.count() == 1

    def test_retried_payment_pays_the_same_lease_when_it_settles(
        self, home: Company, bank: Connection
    ) -> None:
        retry = services.retry_return(
            returned(sent(home, bank), "R01", on=next_day(3)), on=next_day(5)
        )

        again = given_to_the_bank(retry.request, retry.payment)

        assert (again.lease, again.state) == (home.lease, "settled")

    def test_two_tries_are_all(self, home: Company, bank: Connection) -> None:
        receipt = sent(home, bank)
        for number in (1, 2):
            comeback = returned(receipt, "R01", on=next_day(3))
            retry = services.retry_return(comeback, on=next_day(5))
            assert retry.number == number
            receipt = given_to_the_bank(retry.request, retry.payment)

        last = returned(receipt, "R01", on=next_day(3))

        # Nothing is offered, and asking all the same is refused.
        assert steps(last) == []
        with pytest.raises(NoRetry, match="2 times already"):
            services.retry_return(last, on=next_day(5))

    @pytest.mark.parametrize("code", ["R02", "R07", "R10", "R16", ""])
    def test_code_that_allows_none_is_refused(
        self, home: Company, bank: Connection, code: str
    ) -> None:
        comeback = returned(sent(home, bank), code, on=next_day(3))
        with pytest.raises(NoRetry, match="is not sent again"):
            services.retry_return(comeback, on=next_day(5))

    def test_stopped_payment_needs_the_tenant_to_agree_again(
        self, home: Company, bank: Connection
    ) -> None:
        services.authorise(home.lease, channel="ach", last4="2345")
        comeback = returned(sent(home, bank), "R08", on=next_day(3))

        with pytest.raises(NoRetry, match="must agree again"):
            services.retry_return(comeback, on=next_day(5))
        with pytest.raises(NoRetry, match="is suspended"):
            services.retry_return(comeback, on=next_day(5), has_new_consent=True)
        services.authorise(home.lease, channel="ach", last4="2345")
        assert services.retry_return(comeback, on=next_day(5), has_new_consent=True).number == 1

    def test_after_180_days_it_is_too_late(self, home: Company, bank: Connection) -> None:
        receipt = sent(home, bank)
        comeback = returned(receipt, "R01", on=next_day(3))
        assert receipt.settles_on is not None
        with pytest.raises(NoRetry, match="180 days after"):
            services.retry_return(comeback, on=receipt.settles_on + timedelta(days=181))

    def test_part_that_came_back_is_not_another_amount(
        self, home: Company, bank: Connection
    ) -> None:
        comeback = returned(sent(home, bank), "R01", on=next_day(3), amount=usd("25.00"))
        with pytest.raises(NoRetry, match=r"only 25.00 of 1,425.50"):
            services.retry_return(comeback, on=next_day(5))

    def test_payment_of_a_platform_is_the_platforms(self, home: Company) -> None:
        comeback = returned(collected(home), "R01")
        with pytest.raises(NoRetry, match="not collected by a file of ours"):
            services.retry_return(comeback, on=date(2026, 3, 9))

    def test_third_try_is_refused_by_the_database(self, home: Company, bank: Connection) -> None:
        retry = services.retry_return(
            returned(sent(home, bank), "R01", on=next_day(3)), on=next_day(5)
        )
        with (
            pytest.raises(DatabaseError, match="payment_retried_twice_at_most"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "UPDATE receivables_paymentretry SET number = 3 WHERE id = %s", [retry.pk]
            )


@pytest.mark.django_db(transaction=True)
def test_two_people_who_retry_at_once_send_one_file(home: Company, bank: Connection) -> None:
    comeback = returned(sent(home, bank), "R01", on=next_day(3))

    said = at_once(*[lambda: services.retry_return(comeback, on=next_day(5))] * 3)

    assert len({each.pk for each in said if isinstance(each, PaymentRetry)}) == 1, said
    assert Request.objects.filter(key=f"retry:{comeback.pk}").count() == 1


# -- The desk


def item(kind: str, subject_id: int, home: Company) -> WorkItem:
    return WorkItemFactory.create(
        entity=home.entity, kind=kind, subject_id=subject_id,
        subject_type="receivables.returnstep",
    )  # fmt: skip


def form(**facts: str) -> QueryDict:
    sent = QueryDict(mutable=True)
    sent.update(facts)
    return sent


def found(kind: str, home: Company) -> list[int]:
    detector = registry.detector_of(kind)
    assert detector is not None
    return [each.subject_id for each in detector.find(home.entity.pk) if each.kind == kind]


class TestDesk:
    def clerk(self, home: Company) -> User:
        return person(entity=home.entity)

    def test_untimely_return_shows_its_deadline_and_is_answered_and_undone(
        self, home: Company
    ) -> None:
        today = datetime.now(UTC).date()
        receipt = collected(home, settles_on=add_banking_days(today, -6))
        step = returned(receipt, "R01", on=add_banking_days(today, -1)).steps.get(kind="untimely")
        detector = registry.detector_of(findings_returns.UNTIMELY)
        assert detector is not None
        (finding,) = detector.find(home.entity.pk)
        assert finding.due_on == step.until_on
        work = item(findings_returns.UNTIMELY, step.pk, home)
        clerk = self.clerk(home)

        desk.act(work, "dishonour", form(note="By phone"), actor=clerk)
        assert found(findings_returns.UNTIMELY, home) == []
        desk.undo(clerk)

        assert found(findings_returns.UNTIMELY, home) == [step.pk]

    def test_fee_that_a_person_decides_on_is_charged_and_taken_back(self) -> None:
        home = home_in("AZ")
        nsf_fee(home, "25.00")
        step = returned(collected(home), "R01").steps.get(kind="fee")
        work, clerk = item(findings_returns.STEP, step.pk, home), self.clerk(home)

        desk.act(work, "charge", form(amount="15.00"), actor=clerk)
        assert queries.owed(home.lease) == usd("15.00")
        desk.undo(clerk)

        assert queries.owed(home.lease) == usd("0.00")
        assert step.pk in found(findings_returns.STEP, home)

    def test_retry_from_the_desk_writes_a_file(self, home: Company, bank: Connection) -> None:
        comeback = returned(sent(home, bank), "R01", on=next_day(3))
        step = comeback.steps.get()
        work = item(findings_returns.STEP, step.pk, home)

        with pytest.raises(Refused, match="year-month-day"):
            desk.act(work, "retry", form(on="soon"), actor=self.clerk(home))
        desk.act(work, "retry", form(on=next_day(5).isoformat()), actor=self.clerk(home))

        assert PaymentRetry.objects.get().comeback == comeback

    def test_every_step_has_an_answer_that_can_be_shown(self, home: Company) -> None:
        for number, code in enumerate(("R01", "R02", "R07", "R08", "R11", "R99")):
            returned(collected(home, key=f"ach:{number}"), code, on=date(2026, 4, 30))
        handler = registry.handler_of(findings_returns.STEP)
        assert handler is not None
        for step in ReturnStep.objects.all():
            detail = handler.detail(step.pk)
            assert detail.remedies
            assert detail.evidence[0].value == step.advice
