"""How rates are written on the pages of deposits."""

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def percent(rate: Decimal) -> str:
    """A rate as people write it: 1.5 % for 0.015."""
    return f"{(rate * 100).normalize():f} %"
