"""The pages of the reports, for each role and for other companies."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from desk.models import AuditEvent, Role, User
from ledger.models import BankAccount
from statements import canonical, pdf
from statements.models import TrustReport
from tests.factories.desk import MembershipFactory, UserFactory, person
from tests.factories.ledger import BankAccountFactory, BookFactory
from tests.factories.reconciliation import MONDAY
from tests.statements.accounts import FIRST, told_account
from tests.statements.builders import report_rows, with_changed_amount
from tests.statements.published import a_made_report, publish, with_attachment

pytestmark = pytest.mark.django_db
LIST, VERIFY = "/reports/", "/reports/verify/"
MAKERS = [Role.BOOKKEEPER, Role.ADMINISTRATOR]
READERS = [Role.PROPERTY_MANAGER, Role.REGULATOR]
PAGES_OF_A_REPORT = ["report", "download", "rows"]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def account() -> BankAccount:
    """A trust account of which the bank has told nothing."""
    return BankAccountFactory.create()


@pytest.fixture
def made(account: BankAccount) -> TrustReport:
    """The account's report of June, made."""
    return a_made_report(account)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def at(account: BankAccount, role: str = Role.BOOKKEEPER) -> Client:
    """The browser of somebody with a role at the account's company."""
    return client_of(person(role, account.book.entity))


def page(report: TrustReport, name: str) -> str:
    return reverse(f"statements:{name}", args=[report.pk])


def text_of(response: Any) -> str:
    return unescape(response.content.decode())


def asking(account: BankAccount, **facts: Any) -> dict[str, str]:
    """The filled form of a new report."""
    form = {"account": account.pk, "from_on": FIRST, "to_on": MONDAY, **facts}
    return {name: str(value) for name, value in form.items()}


def upload(client: Client, body: bytes, name: str = "report.pdf") -> str:
    """What the page says of a file."""
    file = SimpleUploadedFile(name, body, "application/pdf")
    answer = client.post(VERIFY, {"file": file})
    assert answer.status_code == 200
    return text_of(answer)


@pytest.mark.parametrize("role", [*MAKERS, *READERS])
def test_every_role_reads_and_downloads(role: str, made: TrustReport) -> None:
    client = at(made.bank_account, role)

    answers = [client.get(LIST), client.get(VERIFY)]
    answers += [client.get(page(made, name)) for name in PAGES_OF_A_REPORT]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert made.bank_account.book.name in text_of(answers[0])
    assert made.sha256 in text_of(answers[2])


@pytest.mark.parametrize("role", MAKERS)
def test_who_may_make_asks_for_a_report_and_comes_to_its_page(role: str) -> None:
    told = told_account()
    client = at(told.account, role)

    assert "Make the report" in text_of(client.get(LIST))
    answer = client.post(LIST, asking(told.account), follow=True)

    report = TrustReport.objects.get()
    assert answer.redirect_chain == [(page(report, "report"), 302)]
    assert (report.bank_account, report.from_on, report.to_on) == (told.account, FIRST, MONDAY)
    assert report.asked_by is not None
    assert report.asked_by.memberships.get().role == role


@pytest.mark.parametrize("role", READERS)
def test_who_only_reads_neither_sees_the_form_nor_makes_one(role: str) -> None:
    told = told_account()
    client = at(told.account, role)

    assert "Make the report" not in text_of(client.get(LIST))
    answer = client.post(LIST, asking(told.account))

    assert answer.status_code == 403
    assert not TrustReport.objects.exists()


def test_a_person_without_a_role_is_refused_everywhere(made: TrustReport) -> None:
    client = client_of(UserFactory.create())

    addresses = [LIST, VERIFY, *(page(made, name) for name in PAGES_OF_A_REPORT)]

    assert {client.get(address).status_code for address in addresses} == {403}


