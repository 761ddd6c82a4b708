"""Filters of the pages of fees."""

from decimal import Decimal

from django import template

from fees.models import Fee
from fees.postings import percent

register = template.Library()


@register.filter
def fee_kind(kind: str) -> str:
    """The label of a kind of fee."""
    return str(Fee.Kind(kind).label)


@register.filter
def rate(value: Decimal) -> str:
    """A rate in per cent, or nothing for a fixed amount."""
    return percent(value) if value else ""
