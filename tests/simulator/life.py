"""Three months of the sample company: every payment, what became of it, and what the bank saw."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from proptrust.lib.banking import add_banking_days, is_banking_day, next_banking_day
from tests.simulator.world import FEES_BILLED_APART, STATES, SimLease, World

CENT = Decimal("0.01")
COMPANY_ID = "1840000000"  # As the bank gave it to us for our own ACH files.
CASH_COMMISSION = Decimal("3.99")


@dataclass
class SimPayment:
    """One payment that a tenant made or tried to make. fate: settled, failed, returned, disputed,
    refunded; told_lease is empty when the payer gave nothing that names the lease."""

    id: str
    lease: SimLease
    channel: str
    amount: Decimal
    paid_on: date
    payer: str
    told_lease: str
    fate: str = "settled"
    settled_on: date | None = None
    back_on: date | None = None
    code: str = ""
    back_fee: Decimal = Decimal(0)
    typed_amount: Decimal | None = None  # What the office typed, when it transposed two digits.
    batch: str = ""
    number: str = ""
    trace: str = ""

    @property
    def booked(self) -> Decimal:
        """The amount that the office's records say."""
        return self.amount if self.typed_amount is None else self.typed_amount


@dataclass
class SimPayoutItem:
    payment: SimPayment
    what: str  # payment, refund, dispute
    gross: Decimal
    fee: Decimal
    available_on: date


@dataclass
class SimPayout:
    id: str
    state: str
    arrives_on: date
    trace: str
    items: list[SimPayoutItem]

    @property
    def amount(self) -> Decimal:
        return sum((item.gross - item.fee for item in self.items), Decimal(0))


@dataclass(frozen=True)
class BankMove:
    """A movement on a bank statement. answers: what in the books it is, by kind and name; a planted
    fault has the kind of finding that must stand on the desk for it."""

    state: str
    purpose: str
    on: date
    amount: Decimal
    code: str  # BAI2 type code.
    reference: str
    text: str
    answers: tuple[str, ...]
    check_number: str = ""
    fault: str = ""


@dataclass
class Life:
    """All that happened. slips, cash_batches and ach_batches: lists of payments by their name."""

    payments: list[SimPayment] = field(default_factory=list)
    payouts: list[SimPayout] = field(default_factory=list)
    slips: dict[str, list[SimPayment]] = field(default_factory=lambda: defaultdict(list))
    cash_batches: dict[str, list[SimPayment]] = field(default_factory=lambda: defaultdict(list))
    ach_batches: dict[str, list[SimPayment]] = field(default_factory=lambda: defaultdict(list))
    moves: list[BankMove] = field(default_factory=list)


def month_starts(world: World) -> list[date]:
    """The first day of each simulated month."""
    first = (world.cut_over_on + timedelta(days=1)).replace(day=1)
    starts = []
    for _ in range(world.months):
        starts.append(first)
        first = (first + timedelta(days=32)).replace(day=1)
    return starts


