"""Asking for a report and making it: once, whole, and again after a worker died."""

import json
import threading
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ

from desk.models import AuditEvent
from statements import canonical, pdf, services, tasks
from statements.errors import NothingToReport, StatementsError
from statements.models import TrustReport
from statements.types import TrustReportRows
from statements.verifying import verify
from tests.factories.desk import person
from tests.factories.ledger import BankAccountFactory
from tests.factories.reconciliation import MONDAY, booked
from tests.reconciliation.test_killed import killed_while_it_waits
from tests.statements.accounts import FIRST, Told, told_account

State = TrustReport.State


def ask(told: Told) -> TrustReport:
    """Ask for the report of the account's two days."""
    return services.request_report(
        bank_account_id=told.account.pk, from_on=FIRST, to_on=MONDAY, asked_by=None
    )


def long_ago(report: TrustReport) -> None:
    """Let so much time pass that no worker can be busy with the report any more."""
    moment = timezone.now() - tasks.LOST_AFTER - timedelta(seconds=1)
    TrustReport.objects.filter(pk=report.pk).update(asked_at=moment, started_at=moment)


class Killed(BaseException):
    """Stands for the end of the process: no handler of an Exception sees it."""


def die(*_: object) -> bytes:
    raise Killed


@pytest.mark.django_db
def test_a_report_prints_the_three_figures_and_the_file_is_genuine() -> None:
    report = services.make_report(ask(told_account()).pk)

    report.refresh_from_db()
    rows = json.loads(bytes(report.rows or b""))
    assert (report.state, report.progress) == (State.MADE, 100)
    assert report.outcome == TrustReport.Outcome.CERTIFIABLE, rows["result"]["reasons"]
    assert [rows["result"][name] for name in ("adjusted_bank", "book", "beneficiaries")] == [
        "1250.00"
    ] * 3
    listed = sum(Decimal(row["closing"]) for row in rows["beneficiaries"])
    assert f"{listed:.2f}" == rows["closing"] == "1250.00"
    assert report.sha256 == canonical.sha256(bytes(report.pdf or b""))
    assert verify(bytes(report.pdf or b"")).is_genuine
    event = AuditEvent.objects.get(verb="make a trust report", subject_id=report.pk)
    assert event.facts["sha256"] == report.sha256


@pytest.mark.django_db
def test_the_report_carries_the_bank_file_as_it_was_received() -> None:
    told = told_account()
    report = services.make_report(ask(told).pk)
    (statement,) = told.account.statements.select_related("file")

    attached = pdf.attached_files(bytes(report.pdf or b""))

    assert bytes(statement.file.body) in attached.values()


@pytest.mark.django_db
def test_asking_twice_while_one_is_queued_makes_one() -> None:
    told = told_account()
    before = OrmQ.objects.count()

    first, second = ask(told), ask(told)

    assert first == second
    assert TrustReport.objects.count() == 1
    queued = [task.task["args"] for task in OrmQ.objects.all()][before:]
    assert queued == [(first.pk,)]
    assert AuditEvent.objects.filter(verb="ask for a trust report").count() == 1


@pytest.mark.django_db
def test_who_asked_is_kept_and_on_the_audit_trail() -> None:
    told = told_account()
    ann = person(entity=told.entity)

    report = services.request_report(
        bank_account_id=told.account.pk, from_on=FIRST, to_on=MONDAY, asked_by=ann
    )

    assert (report.asked_by, report.entity) == (ann, told.entity)
    assert AuditEvent.objects.get(verb="ask for a trust report").actor == ann


@pytest.mark.django_db
def test_asking_again_after_it_is_made_makes_version_two_which_names_version_one() -> None:
    told = told_account()
    first = services.make_report(ask(told).pk)
    booked(told.account, "40.00", on=MONDAY)  # Known only now.

    second = services.make_report(ask(told).pk)

    assert (second.version, second.supersedes) == (2, first)
    cover = json.loads(bytes(second.rows or b""))["cover"]
    assert cover["supersedes"] == f"no. {first.pk}, SHA-256 {first.sha256}"
    stood = bytes(first.rows or b"")
    first.refresh_from_db()
    assert bytes(first.rows or b"") == stood
    assert "superseded by version 2" in verify(bytes(first.pdf or b"")).checks


@pytest.mark.django_db
def test_version_two_after_a_failure_names_no_version() -> None:
    told = told_account()
    failed = ask(told)
    services.record_failure(failed.pk, "The disk is full.")

    second = ask(told)

    assert (second.version, second.supersedes) == (2, None)


@pytest.mark.django_db
def test_making_a_made_report_again_changes_nothing() -> None:
    report = services.make_report(ask(told_account()).pk)

    again = services.make_report(report.pk)

    assert (again.sha256, again.attempts) == (report.sha256, 1)
    assert AuditEvent.objects.filter(verb="make a trust report").count() == 1


@pytest.mark.django_db
def test_an_account_without_any_statement_has_nothing_to_report() -> None:
    account = BankAccountFactory.create()

    with pytest.raises(NothingToReport, match=f"no bank statement of .* up to {MONDAY}"):
        services.request_report(
            bank_account_id=account.pk, from_on=FIRST, to_on=MONDAY, asked_by=None
        )

    assert not TrustReport.objects.exists()