def test_a_stranger_signs_in_first(made: TrustReport) -> None:
    addresses = [LIST, VERIFY, *(page(made, name) for name in PAGES_OF_A_REPORT)]

    for address in addresses:
        answer = Client().get(address)
        assert (answer.status_code, answer["Location"]) == (
            302,
            f"{reverse('admin:login')}?next={address}",
        )


@pytest.mark.parametrize("role", [*MAKERS, *READERS])
def test_another_companys_reports_do_not_exist(role: str, made: TrustReport) -> None:
    client = client_of(person(role))

    assert {client.get(page(made, name)).status_code for name in PAGES_OF_A_REPORT} == {404}
    assert made.bank_account.book.name not in text_of(client.get(LIST))
    assert not AuditEvent.objects.filter(verb="download a trust report").exists()


def test_another_companys_account_cannot_be_chosen() -> None:
    told = told_account()
    client = client_of(person())

    answer = client.post(LIST, asking(told.account))

    assert "Select a valid choice" in text_of(answer)
    assert not TrustReport.objects.exists()


def test_who_makes_at_one_company_only_reads_at_the_other(made: TrustReport) -> None:
    told = told_account()
    ann = person(entity=made.entity)
    MembershipFactory.create(user=ann, entity=told.entity, role=Role.REGULATOR)
    client = client_of(ann)

    form = client.get(LIST).context["form"]
    answer = client.post(LIST, asking(told.account))

    assert list(form.fields["account"].queryset) == [made.bank_account]
    assert "Select a valid choice" in text_of(answer)
    assert not told.account.trust_reports.exists()


def test_days_that_run_backward_are_said_so_beside_the_field(account: BankAccount) -> None:
    answer = at(account).post(LIST, asking(account, from_on=MONDAY, to_on=FIRST))

    assert answer.status_code == 200
    assert answer.context["form"].errors == {"to_on": ["The last day lies before the first."]}
    assert "The last day lies before the first." in text_of(answer)


def test_a_day_in_the_future_is_said_so_beside_the_field(account: BankAccount) -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)

    answer = at(account).post(LIST, asking(account, to_on=tomorrow))

    assert answer.context["form"].errors == {"to_on": ["The last day has not come yet."]}
    assert "The last day has not come yet." in text_of(answer)


def test_an_account_without_a_statement_says_what_to_do(account: BankAccount) -> None:
    answer = at(account).post(LIST, asking(account))

    assert f"there is no bank statement of {account} up to {MONDAY}; import one first" in text_of(
        answer
    )
    assert not TrustReport.objects.exists()


def test_what_is_no_day_is_said_so(account: BankAccount) -> None:
    answer = at(account).post(LIST, asking(account, to_on="yesterday"))

    assert "Enter a valid date." in text_of(answer)


@pytest.mark.parametrize(
    ("name", "column", "kind", "ending"),
    [
        ("download", "pdf", "application/pdf", "pdf"),
        ("rows", "rows", "application/json", "json"),
    ],
)
def test_a_download_is_the_stored_file_and_is_on_the_audit_trail(
    made: TrustReport, name: str, column: str, kind: str, ending: str
) -> None:
    rita = person(Role.REGULATOR, made.entity)

    answer = client_of(rita).get(page(made, name))

    four = made.bank_account.last_four
    assert answer.content == bytes(getattr(made, column))
    assert answer["Content-Type"] == kind
    assert answer["Content-Disposition"] == (
        f'attachment; filename="trust-report-{four}-2026-06-30-v1.{ending}"'
    )
    assert "no-store" in answer["Cache-Control"]
    event = AuditEvent.objects.get(verb="download a trust report")
    assert (event.actor, event.entity, event.subject_id) == (rita, made.entity, made.pk)
    assert event.text.endswith(f"as {ending}")


