"""Where a story plays: a company of its own, with names for everything that the story speaks of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, TypeVar

from django.db.models import Model
from moneyed import Money

from connectors.models import Connection
from desk.models import LegalEntity, Membership, Role, User
from leases import services as leases
from leases.models import LateFeeTerms, Lease, Owner, OwnershipShare, Property, Tenant, Unit
from leases.types import Address
from ledger.charts import Chart, chart
from ledger.company import company_of, company_side, mirrored, suspense_of
from ledger.models import BankAccount, Book, Entry
from ledger.services import ensure_book, post_fact
from ledger.types import NewLine
from payments.services import set_stock
from proptrust.lib.money import ZERO, plain
from receivables.models import ChargeKind, RecurringCharge
from tests.simulator.world import routing_number
from tests.stories.reading import Args, Story, StoryError, as_money, as_rate

Row = TypeVar("Row", bound=Model)
# The bookkeeper who acts and the second person who agrees.
MAKER, CHECKER = "Bea Bookkeeper", "Sam Second"


@dataclass
class Stage:
    """A story's company. things: what a step made and named (`as: june rent`)."""

    story: Story
    entity: LegalEntity
    maker: User
    checker: User
    accounts: dict[str, BankAccount] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    properties: dict[str, Property] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    things: dict[str, Model] = field(default_factory=dict)
    opened: dict[int, Money] = field(default_factory=dict)  # Bank balance by book.
    on: date = date(2026, 1, 1)
    keys: int = 0

    def new_key(self, prefix: str) -> str:
        """A key that no step used before; the same each time the story is played."""
        self.keys += 1
        return f"{prefix}:{self.story.name}:{self.keys}"

    @property
    def chart(self) -> Chart:
        """The company's accounts."""
        return chart(self.entity.pk)

    def account(self, name: str, place: str) -> BankAccount:
        """A trust account by its name in the story."""
        return _named(self.accounts, name, "account", place)

    def lease(self, name: str, place: str) -> Lease:
        """A lease by its name, as it is now."""
        lease = _named(self.leases, name, "lease", place)
        return Lease.objects.select_related("unit__property").get(pk=lease.pk)

    def owner(self, name: str, place: str) -> Owner:
        """An owner by its name."""
        return _named(self.owners, name, "owner", place)

    def property(self, name: str, place: str) -> Property:
        """A property by its name."""
        return _named(self.properties, name, "property", place)

    def keep(self, args: Args, thing: Row) -> Row:
        """Remember what a step made under the name that it gives (`as`)."""
        if args.has("as"):
            self.things[args.text("as")] = thing
        return thing

    def thing(self, kind: type[Row], args: Args, word: str) -> Row:
        """What an earlier step made, by its name, as it is now."""
        name = args.text(word)
        found = self.things.get(name)
        if not isinstance(found, kind):
            raise StoryError(args.place, f"no {kind._meta.verbose_name} was named {name!r} before")
        return kind._default_manager.get(pk=found.pk)

    def beneficiary(self, name: str, place: str) -> tuple[int, int | None]:
        """A name of an expectation: the beneficiary, and the book where its money lies (None: any).

        `ann@elm`, `L1 prepaid`, `L1 deposit`, `company`, `suspense`; ` in rent` names the account.
        """
        who, _, where = name.partition(" in ")
        book_id = self.account(where, place).book_id if where else None
        if who == "company":
            return company_of(self.entity.pk), book_id
        if who == "suspense":
            return suspense_of(self.entity.pk), book_id
        if "@" in who:
            owner, _, at = who.partition("@")
            share = OwnershipShare.objects.filter(
                owner=self.owner(owner, place), property=self.property(at, place)
            ).first()
            if share is None:
                raise StoryError(place, f"{owner} never owned a part of {at}")
            return share.beneficiary_id, book_id
        lease, _, what = who.rpartition(" ")
        if what in ("prepaid", "deposit"):
            row = self.lease(lease, place)
            return (row.prepaid_id if what == "prepaid" else row.deposit_id), book_id
        raise StoryError(place, f"nobody knows the beneficiary {name!r}")

    def connection(self, slug: str, account: BankAccount) -> Connection:
        """The platform's connection to a trust account; made when a step first speaks of it."""
        found, _ = Connection.objects.get_or_create(
            entity=self.entity,
            label=f"{slug} {account.book.name}",
            defaults={"slug": slug, "book": account.book},
        )
        return found


def _named(known: Mapping[str, Row], name: str, what: str, place: str) -> Row:
    if name not in known:
        names = ", ".join(known) or "none"
        raise StoryError(place, f"no {what} is called {name!r}; known: {names}")
    return known[name]


