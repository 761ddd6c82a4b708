"""Portfolio files: what they must be, what is refused, and that nothing is written by halves."""

import io
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from desk.models import LegalEntity
from leases.models import Lease, OwnershipShare, Property, Tenant, Unit
from leases.queries import agreement_on, shares_on
from ledger import queries as ledger_queries
from ledger.models import BankAccount, Book, Entry
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.importing import ImportOutcome, Upload, import_portfolio
from receivables.models import Charge, OpeningItem, PortfolioImport, Receipt, RecurringCharge

pytestmark = pytest.mark.django_db

CUT_OVER = date(2026, 2, 28)
GOOD: Mapping[str, str] = {
    "trust_accounts.csv": (
        "Account,Purpose,Bank,Routing number,Account number,Balance\n"
        'Rent trust,rent,First Bank,021000021,000123456789,"$4,150.00"\n'
        "Deposit trust,security deposits,First Bank,021000021,000987654321,1500.00\n"
    ),
    "properties.csv": (
        "Code,Name,State,Street,City,Zip\n"
        "ELM,Elm Street,AZ,12 Elm Street,Phoenix,85001\n"
        "OAK,Oak Court,AZ,9 Oak Court,Tempe,85281\n"
    ),
    "owners.csv": (
        "Property,Owner,Owner name,Share\n"
        "ELM,OA,Ann Adler,1/3\n"
        "ELM,OB,Ben Brook,1/3\n"
        "ELM,OC,Cy Cole,1/3\n"
        "OAK,OA,Ann Adler,\n"
    ),
    "agreements.csv": "Property,Fee rate,Allocation order\nELM,8 %,rent first\nOAK,0.1,\n",
    "rent_roll.csv": (
        "Rent Roll\n"
        "Properties: All\n"
        "Property,Unit,Tenant,Status,Rent,Deposit,Lease From,Lease To,Move-in,BD/BA\n"
        'Elm Street,1,"Garcia, Maria",Current,"1,200.00",1500.00,01/01/2026,12/31/2026,,2/1\n'
        "Elm Street,2,John Smith & Jo Smith,Current,900.00,,07/01/2025,06/30/2026,,1/1\n"
        "Oak Court,A,,Vacant-Unrented,,,,,,3/2\n"
    ),
    "opening_balances.csv": (
        "Account,Holder,Amount,Property,Owner,Lease,Memo\n"
        "Rent trust,owner,1000.00,ELM,OA,,\n"
        "Rent trust,owner,1000.00,ELM,OB,,\n"
        "Rent trust,owner,1000.00,ELM,OC,,\n"
        "Rent trust,owner,(50.00),OAK,,,\n"
        "Rent trust,prepaid,300.00,,,ELM-2,\n"
        "Rent trust,suspense,200.00,,,,Zelle from K\n"
        "Rent trust,company,100.00,,,,\n"
    ),
    "deposits.csv": "Lease,Amount held\nELM-1,1500.00\n",
    "open_charges.csv": "Lease,Due on,Amount due,Charge\nELM-1,2026-02-01,250.00,rent\n",
    "outstanding.csv": (
        "Account,Item,Number,Dated on,Amount,Party\n"
        "Rent trust,check,1041,2026-02-20,900.00,Plumber\n"
        "Rent trust,deposit,7,2026-02-27,300.00,\n"
    ),
}


def files(**changed: str) -> list[Upload]:
    """The good set with files changed by stem; an empty text leaves a file out."""
    named = {f"{stem}.csv": text for stem, text in changed.items()}
    together = {**GOOD, **named}
    return [Upload(name, text.encode()) for name, text in together.items() if text]


def run(*uploads: Upload, is_dry_run: bool = False) -> ImportOutcome:
    """Import files into the company Harbor."""
    return import_portfolio(
        uploads or files(),
        entity_name="Harbor",
        state="AZ",
        cut_over_on=CUT_OVER,
        is_dry_run=is_dry_run,
    )


def said(outcome: ImportOutcome) -> list[str]:
    """Every problem as a person reads it."""
    return [str(each) for each in outcome.problems]


