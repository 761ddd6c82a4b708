"""Report rows written by hand, for tests of the layout and the verification."""

from dataclasses import replace
from decimal import Decimal

from statements.types import (
    BeneficiaryRow,
    Cover,
    ExceptionRow,
    Integrity,
    JournalRow,
    LateRow,
    NegativeRow,
    OtherRow,
    PersonRow,
    Result,
    SourceRow,
    SubtotalRow,
    TransitRow,
    TrustReportRows,
)


def report_rows(report_id: int = 1, beneficiaries: int = 2) -> TrustReportRows:
    """A small report of June in which the bank knows 13.00 that the book does not."""
    holders = tuple(
        BeneficiaryRow(
            f"owner:{n}", f"Ángela Owner {n}", "Owner, of one property", "100.00", "50.00", "25.00",
            "125.00", "2026-06-20",
        )
        for n in range(beneficiaries)
    )  # fmt: skip
    held = Decimal(125) * beneficiaries
    return TrustReportRows(
        cover=Cover(
            report_id=report_id, version=1, supersedes="", entity="Harborline Property Management",
            state="CA", licence_number="01234567", broker_of_record="Dana Whitfield",
            bank="First Bank of Oakland", account_title="Harborline Rent Trust",
            account_number_masked="···4821", account_type="Rent trust", from_on="2026-06-01",
            to_on="2026-06-30", known_at="2026-07-02T09:30:00+00:00",
            time_zone="America/Los_Angeles", currency="USD",
        ),
        result=Result(
            statement_balance=f"{held + 13:.2f}", deposits_in_transit="40.00",
            deposits_in_transit_count=1, outstanding_payments="-40.00",
            outstanding_payments_count=1, adjusted_bank=f"{held + 13:.2f}", book=f"{held:.2f}",
            beneficiaries_positive=f"{held:.2f}", beneficiaries_positive_count=beneficiaries,
            beneficiaries_negative="0.00", beneficiaries_negative_count=0,
            beneficiaries=f"{held:.2f}", bank_less_book="13.00", book_less_beneficiaries="0.00",
            outcome="not_certifiable", reasons=("The bank and the book differ by 13.00.",),
        ),
        deposits_in_transit=(
            TransitRow("2026-06-30", "S-0101", "", "Deposit slip S-0101", "40.00", 0, False),
        ),
        outstanding_payments=(
            TransitRow("2026-03-01", "1042", "Hazel Plumbing", "Check 1042", "-40.00", 121, True),
        ),
        other_items=(
            OtherRow("2026-06-24", "the bank moved money that the book does not know",
                     "COUNTER CREDIT", "13.00", 6, "EX-12"),
        ),
        opening=f"{100 * beneficiaries}.00", money_in=f"{50 * beneficiaries}.00",
        money_out=f"{25 * beneficiaries}.00", closing=f"{held:.2f}",
        journal=(
            JournalRow("2026-06-02", 7, "Receipt", "Rent L0001", "Ángela Owner 0",
                       "50.00", "", "150.00"),
            JournalRow("2026-06-20", 9, "Owner draw", "Draw", "Ángela Owner 0",
                       "", "25.00", "125.00"),
        ),
        beneficiaries=holders,
        subtotals=(
            SubtotalRow("Owner, of one property", beneficiaries, f"{100 * beneficiaries}.00",
                        f"{50 * beneficiaries}.00", f"{25 * beneficiaries}.00", f"{held:.2f}"),
        ),
        negatives=(
            NegativeRow("owner:1", "Ángela Owner 1", "2026-06-10", "2026-06-12", "-15.00", True,
                        "Return R01 of L0002"),
        ),
        exceptions=(
            ExceptionRow("EX-12", "Warning: Bank line unmatched", "Bank line unmatched",
                         "No journal line answers the credit of 13.00.", "13.00", "2026-06-24", 6,
                         "", ""),
        ),
        late_entries=(LateRow("2026-05-30", "2026-06-03 10:00 UTC", 5, "Return of May", "75.00"),),
        people=(PersonRow("Dana Whitfield", "Bookkeeper"),),
        sources=(SourceRow("june.bai", "bai2", "2026-07-01 06:00 UTC", "ab" * 32),),
        integrity=Integrity(9, "cd" * 32, 2, 6, "ef" * 32, "", "PropTrust test"),
    )  # fmt: skip


def with_changed_amount(rows: TrustReportRows) -> TrustReportRows:
    """The same report with the first beneficiary's closing changed."""
    first, *others = rows.beneficiaries
    return replace(rows, beneficiaries=(replace(first, closing="999.00"), *others))