def set_up(story: Story) -> Stage:
    """The story's company at its beginning. Raises StoryError naming the place of a mistake."""
    words = story.setting.part("company")
    state = words.text("state", "FL")
    entity = LegalEntity.objects.create(
        name=f"{words.text('name', 'Example Property Management')} ({story.name})",
        state=state,
        time_zone=words.text("time zone", "America/New_York"),
    )
    words.done()
    maker, checker = (_person(entity, story.name, name) for name in (MAKER, CHECKER))
    stage = Stage(story, entity, maker, checker)
    for name, args in story.setting.parts("accounts"):
        stage.accounts[name] = _account(stage, name, args)
    for name, args in story.setting.parts("owners"):
        stage.owners[name] = _owner(stage, name, args)
    for name, args in story.setting.parts("properties"):
        stage.properties[name] = _property(stage, name, args)
    for name, args in story.setting.parts("leases"):
        stage.leases[name] = make_lease(stage, name, args)
    stage.on = story.steps[0].on - timedelta(days=1)
    _open_books(stage)
    return stage


def _person(entity: LegalEntity, story: str, name: str) -> User:
    user = User.objects.create_user(
        username=f"{name.split()[0].lower()}-{story}", first_name=name.split()[0],
        last_name=name.split()[1],
    )  # fmt: skip
    Membership.objects.create(user=user, entity=entity, role=Role.BOOKKEEPER)
    return user


def _account(stage: Stage, name: str, args: Args) -> BankAccount:
    purpose = args.choice("purpose", [choice.value for choice in BankAccount.Purpose], "rent")
    kind = Book.Kind.OPERATING if purpose == BankAccount.Purpose.OPERATING else Book.Kind.TRUST
    book = ensure_book(entity_id=stage.entity.pk, kind=kind, name=args.text("title", name))
    number = f"{stage.entity.pk:06d}{len(stage.accounts):04d}"
    account = BankAccount.objects.create(
        book=book,
        purpose=purpose,
        bank_name=args.text("bank", "First Example Bank"),
        title=book.name,
        routing_number=routing_number("12100035"),
        account_number=number,
    )
    set_stock(book, next_number=args.number("first check", 1001), actor=stage.maker)
    args.done()
    return account


def _owner(stage: Stage, name: str, args: Args) -> Owner:
    owner = leases.create_owner(
        entity_id=stage.entity.pk,
        code=name,
        name=args.text("name", name.title()),
        email=args.text("email", f"{name}@owners.example"),
    )
    owner.payout_method = args.choice("payout", ["ach", "check", "platform"], "ach")
    owner.payout_routing_number = routing_number("12100019")
    owner.payout_account_number = f"77{owner.pk:08d}"
    owner.tax_id = args.text("tax id", "12-3456789")
    owner.is_tax_id_certified = args.flag("certified", default=True)
    owner.is_nonresident = args.flag("nonresident")
    owner.nets_properties = args.flag("nets properties", default=True)
    owner.address = args.text("address", "1 Example Way\nTampa, FL 33601")
    owner.save()
    args.done()
    return owner


def _property(stage: Stage, name: str, args: Args) -> Property:
    state = args.text("state", stage.entity.state)
    rent = stage.account(args.text("rent account", "rent"), args.place).book
    deposits_name = args.text(
        "deposit account", "deposits" if "deposits" in stage.accounts else "rent"
    )
    property_ = leases.create_property(
        entity_id=stage.entity.pk,
        code=name,
        name=args.text("name", f"{name.title()} House"),
        address=Address(state=state, street=f"12 {name.title()} Street", city="Example City"),
        rent_book=rent,
        deposit_book=stage.account(deposits_name, args.place).book,
    )
    from_on = args.day("from", date(2020, 1, 1))
    set_owners(stage, property_, args, from_on)
    make_agreement(property_, args.part("agreement"), from_on)
    if args.has("late fee"):
        make_late_fee(args.part("late fee"), from_on, property_=property_)
    for code, rent_text in args.map("units", {"1": "1200"}).items():
        stage.units[f"{name} {code}"] = leases.create_unit(
            property_=property_, code=code, market_rent=as_money(rent_text, args.place)
        )
    args.done()
    return property_


