from collections.abc import Callable
from decimal import Decimal
from typing import Any, Self, TypeVar, overload

from django.db.models import DecimalField, Model
from django.db.models.expressions import Combinable
from moneyed import Currency, Money

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)

# An attribute of a row is Money; values(), values_list() and aggregates give the Decimal alone.
class MoneyField(DecimalField[_ST, _GT]):
    _pyi_private_set_type: Money | Combinable  # type: ignore[assignment]
    _pyi_lookup_exact_type: Money | Decimal | int  # type: ignore[assignment]
    def __init__(
        self,
        verbose_name: str | None = None,
        name: str | None = None,
        max_digits: int | None = None,
        decimal_places: int = ...,
        default: Money | int | Callable[[], Money] | None = ...,
        default_currency: Currency | str | None = ...,
        currency_choices: Any = ...,
        currency_max_length: int = ...,
        currency_field_name: str | None = None,
        **options: Any,
    ) -> None: ...
    @overload  # type: ignore[override]
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self: MoneyField[_ST, Decimal], instance: Model, owner: Any) -> Money: ...
    @overload
    def __get__(
        self: MoneyField[_ST, Decimal | None], instance: Model, owner: Any
    ) -> Money | None: ...
