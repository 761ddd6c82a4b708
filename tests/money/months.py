"""Random months of a small company: what happens, as the verbs of the stories tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st

from compliance.errors import ComplianceError
from disbursements.models import OwnerDraw, Run
from leases.errors import LeasesError
from payments.models import Payment
from proptrust.lib.money import from_cents, plain
from receivables.models import Receipt
from receivables.queries import owed
from tests.money import truths
from tests.simulator import clock
from tests.stories.playing import REFUSALS
from tests.stories.reading import Args, Step, Story
from tests.stories.stage import Stage, set_up
from tests.stories.verbs import verbs

START = date(2026, 1, 5)
REFUSED: tuple[type[Exception], ...] = (*REFUSALS, ComplianceError, LeasesError)
LEASES = ("L1", "L2", "L3")
PLACES = (("ann", "elm"), ("bob", "elm"), ("ann", "oak"), ("bob", "fir"))
# Verbs that call several services: all of them or none.
_SEVERAL = {"send run", "start move-out", "settle move-out", "plan recovery", "company advance"}
# A sheet that nobody has reviewed yet has as many lines as a person writes on it; they bear no key.
_DRAFTS = {"deduct"}

SETTING: Mapping[str, Any] = {
    "accounts": {
        "rent": {"purpose": "rent"},
        "deposits": {"purpose": "deposits"},
        "operating": {"purpose": "operating"},
    },
    "owners": {"ann": {"name": "Ann Lee", "payout": "check"}, "bob": {"name": "Bob Stone"}},
    "properties": {
        "elm": {
            "owners": {"ann": "1/3", "bob": "2/3"},
            "agreement": {
                "fee rate": "8.75%", "fee minimum": "61.01", "late fee owner rate": "33.3%",
                "nsf fee": "25.00", "nsf fee owner rate": "12.5%", "seasoning days": "0",
            },
            "late fee": {"kind": "flat", "grace days": "5", "flat": "35.01"},
            "units": {"1": "1,000"},
        },
        "oak": {
            "owners": {"ann": "1"},
            "agreement": {"fee rate": "7.3%", "reserve target": "150.00", "seasoning days": "4"},
            "late fee": {"kind": "percentage", "grace days": "6", "rate": "4.9%"},
            "units": {"1": "901.01"},
        },
        "fir": {
            "owners": {"bob": "1"},
            "agreement": {"fee rate": "3.33%", "fee per unit": "12.51", "nsf fee": "30.00"},
            "units": {"1": "777.77"},
        },
    },
    "leases": {
        "L1": {"unit": "elm 1", "rent": "1,000.01", "deposit": "800.00"},
        "L2": {"unit": "oak 1", "rent": "901.03", "tenants": ["Mia Wu", "Ivan Petrov"],
               "deposit": "500.00"},
        "L3": {"unit": "fir 1", "rent": "777.77", "parking": "33.33", "tenants": ["Leo Roy"]},
    },
    "opening": {
        "rent": {"ann@oak": "220.00", "bob@fir": "90.09", "company": "75.00"},
        "deposits": {"L1 deposit": "800.00", "L2 deposit": "500.00"},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """Something that may happen. pick: of what there is; days: since the event before."""

    what: str
    pick: int
    cents: int
    days: int


events = st.lists(
    st.builds(
        Event,
        what=st.deferred(lambda: st.sampled_from(likely())),
        pick=st.integers(0, 40),
        cents=st.integers(1, 150_000),
        days=st.sampled_from([0, 0, 1, 3, 8, 17]),
    ),
    min_size=10,
    max_size=30,
)


def likely() -> list[str]:
    """What may happen, what moves most money several times."""
    return sorted(_PLANS) + 3 * ["charge month", "pay all", "receive"] + _RUNS + _BILLS


_RUNS = 2 * ["freeze run", "send run"]
_BILLS = 2 * ["bill", "approve bill", "pay bills"]


@dataclass
class Months:
    """A company whose months are played, and all that happened. done, refused: by verb."""

    state: str
    stage: Stage = field(init=False)
    made: dict[str, list[str]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    number: int = 0

    def __post_init__(self) -> None:
        words = Args({**SETTING, "company": {"state": self.state}}, "months")
        first = Step(0, START, "", {}, "months")
        story = Story(f"months-{self.state}", "Months", "", [], words, [first], {})
        with self._now(START):
            self.stage = set_up(story)
            self.stage.on = START
        self.do("vendor", {"name": "Ace Plumbing"})
        for name in ("oak", "fir"):
            self.do("escrow", {"property": name, "kind": "maintenance", "target": "90.00",
                               "as": f"fund {name}"})  # fmt: skip

    def play(self, event: Event) -> None:
        """Let an event happen if there is something that it can happen to."""
        self.stage.on += timedelta(days=event.days)
        self.number += 1
        if planned := _PLANS[event.what](self, event):
            self.do(*planned)

    def do(self, verb: str, words: Mapping[str, Any]) -> bool:
        """Do what a verb says, twice: the second time changes nothing. Whether it was done."""
        before = truths.fingerprint(self.stage.entity.pk)
        keys = self.stage.keys
        if (why := self._once(verb, words)) is not None:
            after = truths.fingerprint(self.stage.entity.pk)
            assert after == before, f"refused {verb} ({why}) left something behind"
            self.refused[verb] += 1
            return False
        self.done[verb] += 1
        if name := words.get("as"):
            self.made.setdefault(verb, []).append(name)
        if verb not in _DRAFTS:
            self._again(verb, words, keys)
        truths.hold(self.stage, before)
        return True

    def _again(self, verb: str, words: Mapping[str, Any], keys: int) -> None:
        before, after_keys = truths.fingerprint(self.stage.entity.pk), self.stage.keys
        things = dict(self.stage.things)
        self.stage.keys = keys
        self._once(verb, words)
        self.stage.keys, self.stage.things = after_keys, things
        told = truths.fingerprint(self.stage.entity.pk)
        assert told == before, f"{verb} {dict(words)} told twice happened twice"

    def _once(self, verb: str, words: Mapping[str, Any]) -> Exception | None:
        args = Args(words, f"{self.number} ({verb}, {self.stage.on})")
        try:
            with self._now(self.stage.on):
                if verb in _SEVERAL:
                    with transaction.atomic():
                        verbs()[verb](self.stage, args)
                else:
                    verbs()[verb](self.stage, args)
        except REFUSED as refusal:
            return refusal
        args.done()
        return None

    def picked(self, verb: str, pick: int) -> str | None:
        """One of the things that a verb made."""
        names = self.made.get(verb, [])
        return names[pick % len(names)] if names else None

    def new(self, word: str) -> str:
        """A name that nothing has yet."""
        return f"{word} {self.number}"

    @staticmethod
    def _now(day: date) -> AbstractContextManager[None]:
        return clock.at(datetime.combine(day, time(17), tzinfo=UTC))


Plan = tuple[str, dict[str, Any]] | None
_PLANS: dict[str, Callable[[Months, Event], Plan]] = {}


def _plan(what: str) -> Callable[[Callable[[Months, Event], Plan]], Callable[..., Plan]]:
    def remember(function: Callable[[Months, Event], Plan]) -> Callable[..., Plan]:
        _PLANS[what] = function
        return function

    return remember


def _amount(event: Event) -> str:
    return str(from_cents(event.cents).amount)


def _lease(event: Event) -> str:
    return LEASES[event.pick % len(LEASES)]


@_plan("charge month")
def _month(months: Months, event: Event) -> Plan:
    return "charge month", {}


@_plan("charge")
def _charge(months: Months, event: Event) -> Plan:
    kind = ("rent", "utilities", "late_fee", "nsf_fee", "security_deposit")[event.pick % 5]
    return "charge", {"lease": _lease(event), "amount": _amount(event), "kind": kind}


@_plan("receive")
@_plan("receive more")
def _receive(months: Months, event: Event) -> Plan:
    channel, into = (
        ("ach", "processors"), ("wire", "bank"), ("card", "processors"), ("check", "undeposited"),
        ("ach", "bank"),
    )[event.pick % 5]  # fmt: skip
    words = {"channel": channel, "into": into, "amount": _amount(event), "as": months.new("money")}
    if event.pick % 7:
        words["lease"] = LEASES[event.pick % 3]
    else:
        words["account"] = "rent"
    return "receive", words


@_plan("pay all")
def _pay_all(months: Months, event: Event) -> Plan:
    lease = _lease(event)
    owes = owed(months.stage.leases[lease])
    if not owes:
        return None
    return "receive", {
        "channel": "ach", "into": "processors", "lease": lease, "amount": str(owes.amount),
        "as": months.new("money"), "fee": "1.25",
    }  # fmt: skip


@_plan("return")
@_plan("refund")
@_plan("dispute")
def _back(months: Months, event: Event) -> Plan:
    name = months.picked("receive", event.pick)
    if name is None:
        return None
    words: dict[str, Any] = {"payment": name, "as": months.new("back")}
    if event.cents % 3 == 0:
        words["amount"] = _amount(event)
    if event.what == "return":
        words["code"] = ("R01", "R10", "R02", "R29")[event.pick % 4]
    return event.what, words


@_plan("win dispute")
@_plan("lose dispute")
def _decided(months: Months, event: Event) -> Plan:
    back = months.picked("dispute", event.pick)
    if back is None:
        return None
    receipt: Any = months.stage.things[back]
    name = next(
        key for key, row in months.stage.things.items()
        if isinstance(row, Receipt) and row.pk == receipt.receipt_id
    )  # fmt: skip
    if event.what == "lose dispute":
        return event.what, {"payment": name}
    return event.what, {"payment": name, "amount": str(receipt.amount.amount)}


@_plan("payout")
def _payout(months: Months, event: Event) -> Plan:
    waiting = [
        name for name in months.made.get("receive", [])
        if Receipt.objects.filter(
            pk=months.stage.things[name].pk, into="processors", remittance_items=None
        ).exists()
    ]  # fmt: skip
    if not waiting:
        return None
    return "payout", {"id": months.new("po"), "payments": waiting[:3], "as": months.new("payout")}


@_plan("deposit slip")
def _slip(months: Months, event: Event) -> Plan:
    checks = [
        name for name in months.made.get("receive", [])
        if Receipt.objects.filter(
            pk=months.stage.things[name].pk, into="undeposited", deposit_slip=None
        ).exists()
    ]  # fmt: skip
    return ("deposit slip", {"payments": checks, "number": str(months.number)}) if checks else None


@_plan("assign")
@_plan("move receipt")
@_plan("cancel receipt")
def _elsewhere(months: Months, event: Event) -> Plan:
    name = months.picked("receive", event.pick)
    if name is None:
        return None
    if event.what == "cancel receipt":
        return event.what, {"payment": name, "why": "Recorded twice"}
    return event.what, {"payment": name, "lease": LEASES[event.cents % 3]}


@_plan("credit")
@_plan("waive")
def _credit(months: Months, event: Event) -> Plan:
    lease = months.stage.leases[_lease(event)]
    row = lease.charges.exclude(kind="security_deposit").order_by("-due_on", "-id").first()
    if row is None:
        return None
    words = {"lease": lease.code, "kind": row.kind, "reason": "We broke the heater"}
    if event.what == "waive":
        return "waive", words
    kind = ("adjustment", "write_off")[event.cents % 2]
    return "credit", {**words, "amount": _amount(event), "as kind": kind}


@_plan("late fees")
@_plan("take fees")
@_plan("take waiting fees")
@_plan("draw fees")
@_plan("fund escrows")
def _plain(months: Months, event: Event) -> Plan:
    return event.what, {}


@_plan("month's fees")
def _period(months: Months, event: Event) -> Plan:
    month = months.stage.on.replace(day=1) - timedelta(days=1)
    return "month's fees", {"month": month.isoformat()} if month > START else {}


@_plan("bill")
def _bill(months: Months, event: Event) -> Plan:
    return "bill", {
        "vendor": "Ace Plumbing", "number": f"B{months.number}", "amount": _amount(event),
        "properties": (["elm", "oak"], ["fir"], ["elm", "oak", "fir"])[event.pick % 3],
        "as": months.new("bill"),
    }  # fmt: skip


@_plan("approve bill")
@_plan("pay bills")
def _pay_bill(months: Months, event: Event) -> Plan:
    name = months.picked("bill", event.pick)
    if name is None:
        return None
    words: dict[str, Any] = {"bills": [name]} if event.what == "pay bills" else {"bill": name}
    return event.what, words


@_plan("freeze run")
def _freeze(months: Months, event: Event) -> Plan:
    cut_off = months.stage.on - timedelta(days=event.pick % 4)
    return "freeze run", {"cut off": cut_off.isoformat(), "as": months.new("run")}


@_plan("send run")
@_plan("cancel run")
def _run(months: Months, event: Event) -> Plan:
    runs = months.made.get("freeze run", [])
    if not runs:
        return None
    words = {"run": runs[-1]}
    return event.what, {**words, "why": "Wrong day"} if event.what == "cancel run" else words


@_plan("draw comes back")
def _draw_back(months: Months, event: Event) -> Plan:
    rows = OwnerDraw.objects.filter(run__entity=months.stage.entity, payment__isnull=False)
    draw = rows.order_by("id")[event.pick % len(rows)] if rows else None
    if draw is None:
        return None
    run = next(
        key for key, row in months.stage.things.items()
        if isinstance(row, Run) and row.pk == draw.run_id
    )  # fmt: skip
    return "draw comes back", {"run": run, "owner": draw.owner.code}


@_plan("reissue payment")
@_plan("void payment")
def _reissue(months: Months, event: Event) -> Plan:
    rows = Payment.objects.filter(entity=months.stage.entity).defer("account_number")
    row = rows.order_by("-id").first()
    if row is None:
        return None
    words = {"payee": row.payee}
    return event.what, words if event.what == "reissue payment" else {**words, "why": "Lost"}


@_plan("contribution")
def _contribution(months: Months, event: Event) -> Plan:
    owner, where = PLACES[event.pick % len(PLACES)]
    return "contribution", {"owner": owner, "property": where, "amount": _amount(event)}


@_plan("plan recovery")
def _recovery(months: Months, event: Event) -> Plan:
    owner, where = PLACES[event.pick % len(PLACES)]
    return "plan recovery", {"owner": owner, "property": where, "as": months.new("recovery")}


@_plan("recover from other properties")
@_plan("company advance")
def _recover(months: Months, event: Event) -> Plan:
    name = months.picked("plan recovery", event.pick)
    if name is None:
        return None
    words = {"recovery": name}
    return event.what, {**words, "amount": _amount(event)} if event.what != _OTHERS else words


_OTHERS = "recover from other properties"


@_plan("transfer deposit")
def _transfer(months: Months, event: Event) -> Plan:
    return "transfer deposit", {"lease": _lease(event)}


@_plan("start move-out")
def _leave(months: Months, event: Event) -> Plan:
    return "start move-out", {"lease": LEASES[event.pick % 2], "as": months.new("leaving")}


@_plan("deduct")
@_plan("settle move-out")
def _settle(months: Months, event: Event) -> Plan:
    name = months.picked("start move-out", event.pick)
    if name is None:
        return None
    if event.what == "settle move-out":
        return event.what, {"move-out": name}
    return "deduct", {"move-out": name, "amount": _amount(event), "memo": months.new("Door")}


@_plan("bank interest")
def _interest(months: Months, event: Event) -> Plan:
    return "bank interest", {"amount": plain(from_cents(event.cents % 900 + 1)).lstrip("$")}


@_plan("close month")
def _close(months: Months, event: Event) -> Plan:
    month = months.stage.on.replace(day=1) - timedelta(days=1)
    return ("close month", {"month": month.isoformat()}) if month > START else None