def rows_written() -> Iterator[int]:
    """How many rows each table that an import writes has."""
    for model in (
        LegalEntity,
        Book,
        BankAccount,
        Property,
        OwnershipShare,
        Unit,
        Tenant,
        Lease,
        RecurringCharge,
        Charge,
        Receipt,
        OpeningItem,
        PortfolioImport,
        Entry,
    ):
        yield model._default_manager.count()


def test_good_files_make_the_whole_portfolio() -> None:
    outcome = run()

    assert said(outcome) == []
    elm = Property.objects.get(code="ELM")
    assert [share.share for share in shares_on(elm, CUT_OVER)] == [
        *(usd("0.33333334").amount,),
        *(usd("0.33333333").amount,) * 2,
    ]
    agreement = agreement_on(elm, CUT_OVER)
    assert agreement is not None
    assert agreement.allocation_order == "rent_first"
    smiths = Lease.objects.get(code="ELM-2")
    assert [row.tenant.name for row in smiths.tenancies.order_by("id")] == [
        "John Smith",
        "Jo Smith",
    ]
    assert Unit.objects.filter(property__code="OAK", code="A").exists()
    assert RecurringCharge.objects.get(lease=smiths).from_on == date(2026, 3, 1)
    assert outcome.ignored == {"rent_roll.csv": ["BD/BA"]}


def test_cut_over_is_posted_so_that_bank_book_and_beneficiaries_agree() -> None:
    run()

    rent = Book.objects.get(name="Rent trust")
    equation = ledger_queries.trust_equation(rent.pk, on=CUT_OVER)
    assert equation.cash == usd("3550.00")  # 4,150 less the check of 900 with the 300 on its way.
    assert equation.held == equation.cash
    held = ledger_queries.balances(book_id=rent.pk)
    assert held[services.suspense_of(rent.entity_id)] == usd("200.00")
    assert held[Lease.objects.get(code="ELM-2").prepaid_id] == usd("300.00")
    assert {
        item.number: item.entry.lines.get(beneficiary=None).amount
        for item in OpeningItem.objects.all()
    } == {"1041": usd("-900.00"), "7": usd("300.00")}
    deposit = Book.objects.get(name="Deposit trust")
    maria = Lease.objects.get(code="ELM-1")
    assert ledger_queries.balance(book_id=deposit.pk, beneficiary_id=maria.deposit_id) == usd(1500)
    assert queries.owed(maria) == usd("250.00")


def test_prepaid_rent_brought_forward_pays_the_next_charge() -> None:
    run()

    services.post_monthly_charges(LegalEntity.objects.get(name="Harbor"), date(2026, 3, 1))

    assert queries.owed(Lease.objects.get(code="ELM-2")) == usd("600.00")


def test_money_in_suspense_brought_forward_waits_for_its_lease() -> None:
    run()

    (receipt,) = queries.suspense_receipts()
    services.assign_receipt(receipt, Lease.objects.get(code="ELM-1"), on=date(2026, 3, 5))

    assert queries.owed(Lease.objects.get(code="ELM-1")) == usd("50.00")


def test_dry_run_says_the_same_and_writes_nothing() -> None:
    before = list(rows_written())

    dry = run(is_dry_run=True)

    assert list(rows_written()) == before
    assert dry.created == run().created
    assert [proof.difference for proof in dry.proofs] == [usd(0), usd(0)]


def test_same_files_again_change_nothing() -> None:
    run()
    before = list(rows_written())

    again = run()

    assert said(again) == []
    assert list(rows_written()) == before
    assert not +again.created


def test_a_cent_between_bank_and_beneficiaries_refuses_everything() -> None:
    off = GOOD["trust_accounts.csv"].replace('"$4,150.00"', "4150.01")

    outcome = run(*files(trust_accounts=off))

    assert said(outcome) == [
        ": Rent trust does not agree: bank 4,150.01 less checks 900.00 with deposits in transit"
        " 300.00 is 3,550.01, beneficiaries are 3,550.00: 0.01 apart"
    ]
    assert not LegalEntity.objects.filter(name="Harbor").exists()