@pytest.mark.parametrize("name", ["download", "rows"])
def test_what_is_not_made_yet_cannot_be_downloaded(account: BankAccount, name: str) -> None:
    report = TrustReport.objects.create(
        entity=account.book.entity, bank_account=account, from_on=FIRST, to_on=MONDAY
    )

    assert at(account).get(page(report, name)).status_code == 404
    assert not AuditEvent.objects.filter(verb="download a trust report").exists()


def test_the_page_follows_a_report_until_it_is_made(account: BankAccount) -> None:
    report = TrustReport.objects.create(
        entity=account.book.entity, bank_account=account, from_on=FIRST, to_on=MONDAY,
        state="making", progress=40, step="Laying out 3 journal rows",
    )  # fmt: skip
    client = at(account)

    part = client.get(page(report, "report"), headers=HTMX)
    assert b"<html" not in part.content
    assert "Laying out 3 journal rows" in text_of(part)
    assert "every 1s" in text_of(part)

    TrustReport.objects.filter(pk=report.pk).update(state="failed", reason="The disk is full.")
    part = client.get(page(report, "report"), headers=HTMX)
    assert "The disk is full." in text_of(part)
    assert "every 1s" not in text_of(part)


def test_the_list_is_searched_by_name_or_last_four(made: TrustReport) -> None:
    client = at(made.bank_account)

    def found(search: str) -> list[TrustReport]:
        return list(client.get(LIST, {"account": search}).context["reports"])

    assert found(made.bank_account.book.name.upper()) == [made]
    assert found(made.bank_account.last_four) == [made]
    assert found("no such account") == []


def test_verify_says_genuine_of_the_published_file(account: BankAccount) -> None:
    published = publish(account=account)

    said = upload(at(account, Role.REGULATOR), bytes(published.pdf or b""))

    assert "Genuine: as published here" in said
    assert "Where it differs" not in said


def test_verify_names_row_and_column_of_what_was_altered(account: BankAccount) -> None:
    published = publish(account=account)
    rows = canonical.to_json(with_changed_amount(report_rows(published.pk)))
    altered = with_attachment(bytes(published.pdf or b""), pdf.ROWS_FILE, rows)

    said = upload(at(account), altered)

    assert "Not as published here" in said
    assert "table beneficiaries, row 1, closing: is 999.00, was published as 125.00" in said


@pytest.mark.parametrize("body", [b"rubbish", b"%PDF-1.7\nrubbish", b"\x00" * 2000])
def test_verify_says_why_rubbish_is_no_report(account: BankAccount, body: bytes) -> None:
    said = upload(at(account), body, "june.pdf")

    assert "june.pdf is not a trust report: the file cannot be opened as a PDF" in said


def test_verify_without_a_file_asks_for_one(account: BankAccount) -> None:
    answer = at(account).post(VERIFY, {"csrfmiddlewaretoken": "as a browser sends it"})

    assert "This field is required." in text_of(answer)


def test_verify_tells_nothing_of_another_companys_report(account: BankAccount) -> None:
    published = publish(account=account)
    forged = pdf.render(with_changed_amount(report_rows(published.pk)), [])

    assert "was published as 125.00" in upload(at(account), forged)
    said = upload(client_of(person()), forged)

    assert "Not as published here" in said
    assert "you may not read it" in said
    assert "125.00" not in said


def test_the_list_takes_as_many_queries_for_many_reports_as_for_one(account: BankAccount) -> None:
    client = at(account)
    a_made_report(account)
    client.get(LIST)
    with CaptureQueriesContext(
        connection,
    ) as for_one:
        client.get(LIST)

    for _ in range(2):
        other = BankAccountFactory.create(book=BookFactory.create(entity=account.book.entity))
        last = None
        for _ in range(3):
            last = a_made_report(other, supersedes=last)
    with CaptureQueriesContext(connection) as for_many:
        answer = client.get(LIST)

    assert len(answer.context["reports"]) == 7
    assert text_of(answer).count("superseded") == 4
    assert len(for_many) == len(for_one)
    assert not any('."pdf"' in query["sql"] for query in for_many)