def last_day(world: World) -> date:
    """The last simulated day."""
    return (month_starts(world)[-1] + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def live(world: World) -> Life:
    """Let the months pass."""
    rng = random.Random(world.seed + 1)
    life = Life()
    for start in month_starts(world):
        for lease in world.leases:
            _pay_month(life, world, rng, lease, start)
    _plant_comebacks(life, rng)
    _plant_transposed_check(life)
    _settle_by_processor(life, world, rng)
    _settle_checks(life, world)
    _settle_cash(life, world)
    _settle_own_ach(life, world, rng)
    _settle_bank_transfers(life)
    _clear_opening_items(life, world)
    _plant_bank_surprises(life, world)
    end = last_day(world)
    life.moves = sorted(
        (move for move in life.moves if move.on <= end),
        key=lambda move: (move.state, move.purpose, move.on, move.reference, move.text),
    )
    return life


def _misspell(rng: random.Random, name: str) -> str:
    """A name as a teller or a phone keyboard writes it: one letter lost, or an initial only."""
    first, last = name.split(" ", 1)
    if rng.random() < 0.4:
        return f"{first[0]} {last}"
    place = rng.randrange(1, len(last) - 1)
    return f"{first} {last[:place]}{last[place + 1 :]}"


def _pay_month(life: Life, world: World, rng: random.Random, lease: SimLease, start: date) -> None:
    due = lease.monthly
    if start == month_starts(world)[0]:
        due -= lease.prepaid
    draw = rng.random()
    day = start + timedelta(days=rng.choice((0, 0, 0, 1, 1, 2, 3, 4)))
    if due <= 0 or draw < 0.03:
        return  # Paid ahead, or does not pay this month.
    if draw < 0.08:
        part = (due * Decimal(rng.choice(("0.5", "0.6", "0.75")))).quantize(CENT, ROUND_HALF_UP)
        _pay(life, rng, lease, part, day)
        if rng.random() < 0.7:
            _pay(life, rng, lease, due - part, start + timedelta(days=14))
        return
    if draw < 0.11:
        day = start + timedelta(days=rng.randrange(9, 20))
    payment = _pay(life, rng, lease, due, day)
    if draw > 0.98 and payment.channel in {"stripe_card", "check", "stripe_ach"}:
        again = _pay(life, rng, lease, due, day + timedelta(days=2))
        if again.channel == "stripe_card":
            again.fate, again.back_on = "refunded", again.paid_on + timedelta(days=5)


def _pay(life: Life, rng: random.Random, lease: SimLease, amount: Decimal, day: date) -> SimPayment:
    payer = rng.choice(lease.tenants)
    told = lease.code
    if lease.channel in {"check", "bank_transfer"}:
        if rng.random() < 0.25:
            payer = _misspell(rng, payer)
        if lease.channel == "bank_transfer" and rng.random() < 0.15:
            told = ""
    payment = SimPayment(
        id=f"{len(life.payments) + 1:05d}",
        lease=lease,
        channel=lease.channel,
        amount=amount,
        paid_on=day,
        payer=payer,
        told_lease=told,
        number=f"{rng.randrange(100, 9900)}",
    )
    if lease.channel in {"stripe_ach", "own_ach"} and rng.random() < 0.03:
        late = rng.random() < 0.5
        payment.fate = "returned"
        payment.code = "R10" if late else "R01"
        payment.back_on = add_banking_days(day, 2) if not late else None
        if late:
            payment.back_on = next_banking_day(day + timedelta(days=rng.randrange(21, 45)))
        if lease.channel == "stripe_ach" and not late:
            payment.fate = "failed"
    if lease.channel == "stripe_card" and rng.random() < 0.02:
        payment.fate = "disputed"
        payment.back_on = next_banking_day(day + timedelta(days=rng.randrange(8, 25)))
    life.payments.append(payment)
    return payment


def transpose(amount: Decimal) -> Decimal | None:
    """The amount with its hundreds and tens of dollars swapped, or None if that changes nothing."""
    dollars = f"{int(amount):05d}"
    swapped = Decimal(dollars[:2] + dollars[3] + dollars[2] + dollars[4]) + amount % 1
    return None if swapped == amount else swapped


def _plant_transposed_check(life: Life) -> None:
    for payment in life.payments:
        typed = transpose(payment.amount)
        if payment.channel == "check" and payment.lease.state == "CA" and typed is not None:
            payment.typed_amount = typed
            return


def _plant_comebacks(life: Life, rng: random.Random) -> None:
    """Have each way of going back at least once, however small the company is."""
    wanted = (
        ("own_ach", "returned", "R01", 2),
        ("own_ach", "returned", "R10", 38),
        ("stripe_ach", "returned", "R10", 31),
        ("stripe_ach", "failed", "R01", 2),
        ("stripe_card", "disputed", "", 12),
    )
    for channel, fate, code, days in wanted:
        if any(p.channel == channel and p.fate == fate and p.code == code for p in life.payments):
            continue
        early = [p for p in life.payments[: len(life.payments) // 2] if p.fate == "settled"]
        candidates = [p for p in early if p.channel == channel]
        if candidates:
            payment = rng.choice(candidates)
            payment.fate, payment.code = fate, code
            payment.back_on = next_banking_day(payment.paid_on + timedelta(days=days))


def _processor_fee(payment: SimPayment) -> Decimal:
    """Made-up prices in a processor's shape: 0.8 % up to 5.00 by ACH, 2.9 % + 0.30 by card."""
    if payment.lease.state in FEES_BILLED_APART:
        return Decimal(0)
    if payment.channel == "stripe_ach":
        return min(Decimal(5), (payment.amount * Decimal("0.008")).quantize(CENT, ROUND_HALF_UP))
    return (payment.amount * Decimal("0.029") + Decimal("0.30")).quantize(CENT, ROUND_HALF_UP)


def _settle_by_processor(life: Life, world: World, rng: random.Random) -> None:
    items: dict[str, list[SimPayoutItem]] = defaultdict(list)
    for payment in life.payments:
        if payment.channel not in {"stripe_ach", "stripe_card"} or payment.fate == "failed":
            continue
        wait = 4 if payment.channel == "stripe_ach" else 0
        settled = add_banking_days(next_banking_day(payment.paid_on), wait)
        payment.settled_on = settled
        kept = items[payment.lease.state]
        kept.append(
            SimPayoutItem(
                payment,
                "payment",
                payment.amount,
                _processor_fee(payment),
                add_banking_days(settled, 2),
            )
        )
        if payment.fate == "settled" or payment.back_on is None:
            continue
        payment.back_on = max(payment.back_on, settled)
        fee = Decimal(0)
        if payment.fate != "refunded" and payment.lease.state not in FEES_BILLED_APART:
            fee = Decimal(15) if payment.fate == "disputed" else Decimal(4)
        payment.back_fee = fee
        what = "refund" if payment.fate == "refunded" else "dispute"
        kept.append(
            SimPayoutItem(payment, what, -payment.amount, fee, next_banking_day(payment.back_on))
        )
    for state in sorted(items):
        _pay_out(life, world, rng, state, items[state])


def _pay_out(
    life: Life, world: World, rng: random.Random, state: str, items: list[SimPayoutItem]
) -> None:
    waiting = sorted(items, key=lambda item: (item.available_on, item.payment.id, item.what))
    day = next_banking_day(world.cut_over_on + timedelta(days=1))
    end = last_day(world)
    while day <= end and waiting:
        ready = [item for item in waiting if item.available_on <= day]
        if sum(item.gross - item.fee for item in ready) > 0:
            waiting = [item for item in waiting if item.available_on > day]
            number = len(life.payouts) + 1
            arrives = add_banking_days(day, 1)
            payout = SimPayout(
                f"po_sim{number:05d}{state}",
                state,
                arrives,
                f"{rng.randrange(10**14, 10**15)}",
                ready,
            )
            life.payouts.append(payout)
            life.moves.append(
                BankMove(
                    state,
                    "rent",
                    arrives,
                    payout.amount,
                    "165",
                    payout.trace,
                    f"STRIPE TRANSFER {payout.id[-9:].upper()} CCD",
                    (f"remittance:{payout.id}",),
                )
            )
        day = add_banking_days(day, 1)


def _settle_checks(life: Life, world: World) -> None:
    """Checks go to the bank on Mondays and Thursdays; a slip is one credit the day after."""
    numbers: dict[tuple[str, date], str] = {}
    for payment in sorted(life.payments, key=lambda p: (p.lease.state, p.paid_on, p.id)):
        if payment.channel != "check":
            continue
        day = next_banking_day(payment.paid_on)
        while day.weekday() not in {0, 3} or not is_banking_day(day):
            day += timedelta(days=1)
        state = payment.lease.state
        slip = numbers.setdefault((state, day), f"S-{state}-{len(numbers) + 101:04d}")
        payment.batch, payment.settled_on = slip, day
        life.slips[slip].append(payment)
    for (state, day), slip in numbers.items():
        payments = life.slips[slip]
        amount = sum((p.amount for p in payments), Decimal(0))
        fault = "bank_line_unmatched" if any(p.typed_amount for p in payments) else ""
        life.moves.append(
            BankMove(
                state,
                "rent",
                add_banking_days(day, 1),
                amount,
                "301",
                slip,
                f"BRANCH DEPOSIT {slip}",
                (f"slip:{slip}",),
                fault=fault,
            )
        )


def _settle_cash(life: Life, world: World) -> None:
    """Cash paid at a shop reaches the bank as one credit a day, less the network's commission."""
    for payment in life.payments:
        if payment.channel != "cash":
            continue
        day = add_banking_days(next_banking_day(payment.paid_on), 1)
        payment.settled_on = day
        payment.batch = f"RC-{payment.lease.state}-{day:%Y%m%d}"
        life.cash_batches[payment.batch].append(payment)
    for batch, payments in life.cash_batches.items():
        state, settled_on = payments[0].lease.state, payments[0].settled_on
        assert settled_on is not None
        amount = sum((p.amount - cash_commission(p) for p in payments), Decimal(0))
        life.moves.append(
            BankMove(
                state,
                "rent",
                settled_on,
                amount,
                "165",
                batch,
                f"RETAIL CASH NETWORK {batch}",
                (f"remittance:{batch}",),
            )
        )


def cash_commission(payment: SimPayment) -> Decimal:
    """What the retail network keeps of a payment; nothing where it sends a bill instead."""
    return Decimal(0) if payment.lease.state in FEES_BILLED_APART else CASH_COMMISSION


def _settle_own_ach(life: Life, world: World, rng: random.Random) -> None:
    """Our own debits: one credit per file on its effective day; each return is its own debit.

    Each state's files are numbered on: the entries of the second begin where the first one ended.
    """
    for payment in life.payments:
        if payment.channel != "own_ach":
            continue
        day = next_banking_day(payment.paid_on)
        payment.settled_on = day
        payment.batch = f"ACH-{payment.lease.state}-{day:%Y%m%d}"
        life.ach_batches[payment.batch].append(payment)
    numbers: dict[str, int] = defaultdict(int)
    for batch in sorted(life.ach_batches, key=lambda name: name[-8:]):
        for payment in life.ach_batches[batch]:
            numbers[payment.lease.state] += 1
            payment.trace = f"{numbers[payment.lease.state]:07d}"
    for payment in life.payments:
        if payment.channel != "own_ach" or payment.settled_on is None:
            continue
        if payment.fate == "returned" and payment.back_on is not None:
            payment.back_on = max(payment.back_on, add_banking_days(payment.settled_on, 2))
            life.moves.append(
                BankMove(
                    payment.lease.state,
                    "rent",
                    payment.back_on,
                    -payment.amount,
                    "557",
                    own_trace(world, payment),
                    f"ACH RETURN {payment.code} {payment.payer.upper()}",
                    (f"return:{payment.id}",),
                )
            )
    for batch, payments in life.ach_batches.items():
        state, settled_on = payments[0].lease.state, payments[0].settled_on
        assert settled_on is not None
        amount = sum((p.amount for p in payments), Decimal(0))
        life.moves.append(
            BankMove(
                state,
                "rent",
                settled_on,
                amount,
                "165",
                "",
                f"ACH SETTLEMENT {COMPANY_ID} HARBORLINE PM RENT {settled_on:%y%m%d}",
                (f"ach_batch:{batch}",),
            )
        )


def own_id(payment: SimPayment) -> str:
    """The individual ID that we give a debit of ours; a return brings it back."""
    return f"{payment.lease.code}-{payment.id}"


def own_trace(world: World, payment: SimPayment) -> str:
    """The trace number of a debit of ours: eight digits of our bank, seven of the payment."""
    return world.rent_account(payment.lease.state).routing_number[:8] + payment.trace


def _settle_bank_transfers(life: Life) -> None:
    """Tenants who pay straight into the account: the bank line is the first that is heard of it."""
    for payment in life.payments:
        if payment.channel != "bank_transfer":
            continue
        payment.settled_on = next_banking_day(payment.paid_on)
        memo = f" RENT {payment.told_lease}" if payment.told_lease else ""
        life.moves.append(
            BankMove(
                payment.lease.state,
                "rent",
                payment.settled_on,
                payment.amount,
                "195",
                f"Z{payment.id}",
                f"ZELLE FROM {payment.payer.upper()}{memo}",
                (f"transfer:{payment.id}",),
                fault="" if payment.told_lease else "bank_line_unmatched",
            )
        )


def _clear_opening_items(life: Life, world: World) -> None:
    for item in world.opening_items:
        if item.clears_on is None:
            continue
        day = next_banking_day(item.clears_on)
        is_check = item.kind == "check"
        life.moves.append(
            BankMove(
                item.state,
                "rent",
                day,
                -item.amount if is_check else item.amount,
                "475" if is_check else "301",
                item.number,
                f"CHECK {item.number}" if is_check else f"BRANCH DEPOSIT {item.number}",
                (f"opening:{item.number}",),
                check_number=item.number if is_check else "",
            )
        )


def _plant_bank_surprises(life: Life, world: World) -> None:
    """What nobody told the office: service fees, and a credit from nobody knows whom."""
    for start in month_starts(world):
        end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        while not is_banking_day(end):
            end -= timedelta(days=1)
        life.moves.append(
            BankMove(
                "CA",
                "rent",
                end,
                -Decimal("18.00"),
                "698",
                "",
                "MONTHLY SERVICE FEE",
                ("fee",),
                fault="bank_line_unmatched",
            )
        )
    middle = next_banking_day(month_starts(world)[min(1, world.months - 1)] + timedelta(days=12))
    life.moves.append(
        BankMove(
            "FL",
            "rent",
            middle,
            Decimal("875.00"),
            "399",
            "",
            "COUNTER CREDIT",
            ("unidentified",),
            fault="bank_line_unmatched",
        )
    )
    life.moves.append(
        BankMove(
            "MA",
            "deposits",
            middle,
            -Decimal("5.00"),
            "698",
            "",
            "PAPER STATEMENT FEE",
            ("fee",),
            fault="bank_line_unmatched",
        )
    )
    assert {move.state for move in life.moves} <= {state for state, *_ in STATES}
