"""The connectors' items on the desk: what is shown, what may be done, and how it is undone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from moneyed import Money

from connectors import findings, services
from connectors.facts import decode_event
from connectors.models import Connection, Delivery, Event, EventConflict, Exchange, Refusal, Request
from connectors.reading import TEXT_LIMIT
from desk.errors import Refused
from desk.models import User
from desk.registry import handle
from desk.types import Detail, Done, Evidence, Field, Remedy

PREVIEW = 600
# Facts that say whose account it is: shown by their end only.
_MASKED = frozenset({"account", "as_sent"})

PARSE_AGAIN = Remedy(
    "parse_again", "Read it again", hint="After PropTrust or the connection was put right."
)
PUBLISH_AGAIN = Remedy(
    "publish_again", "Post it again", hint="After what was in its way is settled."
)
SET_ASIDE = Remedy(
    "set_aside",
    "Set aside",
    hint="Nothing is posted by it; say how it was dealt with instead.",
    fields=[Field("reason", "How was it dealt with?")],
    needs_confirmation=True,
)
FIRST_STANDS = Remedy(
    "first_stands", "The first facts stand", hint="The second message was about the same fact."
)
BOTH_TRUE = Remedy(
    "both_true",
    "Both are true",
    hint="The platform gave two facts one id; the second is posted as well.",
    needs_confirmation=True,
)
SEND_AGAIN = Remedy(
    "send_again",
    "Send it again",
    hint="Look at the platform first: what was done there must not be done twice.",
    needs_confirmation=True,
)
WITHDRAW = Remedy(
    "withdraw", "Withdraw it", hint="It is not sent any more.", fields=[Field("reason", "Why?")]
)
HAND_OVER = Remedy(
    "hand_over",
    "It is at the bank",
    hint="Download it from its page and give it to the bank first.",
)
TEST = Remedy(
    "test", "Test the connection", hint="A task asks the platform; the result shows here."
)

Act = Callable[[int, QueryDict, int], Done]
Undo = Callable[[int, Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Answers:
    """What answers for one kind of item (desk.types.Handler).

    show: evidence and remedies. acts: by remedy. undoes: by remedy, those that can be undone.
    """

    show: Callable[[int], tuple[Sequence[Evidence], Sequence[Remedy]]]
    acts: Mapping[str, Act]
    undoes: Mapping[str, Undo]

    def detail(self, subject_id: int, *, find: str = "") -> Detail:
        """Evidence and remedies as of now."""
        evidence, remedies = self.show(subject_id)
        return Detail(evidence=evidence, remedies=remedies)

    def act(self, subject_id: int, remedy: str, facts: QueryDict, *, actor_id: int) -> Done:
        """Carry a remedy out; raises desk.errors.Refused."""
        if remedy not in self.acts:
            raise Refused("This item knows no such remedy.")
        return self.acts[remedy](subject_id, facts, actor_id)

    def undo(self, remedy: str, facts: Mapping[str, Any], *, actor_id: int) -> str:
        """Undo a remedy, or say why that cannot be."""
        if remedy not in self.undoes:
            raise Refused("What a task has begun cannot be called back.")
        return self.undoes[remedy](int(facts["id"]), facts)


# -- Deliveries


def _show_delivery(subject_id: int) -> tuple[Sequence[Evidence], Sequence[Remedy]]:
    row = Delivery.objects.select_related("connection").get(pk=subject_id)
    return (
        [
            Evidence("From", str(row.connection), _link(row.connection)),
            Evidence(
                "Came", f"{timezone.localtime(row.received_at):%b %-d, %Y %H:%M}, {row.times} ×"
            ),
            Evidence("Reason", row.reason),
            Evidence("Begins", preview(row), _link(row)),
        ],
        [PARSE_AGAIN, SET_ASIDE],
    )


def preview(row: Delivery) -> str:
    """The first characters of a delivery; a bank's file shows no account number."""
    text = bytes(row.body[: PREVIEW * 4]).decode("utf-8", "replace").replace("\x00", "\ufffd")
    if row.name:  # A file of 94-character records: entries are cut before the account number.
        return "\n".join(
            f"{line[:12]}…" if line.startswith(("6", "7")) else line for line in text.splitlines()
        )[:PREVIEW]
    return text[:PREVIEW]


