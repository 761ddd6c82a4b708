"""Bank files in: once, whole, and never quietly wrong."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from proptrust.lib.money import usd
from reconciliation import services
from reconciliation.models import BankLine, IntradayLine, Sighting, Statement, StatementFile
from tests.factories.ledger import BankAccountFactory
from tests.factories.reconciliation import (
    MONDAY,
    Move,
    a_bank_account,
    bai2,
    imported,
    lines_of,
    move,
    ofx,
)

pytestmark = pytest.mark.django_db
TUESDAY = MONDAY + timedelta(days=1)


def test_file_is_kept_before_it_is_read_and_the_same_bytes_are_one_file() -> None:
    account = a_bank_account()
    body = bai2(account, MONDAY, [move("100.00")])

    one, two = (
        services.store_file(entity_id=account.book.entity_id, name=name, body=body)
        for name in ("a.bai", "b.bai")
    )

    assert one.pk == two.pk
    assert one.state == StatementFile.State.STORED
    assert bytes(one.body) == body


def test_statement_finds_its_account_and_its_lines_are_stored() -> None:
    a_bank_account()
    account = a_bank_account()

    file = imported(account, bai2(account, MONDAY, [move("100.00", "RENT"), move("-20.00")]))

    assert (file.state, file.lines_new, file.lines_known) == ("imported", 2, 0), file.reason
    assert [(line.amount, line.description) for line in lines_of(account)] == [
        (usd("100.00"), "RENT"),
        (usd("-20.00"), "DEPOSIT"),
    ]
    statement = Statement.objects.get(bank_account=account)
    assert (statement.opening, statement.closing) == (usd(0), usd(80))


def test_importing_a_file_again_changes_nothing() -> None:
    account = a_bank_account()
    file = imported(account, bai2(account, MONDAY, [move("100.00")]))

    again = services.import_file(file.pk)

    assert again.lines_new == 1
    assert len(lines_of(account)) == 1


def test_two_equal_payments_on_one_day_stay_two() -> None:
    account = a_bank_account()

    imported(account, bai2(account, MONDAY, [move("50.00"), move("50.00")]))

    assert [line.number for line in lines_of(account)] == [1, 2]


def test_second_download_with_the_same_count_adds_none_and_with_one_more_adds_one() -> None:
    account = a_bank_account()
    imported(account, bai2(account, MONDAY, [move("50.00"), move("50.00")]))

    same = imported(account, bai2(account, MONDAY, [move("50.00")] * 2))
    more = imported(account, bai2(account, MONDAY, [move("50.00")] * 3))

    assert (same.lines_new, same.lines_known) == (0, 2)
    assert (more.lines_new, more.lines_known) == (1, 2)


def test_bank_id_that_is_used_again_does_not_swallow_a_payment() -> None:
    account = a_bank_account()
    moves = [move("50.00", id="1"), move("70.00", id="1"), move("50.00", id="1", on=TUESDAY)]

    imported(account, ofx(account, moves))

    assert len(lines_of(account)) == 3


def test_check_whose_bank_id_changes_from_download_to_download_is_one_line() -> None:
    account = a_bank_account()
    imported(account, ofx(account, [move("-120.00", "CHECK", check="2041", id="1")]))

    file = imported(account, ofx(account, [move("-120.00", "CHECK", check="2041", id="9")]))

    assert (file.lines_new, file.lines_known) == (0, 1)


def test_reworded_description_under_the_same_bank_id_is_the_same_line() -> None:
    account = a_bank_account()
    imported(account, ofx(account, [move("50.00", "PENDING ZELLE", id="77")]))

    file = imported(account, ofx(account, [move("50.00", "ZELLE FROM ROSA", id="77")]))

    assert (file.lines_new, file.lines_known) == (0, 1)


def test_same_movement_in_two_formats_is_counted_once() -> None:
    account = a_bank_account()
    moves = [
        move("875.00", "ZELLE FROM ROSA GARCIA", reference="Z00123", id="1"),
        move("-120.00", "CHECK", check="2041", id="2"),
    ]
    imported(account, bai2(account, MONDAY, moves))

    file = imported(account, ofx(account, moves))

    assert (file.lines_new, file.lines_known) == (0, 2)
    assert len(lines_of(account)) == 2
    assert Sighting.objects.filter(is_doubtful=True).count() == 0
    assert imported(account, ofx(account, moves, closing="1")).lines_new == 0


def test_equal_amounts_in_two_formats_find_their_own_partner() -> None:
    account = a_bank_account()
    rosa, raul = move("875.00", "ZELLE ROSA GARCIA"), move("875.00", "ZELLE RAUL GARCIA")
    imported(account, bai2(account, MONDAY, [rosa, raul]))

    imported(account, ofx(account, [raul, rosa]))

    found = {
        sighting.description.split()[1]: sighting.bank_line.description.split()[1]
        for sighting in Sighting.objects.select_related("bank_line")
    }
    assert found == {"RAUL": "RAUL", "ROSA": "ROSA"}
    assert len(lines_of(account)) == 2


def test_different_check_numbers_are_different_lines_in_any_format() -> None:
    account = a_bank_account()
    imported(account, bai2(account, MONDAY, [move("-120.00", "CHECK", check="2041")]))

    file = imported(account, ofx(account, [move("-120.00", "CHECK", check="2042")]))

    assert file.lines_new == 1


def test_nothing_but_day_and_amount_in_common_is_one_line_and_doubtful() -> None:
    account = a_bank_account()
    imported(account, bai2(account, MONDAY, [move("300.00", "LOCKBOX 77")]))

    imported(account, ofx(account, [move("300.00", "COUNTER CREDIT")]))

    assert len(lines_of(account)) == 1
    assert Sighting.objects.get().is_doubtful


def test_one_more_in_the_second_format_is_one_more_line() -> None:
    account = a_bank_account()
    imported(account, ofx(account, [move("50.00", "ZELLE ROSA")], closing="50"))

    file = imported(
        account, bai2(account, MONDAY, [move("50.00", "ZELLE ROSA"), move("50.00", "ZELLE ROSA")])
    )

    assert (file.lines_new, file.lines_known) == (1, 1)


def test_intraday_lines_wait_for_the_final_report() -> None:
    account = a_bank_account()

    imported(account, bai2(account, MONDAY, [move("100.00")], is_intraday=True))

    assert lines_of(account) == []
    assert IntradayLine.objects.get().amount == usd(100)
    assert imported(account, bai2(account, MONDAY, [move("100.00")])).lines_new == 1


def test_broken_file_is_refused_whole_with_its_line_and_kept() -> None:
    account = a_bank_account()
    good = bai2(account, MONDAY, [move("100.00"), move("5.00")])
    body = good.replace(b"16,165,500,", b"16,165,5O0,")

    file = imported(account, body)

    assert file.state == StatementFile.State.REFUSED
    assert file.line == 5
    assert file.reason
    assert lines_of(account) == []
    assert bytes(StatementFile.objects.get(pk=file.pk).body) == body


def test_statement_that_does_not_add_up_is_refused_until_a_person_takes_it() -> None:
    account = a_bank_account()
    file = imported(account, bai2(account, MONDAY, [move("100.00")], closing="90"))
    assert file.state == StatementFile.State.REFUSED
    assert "out by -10" in file.reason

    taken = services.try_again(file.pk, must_balance=False)

    assert (taken.state, taken.lines_new) == ("imported", 1)


def test_file_of_another_account_than_the_given_one_is_refused() -> None:
    account = a_bank_account()

    file = imported(
        account, bai2(account, MONDAY, [move("1.00")], number="99887766"), is_given=True
    )

    assert file.state == StatementFile.State.REFUSED
    assert "···7766" in file.reason


def test_unknown_account_is_refused() -> None:
    account = a_bank_account()

    file = imported(account, bai2(account, MONDAY, [move("1.00")], number="99887766"))

    assert file.state == StatementFile.State.REFUSED
    assert "no bank account" in file.reason


def test_masked_number_that_fits_two_accounts_is_refused_and_imported_for_the_chosen_one() -> None:
    account = BankAccountFactory.create(account_number="1111004821")
    BankAccountFactory.create(account_number="2222004821", book__entity=account.book.entity)
    file = imported(account, ofx(account, [move("1.00")], number="XXXXXX4821"))
    assert file.state == StatementFile.State.REFUSED
    assert "more than one" in file.reason

    chosen = services.try_again(file.pk, bank_account_id=account.pk)

    assert (chosen.state, len(lines_of(account))) == ("imported", 1)


def test_masked_number_with_another_routing_number_is_another_account() -> None:
    account = BankAccountFactory.create(account_number="1111004821")
    other = BankAccountFactory.create(
        account_number="2222004821", book__entity=account.book.entity, routing_number="011000015"
    )

    imported(account, ofx(other, [move("1.00")], number="XXXXXX4821"))

    assert len(lines_of(other)) == 1
    assert lines_of(account) == []


def test_file_that_stops_its_worker_again_and_again_is_refused() -> None:
    account = a_bank_account()
    file = services.store_file(
        entity_id=account.book.entity_id, name="x", body=bai2(account, MONDAY, [move("1.00")])
    )
    StatementFile.objects.filter(pk=file.pk).update(attempts=3)

    after = services.import_file(file.pk)

    assert after.state == StatementFile.State.REFUSED
    assert "never came to its end" in after.reason


def test_complete_statement_remembers_the_known_lines_that_it_does_not_have() -> None:
    account = a_bank_account()
    imported(account, bai2(account, MONDAY, [move("10.00", "A"), move("20.00", "B")]))

    imported(account, bai2(account, MONDAY, [move("10.00", "A")]))

    gone = lines_of(account)[1]
    assert Statement.objects.latest("id").absent == [gone.pk]


def test_pages_of_one_statement_count_equal_lines_together() -> None:
    account = a_bank_account()
    page = (
        "\n:20:1\n:25:{number}\n:28C:1/{page}\n:60{o}:C260302USD{opening},00\n"
        ":61:2603020302C50,00NTRFNONREF\n:62{c}:C260302USD{closing},00\n-\n"
    )
    number = str(account.account_number)
    body = page.format(number=number, page=1, o="F", opening=0, c="M", closing=50) + page.format(
        number=number, page=2, o="M", opening=50, c="F", closing=100
    )

    file = imported(account, body.encode(), is_given=True)

    assert file.state == "imported", file.reason
    assert len(lines_of(account)) == 2


def test_amount_that_is_no_whole_count_of_cents_is_refused() -> None:
    account = a_bank_account()
    body = ofx(account, [move("10.00")]).replace(b"<TRNAMT>10.00", b"<TRNAMT>10.005")

    file = imported(account, body)

    assert file.state == StatementFile.State.REFUSED
    assert "cents" in file.reason


def test_hundred_lines_take_as_many_queries_as_one(
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    account = a_bank_account()
    file = services.store_file(
        entity_id=account.book.entity_id,
        name="x",
        body=bai2(account, MONDAY, [move(f"{n}.00") for n in range(1, 300)]),
    )

    with django_assert_max_num_queries(30):  # type: ignore[operator]
        services.import_file(file.pk)

    assert BankLine.objects.count() == 299


# What holds for every way to cut a truth into downloads

_AMOUNTS = st.sampled_from(["10.00", "20.00", "-5.00"])
_TEXTS = st.sampled_from(["ZELLE ANNA", "ZELLE BERT", "DEPOSIT"])
_DAYS = 6


@st.composite
def _truths(draw: st.DrawFn) -> list[list[Move]]:
    """For each day its movements, with many that are equal."""
    days = []
    number = 0
    for day in range(_DAYS):
        on = MONDAY + timedelta(days=day)
        moves = []
        for _ in range(draw(st.integers(0, 4))):
            number += 1
            amount, text = draw(_AMOUNTS), draw(_TEXTS)
            moves.append(move(amount, text, on=on, id=f"T{number}", reference=f"R{number:06d}"))
        days.append(moves)
    return days


@st.composite
def _downloads(draw: st.DrawFn) -> list[tuple[str, int, int, int]]:
    """Downloads: format, first and last day, and how many lines of the last day it knows."""
    cuts = []
    for _ in range(draw(st.integers(1, 5))):
        first = draw(st.integers(0, _DAYS - 1))
        last = draw(st.integers(first, _DAYS - 1))
        cuts.append((draw(st.sampled_from(["ofx", "bai2"])), first, last, draw(st.integers(0, 4))))
    return [*cuts, ("ofx", 0, _DAYS - 1, 99)]


class AnyDownloads(TestCase):
    @given(truth=_truths(), downloads=_downloads(), with_references=st.booleans())
    def test_import_exactly_the_truth(
        self,
        truth: list[list[Move]],
        downloads: list[tuple[str, int, int, int]],
        with_references: bool,
    ) -> None:
        account = a_bank_account()
        total = sum((each.amount for moves in truth for each in moves), Decimal(0))
        for format_, first, last, until in downloads:
            if format_ == "ofx":  # Fetched in the middle of its last day.
                known = [each for moves in truth[first:last] for each in moves]
                known += truth[last][:until]
                closing = sum(
                    (each.amount for moves in truth[:last] for each in moves), Decimal(0)
                ) + sum((each.amount for each in truth[last][:until]), Decimal(0))
                imported(
                    account,
                    ofx(
                        account,
                        known if with_references else [_bare(each) for each in known],
                        closing=closing,
                        since=MONDAY + timedelta(days=first),
                        until=MONDAY + timedelta(days=last),
                    ),
                )
                continue
            for day in range(first, last + 1):
                before = sum((each.amount for moves in truth[:day] for each in moves), Decimal(0))
                moves = truth[day] if with_references else [_bare(each) for each in truth[day]]
                on = MONDAY + timedelta(days=day)
                imported(account, bai2(account, on, moves, opening=before))

        lines = lines_of(account)
        assert sorted((line.posted_on, line.amount.amount) for line in lines) == sorted(
            (each.on, each.amount) for moves in truth for each in moves
        )
        assert sum((line.amount.amount for line in lines), Decimal(0)) == total


def _bare(each: Move) -> Move:
    """The same without a reference; the OFX id stays, as banks keep it."""
    return Move(each.on, each.amount, each.text, id=each.id)