def test_changed_opening_balance_is_refused_after_the_import() -> None:
    run()
    moved = (
        GOOD["opening_balances.csv"]
        .replace("owner,1000.00,ELM,OA", "owner,1100.00,ELM,OA")
        .replace("owner,1000.00,ELM,OB", "owner,900.00,ELM,OB")
    )

    outcome = run(*files(opening_balances=moved))

    assert [each.line for each in outcome.problems] == [2, 3]
    assert "was imported as 1,000.00, the file says 1,100.00" in said(outcome)[0]


def test_opening_balance_that_is_missing_later_is_refused() -> None:
    run()
    fewer = GOOD["open_charges.csv"] + "ELM-2,2026-02-01,10.00,parking\n"
    fewer = fewer.replace("ELM-1,2026-02-01,250.00,rent\n", "")

    outcome = run(*files(open_charges=fewer))

    assert any("was imported before and is missing now" in each for each in said(outcome))
    assert any(
        "was not among the opening balances imported before" in each for each in said(outcome)
    )


def test_new_units_and_leases_may_follow_later() -> None:
    run()

    outcome = run(
        Upload(
            "rent_roll.csv",
            b"Property,Unit,Tenant,Rent,Lease From\nOAK,A,Nia New,1000,03/15/2026\n",
        )
    )

    assert said(outcome) == []
    assert Lease.objects.get(code="OAK-A").starts_on == date(2026, 3, 15)


def test_master_data_is_not_changed_by_an_import() -> None:
    run()
    renamed = GOOD["properties.csv"].replace("Oak Court,AZ", "Oak Plaza,AZ")

    outcome = run(*files(properties=renamed))

    assert said(outcome)[0].startswith("properties.csv, line 3, column name: property OAK stands")
    assert Property.objects.get(code="OAK").name == "Oak Court"


@pytest.mark.parametrize(
    ("stem", "was", "becomes", "problem"),
    [
        ("properties", "ELM,Elm Street,AZ", "ELM,Elm Street,XX",
         "properties.csv, line 2, column State: 'XX' is no state"),
        ("properties", "12 Elm Street", "=HYPERLINK(1)",
         "properties.csv, line 2, column Street: '=HYPERLINK(1)' begins like a spreadsheet"),
        ("owners", "OB,Ben Brook,1/3", "OB,Ben Brook,1/4",
         "owners.csv, line 2, column share: the shares of Elm Street are 1/3 + 1/4 + 1/3"),
        ("agreements", "8 %", "8", "agreements.csv, line 2, column Fee rate: '8' is no rate"),
        ("rent_roll", "01/01/2026", "13/01/2026",
         "rent_roll.csv, line 4, column Lease From: '13/01/2026' is no day"),
        ("rent_roll", '"1,200.00"', '"1,20.00"',
         "rent_roll.csv, line 4, column Rent: '1,20.00' is no amount"),
        ("rent_roll", "Oak Court,A", "Pine,A",
         "rent_roll.csv, line 6, column property: there is no property 'Pine'"),
        ("deposits", "ELM-1,1500.00", "ELM-9,1500.00",
         "deposits.csv, line 2, column lease: there is no lease 'ELM-9'"),
        ("opening_balances", "company,100.00", "king,100.00",
         "opening_balances.csv, line 8, column Holder: 'king' is no holder of money"),
        ("opening_balances", "Rent trust,prepaid,300.00,,,ELM-2", "Rent trust,prepaid,300.00,,,",
         "opening_balances.csv, line 6, column lease: is empty"),
        ("outstanding", "check,1041,2026-02-20", "check,1041,2026-03-01",
         "outstanding.csv, line 2, column dated on: lies after the cut-over"),
        ("trust_accounts", "021000021,000123456789", "021000022,000123456789",
         "trust_accounts.csv, line 2, column Routing number: '021000022' is no routing number"),
        ("open_charges", "250.00", "-250.00",
         "open_charges.csv, line 2, column Amount due: '-250.00' is not above zero"),
        ("open_charges", "Due on", "When",
         "open_charges.csv, line 1: Open charges: no column due on"),
        ("units", "", "Property,Unit\nELM,\"1\nELM,2\n",
         "units.csv, line 2: the quotes do not close"),
    ],
)  # fmt: skip
def test_bad_row_is_refused_with_its_place_and_reason(
    stem: str, was: str, becomes: str, problem: str
) -> None:
    text = GOOD.get(f"{stem}.csv", "")
    changed = text.replace(was, becomes, 1) if was else becomes
    assert changed != text

    outcome = run(*files(**{stem: changed}))

    assert any(each.startswith(problem) for each in said(outcome)), said(outcome)
    assert not LegalEntity.objects.filter(name="Harbor").exists()