def _parse_again(subject_id: int, _facts: QueryDict, _actor_id: int) -> Done:
    row = services.parse_delivery(subject_id, is_again=True)
    if row.state == Delivery.State.UNREADABLE:
        raise Refused(f"It still cannot be read: {row.reason}")
    return Done(f"Read again: {row.get_state_display()}")


def _ignore(subject_id: int, facts: QueryDict, _actor_id: int) -> Done:
    services.ignore_delivery(subject_id, reason=_reason(facts))
    return Done("Set aside", {"id": subject_id})


def _unignore(subject_id: int, _facts: Mapping[str, Any]) -> str:
    services.parse_delivery(subject_id, is_again=True)
    return "Read again"


# -- Events


def _show_event(subject_id: int) -> tuple[Sequence[Evidence], Sequence[Remedy]]:
    row = Event.objects.select_related("connection", "delivery").get(pk=subject_id)
    return (
        [
            Evidence("From", str(row.connection), _link(row.connection)),
            *told(row.kind, row.facts),
            Evidence("Attempts", str(row.attempts)),
            Evidence("Delivery", str(row.delivery), _link(row.delivery)),
        ],
        [PUBLISH_AGAIN, SET_ASIDE],
    )


def told(kind: str, facts: Mapping[str, Any], *, prefix: str = "") -> Iterator[Evidence]:
    """What an event says, fact by fact; empty ones left out."""
    fact = decode_event(kind, facts)
    yield Evidence(f"{prefix}What", kind.replace("_", " "))
    for name in (field.name for field in fields(fact)):
        value = getattr(fact, name)
        if value is None or value == "" or name == "items":
            continue
        yield Evidence(f"{prefix}{name.replace('_', ' ')}".capitalize(), _shown(value))


def _shown(value: object) -> str:
    if isinstance(value, Money):
        return f"{value.amount:,.2f} {value.currency}"
    if isinstance(value, Mapping):
        parts = (
            f"{name}: {'···' + str(each)[-4:] if name in _MASKED else each}"
            for name, each in value.items()
        )
        return ", ".join(parts)
    return str(value)[:TEXT_LIMIT]


def _publish_again(subject_id: int, _facts: QueryDict, _actor_id: int) -> Done:
    services.try_again(subject_id)
    return Done("Queued to be posted again")


def _set_event_aside(subject_id: int, facts: QueryDict, _actor_id: int) -> Done:
    services.set_aside(subject_id, reason=_reason(facts))
    return Done("Set aside", {"id": subject_id})


def _unset_aside(subject_id: int, _facts: Mapping[str, Any]) -> str:
    services.try_again(subject_id)
    return "Queued to be posted again"


# -- Conflicts


def _show_conflict(subject_id: int) -> tuple[Sequence[Evidence], Sequence[Remedy]]:
    row = EventConflict.objects.select_related("event__connection", "delivery").get(pk=subject_id)
    kind = row.event.kind
    first = {each.label: each for each in told(kind, row.event.facts)}
    second = {each.label: each for each in told(kind, row.facts)}
    evidence = [Evidence("From", str(row.event.connection), _link(row.event.connection))]
    for label in {**first, **second}:
        was, now = first.get(label), second.get(label)
        if was == now:
            evidence.append(first[label])
            continue
        evidence.append(Evidence(f"{label}, first", was.value if was else "nothing"))
        evidence.append(Evidence(f"{label}, then", now.value if now else "nothing"))
    evidence.append(Evidence("Second delivery", str(row.delivery), _link(row.delivery)))
    return evidence, [FIRST_STANDS, BOTH_TRUE]


def _first_stands(subject_id: int, _facts: QueryDict, actor_id: int) -> Done:
    row = services.settle_conflict(subject_id, actor_id=actor_id)
    return Done(row.settled_how, {"id": subject_id})


def _both_true(subject_id: int, _facts: QueryDict, actor_id: int) -> Done:
    return Done(
        services.settle_conflict(subject_id, actor_id=actor_id, is_another=True).settled_how
    )


def _unsettle(subject_id: int, _facts: Mapping[str, Any]) -> str:
    services.unsettle_conflict(subject_id)
    return "The two messages are open again"


# -- Requests and files


def _show_request(subject_id: int) -> tuple[Sequence[Evidence], Sequence[Remedy]]:
    row = Request.objects.select_related("connection").get(pk=subject_id)
    return (
        [
            Evidence("To", str(row.connection), _link(row.connection)),
            *(Evidence(_label(name), _plain(value)) for name, value in row.facts.items() if value),
            Evidence("Attempts", str(row.attempts)),
            Evidence("Reason", row.reason),
            *(
                Evidence(f"{each.method} {each.url}", f"{each.status or each.fault}")
                for each in Exchange.objects.filter(request=row).order_by("-id")[:3]
            ),
        ],
        [SEND_AGAIN, WITHDRAW],
    )


