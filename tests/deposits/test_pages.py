"""Pages of deposits and escrows: what stands there, who may see and do it, how many queries."""

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deposits import services
from deposits.models import BankInterest, DeductionFile, MoveOut, Notice
from deposits.types import NewDeduction
from desk.models import Role, User
from leases.services import create_unit
from proptrust.lib.money import usd
from tests.factories import deposits as make
from tests.factories.desk import person
from tests.factories.leases import Company, lease_in

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\nnot much of a picture"


@pytest.fixture
def home() -> Company:
    return make.home_in("CA")


@pytest.fixture
def bookkeeper(home: Company) -> User:
    return person(Role.BOOKKEEPER, home.entity)


@pytest.fixture
def browser(client: Client, bookkeeper: User) -> Client:
    client.force_login(bookkeeper)
    return client


@pytest.fixture
def sheet(home: Company) -> MoveOut:
    moved_out_on = timezone.localdate() - timedelta(days=3)
    return make.sheet(home, moved_out_on=moved_out_on, deductions={"damage": "350.00"})


def read(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def all_pages(home: Company, sheet: MoveOut) -> list[str]:
    make.checks(home.deposit_book)
    fund = services.open_fund(home.property, kind="tax")
    services.expect_bill(fund, payee="County", amount=usd("10"), due_on=date(2027, 1, 1))
    notice = Notice.objects.create(
        deposit=sheet.deposit, kind="receipt", event_on=date(2026, 1, 1), due_on=date(2026, 1, 2)
    )
    assert notice.pk
    return [
        "/deposits/accounts/",
        f"/deposits/accounts/{home.deposit_book.pk}/",
        f"/deposits/leases/{home.lease.pk}/",
        "/deposits/interest/",
        "/deposits/notices/",
        "/deposits/notices/?sent=1",
        "/deposits/move-outs/",
        f"/deposits/move-outs/{sheet.pk}/",
        "/deposits/hand-overs/",
        "/deposits/escrows/",
        f"/deposits/escrows/{fund.pk}/",
    ]


def test_every_page_opens_and_names_its_figures(
    browser: Client, home: Company, sheet: MoveOut
) -> None:
    said = {path: read(browser, path) for path in all_pages(home, sheet)}

    account = said[f"/deposits/accounts/{home.deposit_book.pk}/"]
    assert "Sum of deposits" in account
    assert "2,000.00" in account
    page = said[f"/deposits/move-outs/{sheet.pk}/"]
    assert "1,650.00" in page
    assert "1950.5" in page
    assert "in 18 days" in page
    assert "Deposits &amp; escrow" in page


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.REGULATOR, 403), (Role.PROPERTY_MANAGER, 200), (Role.ADMINISTRATOR, 200)],
)
def test_roles_decide_who_reads(
    client: Client, home: Company, sheet: MoveOut, role: str, status: int
) -> None:
    paths = all_pages(home, sheet)
    client.force_login(person(role, home.entity))

    assert {client.get(path).status_code for path in paths} == {status}


def test_other_companies_see_and_touch_nothing(
    client: Client, home: Company, sheet: MoveOut
) -> None:
    client.force_login(person(Role.BOOKKEEPER))
    for path in all_pages(home, sheet):
        if any(sign.isdigit() for sign in path.replace("?sent=1", "")):
            assert client.get(path).status_code == 404
        else:
            assert home.lease.code not in client.get(path).content.decode()
    for action in ("deduct", "review", "settle", "cancel", "deadline", "no-interest", "agreed"):
        answer = client.post(f"/deposits/move-outs/{sheet.pk}/{action}/", {"why": "x"})
        assert answer.status_code == 404
    assert MoveOut.objects.get().state == "open"


def test_who_may_not_post_changes_nothing(client: Client, home: Company, sheet: MoveOut) -> None:
    client.force_login(person(Role.PROPERTY_MANAGER, home.entity))
    facts = {"kind": "damage", "amount": "5", "memo": "x", "on": "2026-01-01", "why": "x"}
    for action in ("deduct", "settle", "cancel", "no-interest", "agreed", "deadline"):
        answer = client.post(f"/deposits/move-outs/{sheet.pk}/{action}/", facts)
        assert answer.status_code == 403
    assert sheet.deductions.count() == 1