def test_all_bad_rows_are_told_and_not_what_follows_from_them() -> None:
    bad = GOOD["properties.csv"].replace("ELM,Elm Street,AZ", "ELM,Elm Street,QQ")
    also = GOOD["rent_roll.csv"].replace("900.00", "nine hundred")

    outcome = run(*files(properties=bad, rent_roll=also))

    rows = [each for each in outcome.problems if each.line]
    assert [(each.file, each.line) for each in rows] == [
        ("properties.csv", 2),
        ("rent_roll.csv", 5),
    ]


def test_row_that_needs_a_refused_one_is_not_told_again() -> None:
    ambiguous = GOOD["trust_accounts.csv"] + "Rent trust two,rent,First Bank,,55556666,0\n"

    outcome = run(*files(trust_accounts=ambiguous))

    assert {(each.file, each.column) for each in outcome.problems} == {
        ("properties.csv", "rent account")
    }


def test_same_opening_twice_is_refused() -> None:
    twice = GOOD["deposits.csv"] + "ELM-1,1500.00\n"

    outcome = run(*files(deposits=twice))

    assert "deposits.csv, line 3: stands in deposits.csv, line 2 already" in said(outcome)[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"PK\x03\x04rest", "this is a spreadsheet; save it as CSV"),
        (b"a\x00b,c\n", "this is no text file"),
        (b"hello\nworld\n", "no header is recognised"),
        (b"", "no header is recognised"),
        (b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
    ],
)
def test_file_that_is_no_portfolio_file_is_refused(body: bytes, reason: str) -> None:
    outcome = run(Upload("odd.bin", body))

    assert reason in said(outcome)[0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_encodings_and_delimiters_that_spreadsheets_write_are_read(
    encoding: str, mark: str
) -> None:
    text = GOOD["properties.csv"].replace("Elm Street,AZ", "Élm Street,AZ").replace(",", mark)
    accounts = Upload("trust_accounts.csv", GOOD["trust_accounts.csv"].encode())

    outcome = run(Upload("list.csv", text.encode(encoding)), accounts, is_dry_run=True)

    assert outcome.created["properties"] == 2


def test_new_company_needs_its_state() -> None:
    outcome = import_portfolio(files(), entity_name="Nowhere", cut_over_on=CUT_OVER)

    assert "name its state too" in said(outcome)[0]


def test_command_imports_the_files_of_a_folder(tmp_path: Path) -> None:
    for upload in files():
        (tmp_path / upload.name).write_bytes(upload.body)
    out = io.StringIO()

    call_command(
        "import_portfolio",
        *sorted(map(str, tmp_path.iterdir())),
        "--entity=Harbor",
        "--state=AZ",
        "--cut-over=2026-02-28",
        stdout=out,
    )

    assert "Rent trust: bank 4,150.00, book 3,550.00, beneficiaries 3,550.00" in out.getvalue()
    assert PortfolioImport.objects.get().files[0]["rows"] > 0


def test_command_fails_and_names_each_problem(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text("Property,Unit\nELM,1\n")
    err = io.StringIO()

    with pytest.raises(CommandError, match="1 problems; nothing was imported"):
        call_command("import_portfolio", str(path), "--entity=H", "--state=AZ", stderr=err)

    assert "there is no property 'ELM'" in err.getvalue()