@pytest.mark.django_db
def test_a_statement_of_later_days_does_not_make_earlier_ones_reportable() -> None:
    told = told_account()
    day = MONDAY - timedelta(days=1)

    with pytest.raises(NothingToReport, match=f"up to {day}"):
        services.request_report(
            bank_account_id=told.account.pk, from_on=day, to_on=day, asked_by=None
        )


@pytest.mark.django_db
def test_days_that_run_backward_are_refused() -> None:
    told = told_account()

    with pytest.raises(StatementsError, match=f"first day {MONDAY} lies after"):
        services.request_report(
            bank_account_id=told.account.pk, from_on=MONDAY, to_on=FIRST, asked_by=None
        )


@pytest.mark.django_db
def test_an_attempt_that_was_killed_is_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    report = ask(told_account())
    with monkeypatch.context() as patch:
        patch.setattr(pdf, "render", die)
        with pytest.raises(Killed):
            services.make_report(report.pk)
    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.MAKING, 1)
    long_ago(report)

    said = tasks.make_waiting_reports()

    report.refresh_from_db()
    assert (report.state, report.attempts, report.reason) == (State.MADE, 2, "")
    assert said == "1 lost reports were taken up again"


@pytest.mark.django_db
def test_a_report_whose_task_was_lost_is_made() -> None:
    report = ask(told_account())
    long_ago(report)

    tasks.make_waiting_reports()

    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.MADE, 1)


@pytest.mark.django_db
def test_a_report_that_a_worker_may_be_busy_with_is_left_to_it() -> None:
    waiting, told = ask(told_account()), told_account()
    making = ask(told)
    TrustReport.objects.filter(pk=making.pk).update(
        state=State.MAKING, attempts=1, started_at=timezone.now()
    )

    tasks.make_waiting_reports()

    states = TrustReport.objects.values_list("pk", "state", "attempts")
    assert set(states) == {(waiting.pk, "queued", 0), (making.pk, "making", 1)}


@pytest.mark.django_db
def test_after_three_attempts_that_were_killed_it_has_failed_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = told_account()
    report = ask(told)
    monkeypatch.setattr(pdf, "render", die)
    for _ in range(services.MAX_ATTEMPTS):
        with pytest.raises(Killed):
            tasks.make_report(report.pk)

    said = tasks.make_report(report.pk)

    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.FAILED, 3)
    assert report.reason == "It did not finish in 3 attempts."
    assert said == f"Report {report.pk} was not made: {report.reason}"
    assert ask(told).version == 2


@pytest.mark.django_db
def test_what_a_person_can_mend_is_kept_as_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    report = ask(told_account())

    def refuse(*_: object) -> bytes:
        raise StatementsError("The attached file is not readable.")

    monkeypatch.setattr(pdf, "render", refuse)

    tasks.make_report(report.pk)

    report.refresh_from_db()
    assert (report.state, report.reason) == (State.FAILED, "The attached file is not readable.")


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_report_leave_one_made_report(monkeypatch: pytest.MonkeyPatch) -> None:
    report = ask(told_account())
    both_render = threading.Barrier(2)
    first_is_done = threading.Event()
    render, outcomes = pdf.render, dict[str, object]()

    def together(rows: TrustReportRows, sources: list[pdf.Source]) -> bytes:
        both_render.wait(timeout=60)
        if threading.current_thread().name == "slow":
            assert first_is_done.wait(timeout=60)
        return render(rows, sources)

    def work() -> None:
        name = threading.current_thread().name
        try:
            outcomes[name] = services.make_report(report.pk).sha256
        except Exception as error:  # noqa: BLE001 - A thread's failure must reach the test.
            outcomes[name] = error
        finally:
            if name == "quick":
                first_is_done.set()
            connections.close_all()

    monkeypatch.setattr(pdf, "render", together)
    threads = [threading.Thread(target=work, name=name) for name in ("quick", "slow")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)

    report.refresh_from_db()
    assert (report.state, report.progress) == (State.MADE, 100)
    assert outcomes == {"quick": report.sha256, "slow": report.sha256}
    assert AuditEvent.objects.filter(verb="make a trust report").count() == 1
    assert verify(bytes(report.pdf or b"")).is_genuine


def test_a_worker_killed_before_it_committed_leaves_no_half_report(
    subprocess_environment: Mapping[str, str],
) -> None:
    report = ask(told_account())
    code = f"from statements import services; services.make_report({report.pk})"

    killed_while_it_waits(subprocess_environment, "desk_auditevent", "shell", "-c", code)

    report.refresh_from_db()
    assert (report.state, report.attempts, report.pdf) == (State.MAKING, 1, None)
    long_ago(report)
    tasks.make_waiting_reports()
    report.refresh_from_db()
    assert (report.state, report.attempts) == (State.MADE, 2)
    assert AuditEvent.objects.filter(verb="make a trust report").count() == 1