def _show_file(subject_id: int) -> tuple[Sequence[Evidence], Sequence[Remedy]]:
    row = Request.objects.select_related("connection").get(pk=subject_id)
    names = ("name", "effective_on", "debits", "credits", "sha256")
    return (
        [
            Evidence("To", str(row.connection), _link(row.connection)),
            *(Evidence(_label(name), str(row.facts[name])) for name in names),
            Evidence("Entries", str(len(row.facts["entries"])), _link(row)),
        ],
        [HAND_OVER],
    )


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _plain(value: object) -> str:
    if isinstance(value, Mapping) and "currency" in value:
        return f"{value['amount']} {value['currency']}"
    return str(value)[:TEXT_LIMIT]


def _send_again(subject_id: int, _facts: QueryDict, _actor_id: int) -> Done:
    services.send_again(subject_id)
    return Done("Queued to be sent again")


def _withdraw(subject_id: int, facts: QueryDict, _actor_id: int) -> Done:
    services.withdraw(subject_id, reason=_reason(facts))
    return Done("Withdrawn", {"id": subject_id})


def _unwithdraw(subject_id: int, _facts: Mapping[str, Any]) -> str:
    services.unwithdraw(subject_id)
    return "Waits for a decision again"


def _hand_over(subject_id: int, _facts: QueryDict, actor_id: int) -> Done:
    row = services.hand_over(subject_id, actor=User.objects.get(pk=actor_id))
    return Done(f"{row.facts['name']} is at the bank")


# -- Connections


def _show_connection(subject_id: int) -> tuple[Sequence[Evidence], Sequence[Remedy]]:
    row = Connection.objects.get(pk=subject_id)
    today = Refusal.objects.filter(connection=row, on=timezone.localdate()).order_by("-times")
    return (
        [
            Evidence("Connection", str(row), _link(row)),
            Evidence("State", row.get_state_display()),
            Evidence("Last test", row.test_said or "never"),
            *(Evidence(f"Refused {each.times} ×", each.reason) for each in today),
        ],
        [TEST],
    )


def _test(subject_id: int, _facts: QueryDict, actor_id: int) -> Done:
    services.queue_test(subject_id)
    return Done("A task asks the platform now")


# -- Shared


def _reason(facts: QueryDict) -> str:
    reason = str(facts.get("reason") or "").strip()
    if not reason:
        raise Refused("Say how it was dealt with.")
    return reason[:300]


def _link(row: Connection | Delivery | Event | Request) -> str:
    meta = row._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:  # In a site without the admin.
        return ""


_EVENT = Answers(
    _show_event,
    {"publish_again": _publish_again, "set_aside": _set_event_aside},
    {"set_aside": _unset_aside},
)
_CONNECTION = Answers(_show_connection, {"test": _test}, {})

handle(
    findings.UNREADABLE,
    Answers(
        _show_delivery,
        {"parse_again": _parse_again, "set_aside": _ignore},
        {"set_aside": _unignore},
    ),
    label="Unreadable delivery",
    due_banking_days=1,
)
handle(
    findings.CONFLICT,
    Answers(
        _show_conflict,
        {"first_stands": _first_stands, "both_true": _both_true},
        {"first_stands": _unsettle},
    ),
    label="Event told twice",
    due_banking_days=1,
)
handle(findings.FAILED, _EVENT, label="Event not posted", due_banking_days=1)
handle(findings.WAITING, _EVENT, label="Event waits", due_banking_days=2)
handle(
    findings.REQUEST,
    Answers(
        _show_request,
        {"send_again": _send_again, "withdraw": _withdraw},
        {"withdraw": _unwithdraw},
    ),
    label="Request refused",
    due_banking_days=2,
)
handle(
    findings.FILE,
    Answers(_show_file, {"hand_over": _hand_over}, {}),
    label="ACH file not at the bank",
    due_banking_days=1,
)
handle(findings.REAUTHORISE, _CONNECTION, label="Connection to be renewed", due_banking_days=1)
handle(findings.REFUSED, _CONNECTION, label="Deliveries refused", due_banking_days=1)