def test_move_out_is_begun_deducted_reviewed_and_settled_in_the_browser(
    browser: Client, home: Company, bookkeeper: User
) -> None:
    make.checks(home.deposit_book)
    today = timezone.localdate()
    answer = browser.post(
        "/deposits/move-outs/",
        {"lease": home.lease.pk, "moved_out_on": today, "forwarding_address": "9 New Road"},
    )
    sheet = MoveOut.objects.get()
    path = f"/deposits/move-outs/{sheet.pk}/"
    assert answer.headers["Location"] == path
    browser.post(f"{path}deduct/", {"kind": "damage", "amount": "350.00", "memo": "Door"})
    deduction = sheet.deductions.get()
    picture = SimpleUploadedFile("door.png", PNG)
    browser.post(f"/deposits/deductions/{deduction.pk}/file/", {"file": picture})
    proof = DeductionFile.objects.get()
    download = browser.get(f"/deposits/proofs/{proof.pk}/")
    assert download.content == PNG
    assert download.headers["Content-Disposition"].startswith("attachment")
    refused = browser.post(f"{path}review/", follow=True).content.decode()
    assert "another person must review it" in refused

    manager = Client()
    manager.force_login(person(Role.PROPERTY_MANAGER, home.entity))
    manager.post(f"{path}review/")
    settled = browser.post(f"{path}settle/", {"on": today}, follow=True).content.decode()

    assert "350.00 is kept, 1,650.00 goes back." in settled
    sheet.refresh_from_db()
    assert (sheet.state, sheet.settled_by) == ("settled", bookkeeper)
    assert "Disposition letter" in read(browser, path)


def test_wrong_input_is_named(browser: Client, home: Company, sheet: MoveOut) -> None:
    path = f"/deposits/move-outs/{sheet.pk}/"
    for facts, said in (
        ({"kind": "damage", "amount": "-5", "memo": "x"}, "Amount"),
        ({"kind": "theft", "amount": "5", "memo": "x"}, "Kind"),
        ({"kind": "damage", "amount": "5", "memo": ""}, "For what"),
    ):
        assert said in browser.post(f"{path}deduct/", facts, follow=True).content.decode()
    deduction = sheet.deductions.get()
    script = SimpleUploadedFile("x.png", b"<script>")
    answer = browser.post(
        f"/deposits/deductions/{deduction.pk}/file/", {"file": script}, follow=True
    )
    assert "neither a JPEG or PNG" in answer.content.decode()
    future = timezone.localdate() + timedelta(days=2)
    answer = browser.post(f"{path}settle/", {"on": future}, follow=True)
    assert "has not come yet" in answer.content.decode()
    assert sheet.deductions.count() == 1


def test_refund_is_changed_to_ach(browser: Client, sheet: MoveOut) -> None:
    share = sheet.refunds.get()
    facts = {"payee": "Maria Garcia", "method": "ach", "address": ""}
    bad = browser.post(f"/deposits/refunds/{share.pk}/", facts, follow=True).content.decode()
    assert "needs a routing number" in bad

    facts |= {"routing_number": "021000021", "account_number": "55512345"}
    browser.post(f"/deposits/refunds/{share.pk}/", facts)

    share.refresh_from_db()
    assert (share.method, share.account_number) == ("ach", "55512345")
    page = read(browser, f"/deposits/move-outs/{sheet.pk}/")
    assert "55512345" not in page


def test_interest_is_run_with_its_calculation_shown(client: Client) -> None:
    home = make.home_in("MA", deposit="1200.00")
    client.force_login(person(Role.BOOKKEEPER, home.entity))
    path = f"/deposits/accounts/{home.deposit_book.pk}/"
    client.post(f"{path}rate/", {"year": 2025, "percent": "3", "source": "Bank's letter"})
    on = date(2025, 12, 31)
    client.post(f"{path}interest/", {"amount": "36.00", "on": on, "name": "December"})
    assert BankInterest.objects.get().amount == usd("36")

    page = read(client, "/deposits/interest/")

    assert "1,200.00 at 3 % (Bank&#x27;s letter), 365 of 365 days" in page
    assert "36.00" in page
    answer = client.post("/deposits/interest/", {"entity": home.entity.pk}, follow=True)
    assert "1 credited, 36.00 in all" in answer.content.decode()
    assert "No interest is due" in read(client, "/deposits/interest/")


