"""How amounts and days are printed in a report."""

from datetime import date, datetime
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def amount(value: str) -> SafeString | str:
    """An amount with thousands separators; a negative one in parentheses and with a minus.

    The parentheses are for the eye, the minus is for a screen reader too.
    """
    if value == "":
        return ""
    number = Decimal(value)
    if number < 0:
        return format_html('<span class="negative">(−{})</span>', f"{-number:,.2f}")
    return f"{number:,.2f}"


@register.filter
def long_day(value: str) -> str:
    """An ISO day as `June 30, 2026`."""
    day = date.fromisoformat(value)
    return f"{day:%B} {day.day}, {day.year}"


@register.filter
def moment(value: str) -> str:
    """An ISO moment as `2026-06-30 17:05:12 UTC`."""
    return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S %Z}"


@register.filter
def short_day(value: str) -> str:
    """An ISO day as `Jun 30`."""
    day = date.fromisoformat(value)
    return f"{day:%b} {day.day}"