def set_owners(stage: Stage, property_: Property, args: Args, from_on: date) -> None:
    """The owners of a property from a day on: `owners: {ann: 1/3, bob: 2/3}`."""
    told = args.map("owners")
    try:
        parts = [Fraction(share) for share in told.values()]
    except ValueError:
        raise StoryError(args.place, "shares are fractions: 1, 1/3 or 0.5") from None
    shares = leases.whole_shares(parts)
    owners = [stage.owner(name, args.place) for name in told]
    tax = args.map("tax shares", {})
    leases.set_shares(
        property_=property_,
        from_on=from_on,
        shares=dict(zip(owners, shares, strict=True)),
        tax_shares={stage.owner(n, args.place): as_rate(s, args.place) for n, s in tax.items()}
        or None,
    )


_TERMS: Mapping[str, Callable[[Args, str], Any]] = {
    "fee minimum": Args.money,
    "fee per unit": Args.money,
    "late fee owner rate": Args.rate,
    "nsf fee": Args.money,
    "nsf fee owner rate": Args.rate,
    "convenience fee rate": Args.rate,
    "lease up rate": Args.rate,
    "renewal fee": Args.money,
    "approval threshold": Args.money,
    "reserve target": Args.money,
    "cut off day": Args.number,
    "payment day": Args.number,
    "seasoning days": Args.number,
    "allocation order": Args.text,
    "fee free kinds": Args.list,
    "is fee on deposits": Args.flag,
}


def make_agreement(property_: Property, args: Args, from_on: date) -> None:
    """The terms of management from a day on; words that are not given keep our usual terms."""
    rate = args.rate("fee rate", "8%")
    terms = {
        word.replace(" ", "_"): read(args, word) for word, read in _TERMS.items() if args.has(word)
    }
    args.done()
    leases.create_agreement(property_=property_, from_on=from_on, fee_rate=rate, **terms)


def make_late_fee(
    args: Args, from_on: date, *, property_: Property | None = None, lease: Lease | None = None
) -> LateFeeTerms:
    """What a late payment costs, of a property or of one lease."""
    terms = LateFeeTerms.objects.create(
        property=property_,
        lease=lease,
        from_on=from_on,
        kind=args.choice("kind", ["flat", "percentage", "daily"]),
        grace_days=args.number("grace days", 3),
        flat=args.money("flat", "0"),
        rate=args.rate("rate", "0"),
        daily=args.money("daily", "0"),
        most=args.money("most") if args.has("most") else None,
    )
    args.done()
    return terms


def make_lease(stage: Stage, name: str, args: Args) -> Lease:
    """A lease with its tenants and what it owes every month."""
    tenants = args.list("tenants", ["Maria Garcia"])
    shares = leases.whole_shares([Fraction(1, len(tenants))] * len(tenants))
    people = {}
    for tenant, share in zip(tenants, shares, strict=True):
        if tenant not in stage.tenants:
            stage.tenants[tenant] = leases.create_tenant(
                entity_id=stage.entity.pk, code=f"T{len(stage.tenants) + 1}", name=tenant
            )
        people[stage.tenants[tenant]] = share
    unit = args.text("unit")
    lease = leases.create_lease(
        unit=_named(stage.units, unit, "unit", args.place),
        code=name,
        starts_on=args.day("starts on", date(2025, 1, 1)),
        ends_on=args.day("ends on") if args.has("ends on") else None,
        tenants=people,
        deposit_agreed=args.money("deposit", "0"),
    )
    for word, kind in (
        ("rent", ChargeKind.RENT),
        ("parking", ChargeKind.PARKING),
        ("utilities", ChargeKind.UTILITIES),
    ):
        if args.has(word):
            RecurringCharge.objects.create(
                lease=lease, kind=kind, amount=args.money(word), from_on=lease.starts_on,
                due_day=args.number("due day", 1),
            )  # fmt: skip
    if args.has("late fee"):
        make_late_fee(args.part("late fee"), lease.starts_on, lease=lease)
    args.done()
    return lease


def _open_books(stage: Stage) -> None:
    """What each trust account holds for whom when the story begins; the bank says the same."""
    for name, args in stage.story.setting.parts("opening"):
        account = stage.account(name, args.place)
        claims: dict[int, Money] = {}
        for who in args.values:
            beneficiary_id, _ = stage.beneficiary(who, args.place)
            claims[beneficiary_id] = args.money(who)
        total = sum(claims.values(), ZERO)
        accounts = stage.chart
        lines = [NewLine(account.book_id, accounts.bank, total)] + [
            NewLine(account.book_id, accounts.claims, -held, who) for who, held in claims.items()
        ]
        post_fact(
            entity_id=stage.entity.pk,
            key=f"opening:{account.book_id}",
            kind=Entry.Kind.OPENING,
            day=stage.on,
            memo=f"Opening balance {plain(total)}",
            lines=mirrored(lines, company_side(stage.entity.pk, accounts, accounts.equity)),
        )
        stage.opened[account.book_id] = total
