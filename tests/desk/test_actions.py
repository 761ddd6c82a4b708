"""A remedy acts once, closes its item, and can be taken back."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.http import QueryDict
from django.utils import timezone

from desk import services
from desk.errors import AlreadyDone, Refused
from desk.models import Action, Approval, AuditEvent, LegalEntity, Role, WorkItem
from proptrust.lib.money import usd
from tests.desk.fakes import FakeBank, FakeLine
from tests.factories.desk import WorkItemFactory, person

pytestmark = pytest.mark.django_db


def open_line(bank: FakeBank, company: LegalEntity, line_id: int = 1) -> WorkItem:
    bank.add(FakeLine(line_id, company.pk, usd("875.00")))
    services.run_detectors()
    return WorkItem.objects.get(subject_id=line_id)


def test_an_accepted_suggestion_closes_its_item_at_once(
    bank: FakeBank, company: LegalEntity
) -> None:
    item, ann = open_line(bank, company), person(entity=company)

    outcome = services.act(item, "match", QueryDict("candidate=Rosa"), actor=ann)

    item.refresh_from_db()
    assert outcome.is_closed
    assert outcome.said == "Matched 875.00 with Rosa"
    assert (item.state, item.closed_by, item.closed_how) == ("closed", ann, outcome.said)
    assert bank.acted == [(1, "match", {"candidate": "Rosa"})]
    assert AuditEvent.objects.filter(verb="act", actor=ann, subject_id=item.pk).count() == 1


def test_the_second_person_is_told_who_did_it_and_nothing_happens_twice(
    bank: FakeBank, company: LegalEntity
) -> None:
    item, ann = open_line(bank, company), person(entity=company, first_name="Ann")
    services.act(item, "match", QueryDict(), actor=ann)

    with pytest.raises(AlreadyDone, match=r"already done by Ann at .*: Matched 875\.00"):
        services.act(item, "match", QueryDict(), actor=person(entity=company))

    assert Action.objects.count() == 1


def test_a_refused_remedy_leaves_no_trace(bank: FakeBank, company: LegalEntity) -> None:
    item = open_line(bank, company)
    before = AuditEvent.objects.count()

    with pytest.raises(Refused, match="Say why"):
        services.act(item, "fee", QueryDict(), actor=person(entity=company))

    item.refresh_from_db()
    assert (item.state, Action.objects.count()) == ("open", 0)
    assert AuditEvent.objects.count() == before


def test_what_the_database_refuses_is_told_in_words_and_leaves_no_trace(
    bank: FakeBank, company: LegalEntity, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = open_line(bank, company)

    def break_a_truth(*_: object, actor_id: int) -> None:
        Approval.objects.create(
            entity=company, kind="x", key="x", text="x", maker_id=actor_id, checker_id=actor_id
        )

    monkeypatch.setattr(bank, "act", break_a_truth)
    with pytest.raises(Refused, match=r"books refused this: .*maker_is_never_checker"):
        services.act(item, "match", QueryDict(), actor=person(entity=company))

    item.refresh_from_db()
    assert (item.state, Action.objects.count(), Approval.objects.count()) == ("open", 0, 0)


@pytest.mark.parametrize("role", [Role.PROPERTY_MANAGER, Role.ADMINISTRATOR, Role.REGULATOR])
def test_only_a_bookkeeper_works_on_items(bank: FakeBank, company: LegalEntity, role: Role) -> None:
    item = open_line(bank, company)

    with pytest.raises(PermissionDenied):
        services.act(item, "match", QueryDict(), actor=person(role, company))


def test_a_bookkeeper_of_another_company_is_refused(bank: FakeBank, company: LegalEntity) -> None:
    item = open_line(bank, company)

    with pytest.raises(PermissionDenied):
        services.act(item, "match", QueryDict(), actor=person())


def test_undo_brings_the_item_back_and_says_so(bank: FakeBank, company: LegalEntity) -> None:
    item, ann = open_line(bank, company), person(entity=company)
    services.act(item, "match", QueryDict(), actor=ann)

    undone = services.undo(ann)

    item.refresh_from_db()
    assert (item.state, item.closed_by) == ("open", None)
    assert [action.undone_by for action in undone] == [ann]
    assert AuditEvent.objects.filter(verb="undo", subject_id=item.pk).count() == 1
    with pytest.raises(Refused, match="nothing to undo"):
        services.undo(ann)


def test_items_answered_together_are_undone_together(bank: FakeBank, company: LegalEntity) -> None:
    items, ann = [open_line(bank, company, n) for n in (1, 2, 3)], person(entity=company)
    outcome = services.act_on_many([(item, "match", QueryDict()) for item in items], actor=ann)
    assert len(outcome.done) == 3

    services.undo(ann)

    assert set(WorkItem.objects.values_list("state", flat=True)) == {"open"}
    assert Action.objects.filter(undone_at=None).count() == 0


def test_a_group_leaves_out_what_is_refused(bank: FakeBank, company: LegalEntity) -> None:
    items, ann = [open_line(bank, company, n) for n in (1, 2)], person(entity=company)
    choices = [(items[0], "match", QueryDict()), (items[1], "fee", QueryDict())]

    outcome = services.act_on_many(choices, actor=ann)

    assert len(outcome.done) == 1
    assert outcome.left_out == [(items[1].pk, "Say why the company pays.")]


def test_undo_is_all_or_nothing(
    bank: FakeBank, company: LegalEntity, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, ann = [open_line(bank, company, n) for n in (1, 2)], person(entity=company)
    services.act_on_many([(item, "match", QueryDict()) for item in items], actor=ann)
    undo = bank.undo

    def refuse_the_first(remedy: str, facts: dict[str, int], *, actor_id: int) -> str:
        if facts["line"] == 1:
            raise Refused("The period is closed.")
        return undo(remedy, facts, actor_id=actor_id)

    monkeypatch.setattr(bank, "undo", refuse_the_first)
    with pytest.raises(Refused, match="period is closed"), transaction.atomic():
        services.undo(ann)

    assert set(WorkItem.objects.values_list("state", flat=True)) == {"closed"}
    assert Action.objects.filter(undone_at=None).count() == 2


def test_an_item_without_a_detector_closes_with_its_action(
    bank: FakeBank, company: LegalEntity
) -> None:
    line = bank.add(FakeLine(9, company.pk, usd("1.00")))
    item = WorkItemFactory.create(entity=company, kind="lone", subject_id=line.id)
    from desk import registry

    registry.handle("lone", bank, label="Lone", due_banking_days=1)
    ann = person(entity=company)

    assert services.act(item, "match", QueryDict(), actor=ann).is_closed
    services.undo(ann)
    item.refresh_from_db()
    assert item.state == "open"


def test_a_kind_that_no_app_answers_for_is_refused_by_name(company: LegalEntity) -> None:
    item = WorkItemFactory.create(entity=company, kind="nobodys")

    with pytest.raises(Refused, match="nobodys"):
        services.act(item, "match", QueryDict(), actor=person(entity=company))


def test_waiting_needs_a_later_day_and_a_reason(company: LegalEntity) -> None:
    item, ann = WorkItemFactory.create(entity=company), person(entity=company)
    tomorrow = timezone.localdate() + timedelta(days=1)

    with pytest.raises(Refused, match="after today"):
        services.wait(item, until=timezone.localdate(), reason="the bank", actor=ann)
    with pytest.raises(Refused, match="what the item waits for"):
        services.wait(item, until=tomorrow, reason="  ", actor=ann)

    due = item.due_at
    held = services.wait(item, until=tomorrow, reason="the bank's answer", actor=ann)
    assert (held.state, held.wait_until, held.due_at) == ("waiting", tomorrow, due)
    assert services.stop_waiting(item, actor=ann).state == "open"


def test_an_item_is_assigned_only_to_who_may_work_on_it(company: LegalEntity) -> None:
    item, ann = WorkItemFactory.create(entity=company), person(entity=company)

    assert services.assign(item, ann, actor=ann).assigned_to == ann
    with pytest.raises(Refused, match="may not work"):
        services.assign(item, person(Role.REGULATOR, company), actor=ann)
    assert services.assign(item, None, actor=ann).assigned_to is None


def test_the_maker_is_never_the_checker(company: LegalEntity) -> None:
    ann, ben = person(entity=company), person(entity=company)
    approval = services.ask_approval(
        key="advance:1",
        kind="advance",
        entity_id=company.pk,
        text="The company lends 1,840.00.",
        facts={"amount": "1840.00"},
        maker=ann,
    )
    with pytest.raises(Refused, match="another person"):
        services.decide(approval, is_agreed=True, checker=ann)
    with pytest.raises(IntegrityError, match="maker_is_never_checker"), transaction.atomic():
        Approval.objects.update(checker=ann, state="approved")

    assert services.decide(approval, is_agreed=True, checker=ben).checker == ben
    with pytest.raises(Refused, match="decided already"):
        services.withdraw(approval, maker=ann)


def test_an_approval_asked_again_with_other_facts_is_refused(company: LegalEntity) -> None:
    ann = person(entity=company)

    def ask(amount: str) -> Approval:
        return services.ask_approval(
            key="advance:1",
            kind="advance",
            entity_id=company.pk,
            text="An advance.",
            facts={"amount": amount},
            maker=ann,
        )

    assert ask("1.00").pk == ask("1.00").pk
    with pytest.raises(Refused, match="other facts"):
        ask("2.00")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE desk_auditevent SET text = 'nothing happened'",
        "DELETE FROM desk_auditevent",
        "TRUNCATE desk_auditevent CASCADE",
    ],
)
def test_the_audit_trail_only_grows(company: LegalEntity, statement: str) -> None:
    services.record("look", text="Somebody looked.", subject=company)

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="trail only grows"), transaction.atomic():
            cursor.execute(statement)
    assert AuditEvent.objects.count() == 1


def test_what_was_done_cannot_be_rewritten(bank: FakeBank, company: LegalEntity) -> None:
    services.act(open_line(bank, company), "match", QueryDict(), actor=person(entity=company))

    with pytest.raises(IntegrityError, match="can only be undone"), transaction.atomic():
        Action.objects.update(said="Nothing")
    with pytest.raises(IntegrityError, match="can only be undone"), transaction.atomic():
        Action.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_of_two_people_at_the_same_moment_one_acts_and_one_is_told(bank: FakeBank) -> None:
    from tests.factories.desk import LegalEntityFactory

    company = LegalEntityFactory.create()
    item = open_line(bank, company)
    people = [person(entity=company), person(entity=company)]
    start, said = threading.Barrier(2), []

    def work(actor: object) -> None:
        start.wait()
        try:
            said.append(services.act(item, "match", QueryDict(), actor=actor).said)  # type: ignore[arg-type]
        except AlreadyDone as told:
            said.append(str(told))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[each]) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(bank.acted) == 1
    assert sorted(text.startswith("Matched") for text in said) == [False, True]
    assert any("already done by" in text for text in said)
