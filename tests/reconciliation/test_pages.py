"""Pages of reconciliation: who may see them, what stands there, and how a file comes in."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django_q.models import OrmQ

from desk import registry
from desk.models import Role, User
from ledger.models import BankAccount
from reconciliation import services, tasks
from reconciliation.cards import last_imports
from reconciliation.models import CsvProfile, StatementFile
from tests.factories.desk import person
from tests.factories.reconciliation import (
    MONDAY,
    a_bank_account,
    bai2,
    booked,
    imported,
    lines_of,
    move,
    opened,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> BankAccount:
    return a_bank_account()


@pytest.fixture
def bookkeeper(account: BankAccount) -> User:
    return person(Role.BOOKKEEPER, account.book.entity)


@pytest.fixture
def browser(client: Client, bookkeeper: User) -> Client:
    client.force_login(bookkeeper)
    return client


def test_account_page_shows_the_figures_and_what_lies_between(
    browser: Client, account: BankAccount
) -> None:
    opened(account, "100.00")
    booked(account, "25.00", memo="Deposit of the first week")
    imported(account, bai2(account, MONDAY, [move("-7.00", "SERVICE FEE")], opening="100.00"))

    page = browser.get(f"/reconciliation/{account.pk}/?on={MONDAY}").content.decode()

    assert "118.00" in page
    assert "125.00" in page
    assert "\N{MINUS SIGN}7.00" in page
    assert "SERVICE FEE" in page
    assert "Deposit of the first week" in page
    assert "Broken since Mar 2, 2026" in page


def test_page_of_a_past_day_is_that_of_the_day(browser: Client, account: BankAccount) -> None:
    opened(account, "100.00")
    imported(account, bai2(account, MONDAY, [move("-7.00", "SERVICE FEE")], opening="100.00"))

    before = MONDAY - timedelta(days=1)
    page = browser.get(f"/reconciliation/{account.pk}/?on={before}").content.decode()

    assert "SERVICE FEE" not in page
    assert "Equal" in page


def test_list_of_accounts_links_to_each(browser: Client, account: BankAccount) -> None:
    opened(account, "100.00")

    page = browser.get("/reconciliation/").content.decode()

    assert f"/reconciliation/{account.pk}/?on=" in page


def test_figures_of_the_desk_come_from_here(account: BankAccount) -> None:
    opened(account, "100.00")

    (three,) = registry.figures([account.book.entity_id])

    assert three.account_name == account.book.name
    assert three.link.startswith(f"/reconciliation/{account.pk}/")


def test_account_of_another_company_is_not_there(browser: Client) -> None:
    assert browser.get(f"/reconciliation/{a_bank_account().pk}/").status_code == 404


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.REGULATOR, "/reconciliation/", 403),
        (Role.PROPERTY_MANAGER, "/reconciliation/", 200),
        (Role.PROPERTY_MANAGER, "/reconciliation/upload/", 403),
        (Role.ADMINISTRATOR, "/reconciliation/upload/", 200),
    ],
)
def test_roles_decide(
    client: Client, account: BankAccount, role: str, path: str, status: int
) -> None:
    client.force_login(person(role, account.book.entity))

    assert client.get(path).status_code == status


def test_uploaded_file_is_stored_then_imported_by_the_worker(
    browser: Client, account: BankAccount, bookkeeper: User
) -> None:
    body = bai2(account, MONDAY, [move("100.00")])

    answer = browser.post(
        "/reconciliation/upload/",
        {"bank_files": SimpleUploadedFile("day.bai", body), "entity": account.book.entity_id},
    )

    file = StatementFile.objects.get()
    assert answer.headers["Location"] == f"/reconciliation/files/{file.pk}/"
    assert (file.state, bytes(file.body), file.received_from) == ("stored", body, bookkeeper)
    assert OrmQ.objects.count() == 1
    waiting = browser.get(f"/reconciliation/files/{file.pk}/").content.decode()
    assert "Waiting to be read" in waiting
    assert 'hx-trigger="every 2s"' in waiting

    assert "1 new bank lines" in tasks.import_one(file.pk)

    part = browser.get(f"/reconciliation/files/{file.pk}/", headers={"HX-Request": "true"})
    assert "Imported" in part.content.decode()
    assert "hx-trigger" not in part.content.decode()


def test_pending_files_are_imported_by_the_schedule(account: BankAccount) -> None:
    services.store_file(
        entity_id=account.book.entity_id, name="x", body=bai2(account, MONDAY, [move("1.00")])
    )
    services.store_file(entity_id=account.book.entity_id, name="y", body=b"no bank file")

    assert tasks.import_pending() == "2 files: 1 new bank lines, 1 files refused"
    assert tasks.import_pending() == "0 files: 0 new bank lines, 0 files refused"


CSV = b"Buchung;Text;Soll;Haben\n2026-03-02;MIETE GARCIA;;875.00\n2026-03-02;FEE;15.00;\n"
COLUMNS = {
    "sign": "columns",
    "date_order": "YMD",
    "posted_on": "Buchung",
    "debit": "Soll",
    "credit": "Haben",
    "description": "Text",
}


def test_unknown_csv_is_mapped_with_a_preview_and_remembered(
    browser: Client, account: BankAccount
) -> None:
    file = imported(account, CSV, is_given=True)
    assert file.state == StatementFile.State.REFUSED
    at = f"/reconciliation/files/{file.pk}/columns/"
    assert "MIETE GARCIA" in browser.get(at).content.decode()

    preview = browser.post(at, {**COLUMNS, "look": "1"}).content.decode()
    assert "Read like this" in preview
    assert "-15.00" in preview
    assert not CsvProfile.objects.exists()

    browser.post(at, {**COLUMNS, "save": "1", "account": account.pk})

    assert CsvProfile.objects.get().bank_account == account
    assert len(lines_of(account)) == 2
    following = CSV.replace(b"-02;", b"-03;")
    assert imported(account, following, is_given=True).state == "imported"


def test_columns_that_cannot_be_used_say_why(browser: Client, account: BankAccount) -> None:
    file = imported(account, CSV, is_given=True)

    page = browser.post(
        f"/reconciliation/files/{file.pk}/columns/",
        {**COLUMNS, "credit": "", "save": "1", "account": account.pk},
    ).content.decode()

    assert "no column for credit" in page
    assert not CsvProfile.objects.exists()


def test_card_shows_the_last_files(account: BankAccount) -> None:
    imported(account, bai2(account, MONDAY, [move("1.00")]))
    imported(account, b"no bank file")

    refused, good = last_imports([account.book.entity_id])

    assert (good.state, good.detail) == ("good", "1 new, 0 known")
    assert refused.state == "bad"


@pytest.mark.parametrize("model", ["statementfile", "statement", "bankline", "match"])
def test_lists_of_the_admin_open(browser: Client, account: BankAccount, model: str) -> None:
    imported(account, bai2(account, MONDAY, [move("1.00")]))

    assert browser.get(f"/admin/reconciliation/{model}/").status_code == 200


def test_page_of_an_account_with_many_lines_is_a_handful_of_queries(
    browser: Client, account: BankAccount, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    opened(account, "100.00")
    imported(
        account,
        bai2(account, MONDAY, [move(f"{n}.00") for n in range(1, 300)], opening="100.00"),
    )
    for _ in range(20):
        booked(account, "5.00")

    with django_assert_max_num_queries(40):  # type: ignore[operator]
        page = browser.get(f"/reconciliation/{account.pk}/?on={MONDAY}")

    assert b"99 more not shown" in page.content


def test_command_imports_and_names_what_it_refuses(
    account: BankAccount, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.bai", tmp_path / "bad.bai"
    good.write_bytes(bai2(account, MONDAY, [move("1.00")]))
    bad.write_bytes(b"01,nothing")

    with pytest.raises(CommandError, match="1 of 2 files were refused"):
        call_command("import_statement", str(good), str(bad), "--account", account.last_four)

    said = capsys.readouterr()
    assert "1 new lines" in said.out
    assert "refused" in said.err


def test_command_wants_an_account_that_exists(account: BankAccount) -> None:
    with pytest.raises(CommandError, match="no bank account is meant"):
        call_command("import_statement", "x", "--account", "0000")