def test_escrow_is_opened_funded_and_paid_in_the_browser(browser: Client, home: Company) -> None:
    make.fund_owner(home, "1000.00", on=date(2026, 1, 1))
    make.checks(home.rent_book)
    answer = browser.post(
        "/deposits/escrows/", {"property": home.property.pk, "kind": "tax", "target": "0"}
    )
    path = answer.headers["Location"]
    today = timezone.localdate()
    browser.post(f"{path}expect/", {"payee": "County", "amount": "120", "due_on": today})
    page = browser.post(f"{path}fund/", {"on": today}, follow=True).content.decode()
    assert "120.00 is put aside." in page
    bill = home.property.escrow_funds.get().bills.get()

    page = browser.post(
        f"/deposits/bills/{bill.pk}/pay/", {"on": today, "method": "check"}, follow=True
    ).content.decode()

    assert "County is paid." in page


def test_hand_over_is_made_in_the_browser(browser: Client, home: Company) -> None:
    make.checks(home.deposit_book)
    facts = {
        "property": home.property.pk,
        "kind": "manager",
        "to": "Next Co.",
        "on": timezone.localdate(),
    }
    page = browser.post("/deposits/hand-overs/", facts, follow=True).content.decode()

    assert "2,000.00" in page
    assert home.lease.code in page


def test_owner_part_is_recorded_and_brought(browser: Client, home: Company) -> None:
    path = f"/deposits/leases/{home.lease.pk}/"
    services.deposit_of(home.lease)
    browser.post(f"{path}owner/", {"amount": "100.00"})
    page = browser.post(
        f"{path}bring/",
        {"amount": "100.00", "on": timezone.localdate(), "name": "Check 5"},
        follow=True,
    ).content.decode()

    assert "100.00 is in the deposit account." in page
    assert "2,100.00" in page


@pytest.mark.layout
def test_letters_say_what_became_of_the_deposit(
    browser: Client, home: Company, sheet: MoveOut
) -> None:
    assert browser.get(f"/deposits/move-outs/{sheet.pk}/letter.pdf").status_code == 404
    make.checks(home.deposit_book)
    make.reviewed(home, sheet)
    services.settle_move_out(sheet, on=timezone.localdate())

    answer = browser.get(f"/deposits/move-outs/{sheet.pk}/letter.pdf")

    assert answer.content.startswith(b"%PDF")
    notice = Notice.objects.get(kind="disposition")
    browser.post(
        f"/deposits/notices/{notice.pk}/send/", {"on": timezone.localdate(), "how": "mail"}
    )
    notice.refresh_from_db()
    kept = browser.get(f"/deposits/notices/{notice.pk}/letter.pdf").content
    assert kept == bytes(notice.letter or b"")
    sheet.refresh_from_db()
    assert sheet.letter_sent_on == timezone.localdate()


@pytest.mark.parametrize("path", ["accounts", "account", "move-outs", "notices", "escrows"])
def test_queries_do_not_grow_with_the_rows(browser: Client, home: Company, path: str) -> None:
    urls = {"account": f"/deposits/accounts/{home.deposit_book.pk}/"}
    url = urls.get(path, f"/deposits/{path}/")
    _rows_more(home, 2)
    browser.get(url)
    few = _queries_of(browser, url)
    _rows_more(home, 6)

    assert _queries_of(browser, url) == few


def _queries_of(browser: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(url).status_code == 200
    return len(queries)


def _rows_more(home: Company, count: int) -> None:
    """More leases, each with a deposit, a sheet and a paper."""
    for _ in range(count):
        unit = create_unit(property_=home.property, code=f"Q{home.property.units.count()}")
        lease = make.fresh(lease_in(unit, starts_on=date(2025, 1, 1)))
        make.hold(lease, "500.00", on=date(2025, 1, 1))
        row = services.start_move_out(lease, moved_out_on=date(2026, 1, 5))
        services.add_deduction(row, NewDeduction(kind="damage", amount=usd("5"), memo="A scratch"))
        Notice.objects.create(
            deposit=row.deposit, kind="receipt", event_on=date(2026, 1, 1), due_on=date(2026, 1, 2)
        )
