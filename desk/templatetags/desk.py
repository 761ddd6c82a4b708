"""Filters and tags of the desk's templates: amounts, ages, icons, the sidebar."""

from datetime import date, datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from moneyed import Money

from desk import navigation, registry
from desk.models import Severity
from desk.queries import Filters

register = template.Library()
MINUS = "\N{MINUS SIGN}"


def money_text(amount: Money | None, *, is_signed: bool = False) -> str:
    """An amount for reading: 1,840.00, with a true minus below zero; dollars go without a sign."""
    if amount is None:
        return ""
    sign = MINUS if amount.amount < 0 else "+" if is_signed and amount.amount > 0 else ""
    currency = "" if str(amount.currency) == "USD" else f" {amount.currency}"
    return f"{sign}{abs(amount.amount):,.2f}{currency}"


@register.filter
def money(amount: Money | None) -> str:
    """An amount as text."""
    return money_text(amount)


@register.filter
def signed(amount: Money | None) -> str:
    """An amount as text, with a plus above zero."""
    return money_text(amount, is_signed=True)


@register.filter
def sign_class(amount: Money | None) -> str:
    """The class of a figure: below zero or not."""
    return "minus" if amount is not None and amount.amount < 0 else ""


@register.filter
def age(day: date | datetime | None) -> str:
    """How long ago a day was: today, 1 d, 34 d."""
    if day is None:
        return ""
    if isinstance(day, datetime):
        day = timezone.localtime(day).date()
    days = (timezone.localdate() - day).days
    return "today" if days <= 0 else f"{days} d"


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago a moment was, in the largest unit that fits."""
    if moment is None:
        return "never"
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


@register.filter
def due(moment: datetime | None) -> str:
    """When an item is due: today, tomorrow, a day, or by how long it is over."""
    if moment is None:
        return ""
    return due_word(moment) or f"{timezone.localtime(moment):%b %-d}"


@register.filter
def due_word(moment: datetime) -> str:
    """How near or how far over a due time is, in a word; "" for a day further ahead."""
    days = (timezone.localtime(moment).date() - timezone.localdate()).days
    if moment < timezone.now():
        return f"{-days} d over" if days < 0 else "over"
    return {0: "today", 1: "tomorrow"}.get(days, "")


@register.filter
def is_over(moment: datetime | None) -> bool:
    """Whether a due time has passed."""
    return moment is not None and moment < timezone.now()


@register.filter
def initials(person: Any) -> str:
    """Two letters for a person."""
    if not person:
        return ""
    words = str(person).split()
    ends = words if len(words) < 2 else [words[0], words[-1]]
    return "".join(word[0] for word in ends).upper()


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon that only decorates: the words beside it carry the meaning."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("desk/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def sidebar(context: dict[str, Any]) -> list[navigation.Group]:
    """The groups of the sidebar for the person of the request."""
    request: HttpRequest = context["request"]
    return navigation.sidebar(request) if request.user.is_authenticated else []


@register.simple_tag
def address(filters: Filters, **changes: str | int | None) -> str:
    """The desk's address with these filters, some of them changed; "" drops one."""
    query = filters.query(**changes)
    return f"{reverse('desk:items')}?{query}" if query else reverse("desk:items")


@register.filter
def kind_label(kind: str) -> str:
    """The label of a kind of item."""
    return registry.label_of(kind)


@register.filter
def age_range(age: str) -> str:
    """A bucket of ages for reading: 2–3."""
    return age.replace("-", "–")


_SEVERITY_ICONS = {Severity.CRITICAL: "critical", Severity.WARNING: "warning"}


@register.simple_tag
def severity_icon(severity: int) -> SafeString:
    """The shape of a severity: a diamond, a triangle or a ring, so that colour is not needed."""
    return icon(_SEVERITY_ICONS.get(Severity(severity), "notice"))


@register.filter
def severity_word(severity: int) -> str:
    """The word of a severity."""
    return Severity(severity).label


@register.filter
def concat(text: object, more: object) -> str:
    """Two things as one text."""
    return f"{text}{more}"
