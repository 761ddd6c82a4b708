"""The bank's side: statements are imported and matched; a person answers what is left."""

from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Sum

from ledger.models import BankAccount, Period
from ledger.services import close_period, open_period
from proptrust.lib.money import ZERO, plain, usd
from receivables.models import Receipt
from reconciliation import services
from reconciliation.models import BankLine
from reconciliation.services.answers import Why
from tests.simulator.files.banks import bai2
from tests.simulator.life import BankMove
from tests.simulator.world import SimAccount
from tests.stories.reading import Args, StoryError
from tests.stories.stage import Stage
from tests.stories.verbs import verb


@verb("bank")
def bank(stage: Stage, args: Args) -> str:
    """The bank's statement of the day: `account`, `lines` with `amount`, `text`, `check`,
    `reference`. It is imported as a BAI2 file and matched."""
    account = stage.account(args.text("account", "rent"), args.place)
    moves = []
    for row in args.rows("lines"):
        check = row.text("check", "")
        amount = row.money("amount").amount
        code = ("475" if amount < 0 else "174") if check else ("455" if amount < 0 else "165")
        moves.append(
            BankMove(
                "", account.purpose, stage.on, amount, row.text("code", code),
                row.text("reference", ""), row.text("text", "BANK LINE"), (), check,
            )
        )  # fmt: skip
        row.done()
    opening = _balance(stage, account)
    closing = opening + sum(move.amount for move in moves)
    sim = SimAccount(
        "", account.purpose, account.book.name, account.bank_name, account.routing_number,
        str(account.account_number), "bai2",
    )  # fmt: skip
    stored = services.store_file(
        entity_id=stage.entity.pk,
        name=f"{account.last_four}-{stage.on:%Y%m%d}-{stage.keys}.bai",
        body=bai2(sim, stage.on, opening, closing, moves),
        bank_account_id=account.pk,
    )
    file = services.import_file(stored.pk)
    if file.state != "imported":
        raise StoryError(args.place, f"the statement was {file.state}: {file.reason}")
    services.match_account(account.pk)
    todays = BankLine.objects.filter(bank_account=account, posted_on=stage.on)
    matched = todays.filter(is_matched=True).count()
    return f"{len(moves)} bank lines, balance {plain(usd(closing))}; {matched} of the day's matched"


@verb("answer bank line")
def answer(stage: Stage, args: Args) -> str:
    """A person answers an open bank line: `account`, `amount`, `as what`: tenant (`lease`),
    suspense, bank fee, company repays, returned item (`payment`)."""
    account = stage.account(args.text("account", "rent"), args.place)
    line = BankLine.objects.filter(
        bank_account=account, is_matched=False, amount=args.money("amount").amount
    ).first()
    if line is None:
        raise StoryError(args.place, "no open bank line has this amount")
    why = Why(actor_id=stage.maker.pk)
    what = args.choice(
        "as what", ["tenant", "suspense", "bank fee", "company repays", "returned item"]
    )
    if what == "tenant":
        services.receive_from(line.pk, stage.lease(args.text("lease"), args.place).pk, why)
    elif what == "suspense":
        services.put_into_suspense(line.pk, why)
    elif what == "returned item":
        services.take_back(line.pk, stage.thing(Receipt, args, "payment").pk, why)
    elif what == "bank fee":
        services.book_fee(line.pk, why)
    else:
        services.repay(line.pk, why)
    return f"The bank line of {plain(line.amount)} was answered: {what}"


@verb("close month")
def close_month(stage: Stage, args: Args) -> str:
    """The books' periods of a month are closed: `month` (a day of it), `accounts` (all)."""
    first = args.day("month").replace(day=1)
    names = args.list("accounts", list(stage.accounts))
    books = {stage.account(name, args.place).book_id for name in names}
    books |= {property_.book_id for property_ in stage.properties.values()}
    for book_id in sorted(books):
        _close_until(book_id, first, stage)
    return f"{first:%B %Y} is closed"


def _close_until(book_id: int, first: date, stage: Stage) -> None:
    last = Period.objects.filter(book=book_id).order_by("-first_on").first()
    day = (last.last_on + timedelta(days=1)) if last else stage.story.steps[0].on.replace(day=1)
    while day <= first:
        open_period(book_id=book_id, first_on=day)
        close_period(book_id=book_id, first_on=day, closed_by_id=stage.checker.pk)
        day = (day + timedelta(days=32)).replace(day=1)


def _balance(stage: Stage, account: BankAccount) -> Decimal:
    lines = BankLine.objects.filter(bank_account=account, repeats__isnull=True)
    moved = lines.aggregate(sum=Sum("amount"))["sum"] or ZERO.amount
    return stage.opened.get(account.book_id, ZERO).amount + moved
