"""Findings become items, and go away with what was wrong."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from desk import registry, services
from desk.models import AuditEvent, Heartbeat, LegalEntity, WorkItem
from desk.types import Detector, Finding
from proptrust.lib.money import usd
from tests.desk.fakes import FakeBank, FakeLine
from tests.factories.desk import LegalEntityFactory, WorkItemFactory

pytestmark = pytest.mark.django_db


def test_a_finding_opens_one_item_however_often_it_is_found(
    bank: FakeBank, company: LegalEntity
) -> None:
    bank.add(FakeLine(812, company.pk, usd("875.00")))

    first = services.run_detectors()
    again = services.run_detectors()

    item = WorkItem.objects.get()
    assert first.startswith("1 items opened")
    assert again.startswith("0 items opened, 0 changed, 0 closed")
    assert (item.key, item.amount, item.state) == ("fake_line:812", usd("875.00"), "open")
    assert item.due_at > timezone.now() + timedelta(days=2)


def test_a_finding_that_says_something_else_refreshes_its_item(
    bank: FakeBank, company: LegalEntity
) -> None:
    bank.add(FakeLine(1, company.pk, usd("875.00")))
    services.run_detectors()
    bank.add(FakeLine(1, company.pk, usd("875.00"), candidates=()))

    assert "0 items opened, 1 changed, 0 closed" in services.run_detectors()
    item = WorkItem.objects.get()
    assert (item.suggestion, item.suggestion_points) == ("", None)


def test_an_item_closes_when_its_finding_is_gone_and_opens_again_when_it_is_back(
    bank: FakeBank, company: LegalEntity
) -> None:
    line = bank.add(FakeLine(1, company.pk, usd("875.00")))
    services.run_detectors()
    Heartbeat.objects.filter(name=line.row_name).delete()

    assert "1 closed" in services.run_detectors()
    assert WorkItem.objects.get().closed_how == "No longer found."

    bank.add(line)
    assert services.run_detectors().startswith("1 items opened")
    assert WorkItem.objects.get().state == "open"
    verbs = list(AuditEvent.objects.order_by("id").values_list("verb", flat=True))
    assert verbs == ["close", "reopen"]


def test_a_run_for_one_company_leaves_the_items_of_another_alone(
    bank: FakeBank, company: LegalEntity
) -> None:
    other = LegalEntityFactory.create()
    bank.add(FakeLine(1, company.pk, usd("1.00")))
    bank.add(FakeLine(2, other.pk, usd("2.00")))
    services.run_detectors()
    Heartbeat.objects.all().delete()

    services.run_detectors(company.pk)

    assert list(WorkItem.objects.exclude(state="closed").values_list("entity", flat=True)) == [
        other.pk
    ]


def test_items_of_kinds_that_the_detector_does_not_know_stay(
    bank: FakeBank, company: LegalEntity
) -> None:
    WorkItemFactory.create(entity=company, kind="somebody_elses")

    services.run_detectors()

    assert WorkItem.objects.get().state == "open"


def test_what_a_person_just_closed_is_left_to_the_next_run(
    bank: FakeBank, company: LegalEntity
) -> None:
    bank.add(FakeLine(1, company.pk, usd("875.00")))
    services.run_detectors()
    from tests.factories.desk import UserFactory

    person = UserFactory.create()
    WorkItem.objects.update(state="closed", closed_at=timezone.now(), closed_by=person)

    services.run_detectors()
    assert WorkItem.objects.get().state == "closed"

    WorkItem.objects.update(closed_at=timezone.now() - timedelta(minutes=2))
    services.run_detectors()
    assert WorkItem.objects.get().state == "open"


def test_a_waiting_item_comes_back_on_its_day(company: LegalEntity) -> None:
    yesterday = timezone.localdate() - timedelta(days=1)
    WorkItemFactory.create(
        entity=company, state="waiting", wait_until=yesterday, wait_reason="the bank's answer"
    )

    assert services.run_detectors().endswith("1 waited long enough")
    item = WorkItem.objects.get()
    assert (item.state, item.wait_until) == ("open", None)


def test_a_day_that_the_law_sets_is_the_due_day(bank: FakeBank, company: LegalEntity) -> None:
    day = timezone.localdate() + timedelta(days=40)
    finding = Finding(
        key="deposit:1",
        kind="deposit_deadline",
        entity_id=company.pk,
        severity=2,
        title="Refund the deposit",
        reason="The tenant has moved out.",
        subject_type="leases.lease",
        subject_id=1,
        happened_on=timezone.localdate(),
        due_on=day,
    )
    registry.detect(Detector("deposits", frozenset({"deposit_deadline"}), lambda _: [finding]))

    services.run_detectors()

    assert timezone.localtime(WorkItem.objects.get().due_at).date() == day


def test_a_finding_of_a_kind_that_its_detector_does_not_name_is_an_error(
    bank: FakeBank, company: LegalEntity
) -> None:
    bank.add(FakeLine(1, company.pk, usd("1.00")))
    wrong = Detector("wrong", frozenset({"other"}), bank.find)

    with pytest.raises(ValueError, match="not a kind of its detector"):
        services.run_detector(wrong)


def test_a_detector_that_fails_is_named_and_the_others_have_their_turn(
    bank: FakeBank, company: LegalEntity
) -> None:
    def fail(entity_id: int | None) -> list[Finding]:
        raise ZeroDivisionError

    bank.add(FakeLine(1, company.pk, usd("1.00")))
    registry.detect(Detector("a broken one", frozenset({"broken"}), fail))

    with pytest.raises(ExceptionGroup, match="1 detectors failed") as told:
        services.run_detectors()

    assert told.value.exceptions[0].__notes__ == ["in the detector 'a broken one'"]
    assert WorkItem.objects.filter(state="open").count() == 1


def test_thousands_of_findings_are_synced_in_a_handful_of_statements(
    bank: FakeBank, company: LegalEntity, django_assert_max_num_queries: object
) -> None:
    findings = [
        Finding(
            key=f"many:{n}",
            kind="many",
            entity_id=company.pk,
            severity=1,
            title="One of many",
            reason="There are many.",
            subject_type="tests.many",
            subject_id=n,
            happened_on=timezone.localdate(),
        )
        for n in range(2_000)
    ]
    many = Detector("many", frozenset({"many"}), lambda _: findings)

    with django_assert_max_num_queries(7):  # type: ignore[operator]
        synced = services.run_detector(many)

    assert synced.opened == 2_000


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_the_same_time_open_each_item_once(bank: FakeBank) -> None:
    company = LegalEntityFactory.create()
    for n in range(50):
        bank.add(FakeLine(n, company.pk, usd("1.00")))
    start = threading.Barrier(3)
    failed: list[Exception] = []

    def run() -> None:
        start.wait()
        try:
            services.run_detectors()
        except Exception as error:  # noqa: BLE001 - told by the test below.
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert WorkItem.objects.filter(state="open").count() == 50
