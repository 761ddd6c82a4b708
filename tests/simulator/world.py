"""The sample company and the people around it: who rents what, and how each of them pays.

Everything follows from the seed: the same seed gives the same company, payments and files.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

COMPANY = "Harborline Property Management"
HOME_STATE = "CA"

FIRST_NAMES = (
    "Rosa Miguel Anh Grace Tomas Leila Peter Nadia Samuel Ivy Omar Julia Dwayne Mei Carla Andre "
    "Helen Victor Priya Noah Elena Marcus Fatima Owen Keiko Daniel Ruth Jamal Sofia Walter Bianca "
    "Hugo Aisha Colin Teresa Yusuf Martha Diego Nina Frank"
).split()
LAST_NAMES = (
    "Garcia Nguyen Okafor Lindqvist Haddad Brennan Petrov Alvarez Whitfield Tanaka Morrow "
    "Castellano Dubois Achterberg Rahman Kowalski Ferreira Osei Bergstrom Delgado Marchetti "
    "Yamada Thornton Abebe Sandoval Pruitt Vasquez Holloway Iyer Mackenzie Baptiste Quintero "
    "Sorensen Lombardi Achebe Ridgeway Novak Carvalho Ellison Takahashi"
).split()
STREETS = "Alder Birch Cypress Dogwood Elm Fir Gingko Hazel Ironwood Juniper Larch Maple".split()

# State, city, last four digits of the rent and of the deposit account, the bank's way to tell.
STATES = (
    ("CA", "Oakland", "4821", "4839", "bai2"),
    ("FL", "Tampa", "7710", "7728", "bai2"),
    ("NY", "Buffalo", "2264", "2272", "ofx"),
    ("MA", "Worcester", "9905", "9913", "ofx"),
)
# In these states the processor sends its fees as a bill to the company; elsewhere it keeps them.
FEES_BILLED_APART = frozenset({"NY", "MA"})

CHANNELS = (
    ("stripe_ach", 34),
    ("stripe_card", 14),
    ("own_ach", 20),
    ("check", 17),
    ("cash", 7),
    ("bank_transfer", 8),
)


@dataclass(frozen=True)
class SimAccount:
    """A trust account at a bank."""

    state: str
    purpose: str  # rent or deposits
    name: str
    bank: str
    routing_number: str
    number: str
    tells_by: str  # bai2 or ofx


@dataclass(frozen=True)
class SimOwner:
    code: str
    name: str
    email: str


@dataclass(frozen=True)
class SimProperty:
    code: str
    name: str
    street: str
    city: str
    state: str
    zip_code: str
    owners: tuple[tuple[str, Decimal], ...]  # code and share
    fee_rate: Decimal


@dataclass(frozen=True)
class SimLease:
    code: str
    prop: str
    unit: str
    state: str
    tenants: tuple[str, ...]
    rent: Decimal
    parking: Decimal
    deposit: Decimal
    prepaid: Decimal  # At the cut-over.
    arrears: Decimal  # At the cut-over.
    starts_on: date
    channel: str

    @property
    def monthly(self) -> Decimal:
        """What the lease owes for a month."""
        return self.rent + self.parking


@dataclass(frozen=True)
class SimCheck:
    """A check or deposit that was outstanding at the cut-over; clears_on None: never."""

    state: str
    kind: str  # check or deposit
    number: str
    party: str
    dated_on: date
    amount: Decimal
    clears_on: date | None


@dataclass
class World:
    """The company at its cut-over."""

    seed: int
    cut_over_on: date
    months: int
    accounts: list[SimAccount] = field(default_factory=list)
    owners: list[SimOwner] = field(default_factory=list)
    properties: list[SimProperty] = field(default_factory=list)
    leases: list[SimLease] = field(default_factory=list)
    opening_items: list[SimCheck] = field(default_factory=list)
    owner_balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    company_balances: dict[str, Decimal] = field(default_factory=dict)

    def rent_account(self, state: str) -> SimAccount:
        """The rent trust account of a state."""
        return next(a for a in self.accounts if a.state == state and a.purpose == "rent")

    def deposit_account(self, state: str) -> SimAccount:
        """The security-deposit trust account of a state."""
        return next(a for a in self.accounts if a.state == state and a.purpose == "deposits")

    def held(self, account: SimAccount) -> Decimal:
        """What the account holds for all beneficiaries at the cut-over: the book balance."""
        leases = [lease for lease in self.leases if lease.state == account.state]
        if account.purpose == "deposits":
            return sum((lease.deposit for lease in leases), Decimal(0))
        here = {p.code for p in self.properties if p.state == account.state}
        owners = sum(v for (_, code), v in self.owner_balances.items() if code in here)
        prepaid = sum((lease.prepaid for lease in leases), Decimal(0))
        return owners + prepaid + self.company_balances[account.state]

    def bank_balance(self, account: SimAccount) -> Decimal:
        """What the bank says at the cut-over: the book, with what it has not seen yet undone."""
        balance = self.held(account)
        if account.purpose == "deposits":
            return balance
        for item in self.opening_items:
            if item.state == account.state:
                balance += item.amount if item.kind == "check" else -item.amount
        return balance


def routing_number(first_eight: str) -> str:
    """A routing number with its check digit, from its first eight digits."""
    weights = (3, 7, 1) * 3
    weighted = sum(int(d) * w for d, w in zip(first_eight, weights, strict=False))
    return first_eight + str(-weighted % 10)


def _dollars(rng: random.Random, low: int, high: int, step: int = 5) -> Decimal:
    return Decimal(rng.randrange(low, high, step))


def make_world(*, seed: int, units: int, months: int, cut_over_on: date) -> World:
    """A company with about `units` units in four states, as it stands at the cut-over day."""
    rng = random.Random(seed)
    world = World(seed=seed, cut_over_on=cut_over_on, months=months)
    _make_accounts(world)
    _make_owners(world, rng, max(6, units // 8))
    _make_properties(world, rng, units)
    _make_balances(world, rng)
    _make_opening_items(world, rng)
    return world


def _make_accounts(world: World) -> None:
    for place, (state, city, rent, deposits, tells_by) in enumerate(STATES):
        bank = f"First Bank of {city}"
        routing = routing_number(f"12100{place}35")
        for purpose, four in (("rent", rent), ("deposits", deposits)):
            kind = "Rent trust" if purpose == "rent" else "Deposit trust"
            number = f"60010{place}{four}"
            world.accounts.append(
                SimAccount(
                    state, purpose, f"{state} {kind} {four}", bank, routing, number, tells_by
                )
            )


def _make_owners(world: World, rng: random.Random, count: int) -> None:
    surnames = rng.sample(LAST_NAMES, k=min(count, len(LAST_NAMES)))
    for number in range(count):
        last = surnames[number % len(surnames)]
        first = rng.choice(FIRST_NAMES)
        name = f"{last} Family Trust" if number % 4 == 3 else f"{first} {last}"
        email = f"{last.lower()}{number}@owners.example"
        world.owners.append(SimOwner(f"OW{number + 1:03d}", name, email))


def _shares(rng: random.Random, owners: list[SimOwner]) -> tuple[tuple[str, Decimal], ...]:
    draw = rng.random()
    if draw < 0.7:
        return ((rng.choice(owners).code, Decimal(1)),)
    if draw < 0.9:
        first, second = rng.sample(owners, 2)
        return ((first.code, Decimal("0.6")), (second.code, Decimal("0.4")))
    one, two, three = rng.sample(owners, 3)
    third = Decimal("0.33333333")
    return ((one.code, third), (two.code, third), (three.code, Decimal("0.33333334")))


def _make_properties(world: World, rng: random.Random, units: int) -> None:
    channels = [name for name, weight in CHANNELS for _ in range(weight)]
    used_names: set[str] = set()
    number = made = 0
    while made < units:
        state, city, *_ = STATES[number % len(STATES)]
        size = min(units - made, rng.choice((1, 4, 6, 8, 12)))
        street = f"{rng.randrange(10, 990)} {STREETS[number % len(STREETS)]} Street"
        code = f"P{number + 1:03d}"
        world.properties.append(
            SimProperty(
                code,
                f"{STREETS[number % len(STREETS)]} {'House' if size == 1 else 'Court'} {code}",
                street,
                city,
                state,
                f"{rng.randrange(10000, 99999)}",
                _shares(rng, world.owners),
                rng.choice((Decimal("0.06"), Decimal("0.08"), Decimal("0.10"))),
            )
        )
        for place in range(size):
            made += 1
            if made % 19 == 0:
                continue  # A vacant unit.
            world.leases.append(
                _make_lease(rng, world, made, code, f"{100 + place}", state, channels, used_names)
            )
        number += 1


def _new_name(rng: random.Random, used: set[str]) -> str:
    while True:
        name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        if name not in used:
            used.add(name)
            return name


def _make_lease(
    rng: random.Random,
    world: World,
    number: int,
    code: str,
    unit: str,
    state: str,
    channels: list[str],
    used: set[str],
) -> SimLease:
    tenants = tuple(_new_name(rng, used) for _ in range(1 if rng.random() < 0.8 else 2))
    # Odd cents in some rents, so that not every payment looks like every other.
    rent = _dollars(rng, 1150, 3400) + Decimal(rng.choice(("0", "0", "0", "0.50", "0.37")))
    return SimLease(
        code=f"L{number:04d}",
        prop=code,
        unit=unit,
        state=state,
        tenants=tenants,
        rent=rent,
        parking=Decimal(rng.choice((0, 0, 0, 75, 110))),
        deposit=rent,
        prepaid=rent if rng.random() < 0.05 else Decimal(0),
        arrears=_dollars(rng, 100, 700) if rng.random() < 0.06 else Decimal(0),
        starts_on=world.cut_over_on - timedelta(days=rng.randrange(60, 900)),
        channel=rng.choice(channels),
    )


def _make_balances(world: World, rng: random.Random) -> None:
    for prop in world.properties:
        for owner, share in prop.owners:
            amount = (_dollars(rng, 900, 6000) * share).quantize(Decimal("0.01"))
            world.owner_balances[owner, prop.code] = amount
    for state, *_ in STATES:
        world.company_balances[state] = Decimal(100)


def _make_opening_items(world: World, rng: random.Random) -> None:
    day = world.cut_over_on
    for place, (state, *_) in enumerate(STATES):
        for number in range(3):
            never = place == 0 and number == 2
            clears = None if never else day + timedelta(days=rng.choice((3, 4, 5, 10, 11)))
            payee = (
                f"{rng.choice(LAST_NAMES)} Plumbing" if number else rng.choice(world.owners).name
            )
            world.opening_items.append(
                SimCheck(
                    state,
                    "check",
                    f"{2040 + place * 10 + number}",
                    payee,
                    day - timedelta(days=70 if never else rng.randrange(1, 12)),
                    _dollars(rng, 120, 900) + Decimal(rng.randrange(100)) / 100,
                    clears,
                )
            )
        amount = _dollars(rng, 1200, 2600)
        world.opening_items.append(
            SimCheck(
                state,
                "deposit",
                f"S-{state}-0099",
                "Deposit slip",
                day,
                amount,
                day + timedelta(days=3),
            )
        )
