"""What people type: a check, a deposit slip, a portfolio to import."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from desk import roles
from desk.models import LegalEntity, User
from desk.roles import Permission
from leases.models import Lease
from leases.queries import lease_by_code
from ledger.models import Book
from proptrust.lib.money import plain, usd
from receivables.importing import Upload
from receivables.importing.run import MOST_FILES
from receivables.models import Receipt

_BY_HAND = [
    (Receipt.Channel.CHECK.value, "Check"),
    (Receipt.Channel.MONEY_ORDER.value, "Money order"),
]


def _day(**facts: Any) -> forms.DateField:
    return forms.DateField(
        initial=timezone.localdate, widget=forms.DateInput(attrs={"type": "date"}), **facts
    )


class CheckForm(forms.Form):
    """A check or money order that came by mail. Without a lease it waits in suspense."""

    book = forms.ModelChoiceField(Book.objects.none(), label="Trust account")
    channel = forms.ChoiceField(choices=_BY_HAND, label="What it is")
    number = forms.CharField(max_length=60, label="Number on it")
    gross = forms.DecimalField(
        max_digits=14, decimal_places=2, min_value=usd("0.01").amount, label="Amount"
    )
    received_on = _day(label="Received on")
    payer = forms.CharField(max_length=200, label="Payer")
    lease = forms.CharField(
        max_length=40, required=False, label="Lease code", help_text="Empty: not known yet."
    )
    memo = forms.CharField(max_length=300, required=False, label="Memo")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _field(self, "book").queryset = trust_books(user, Permission.POST)

    def clean(self) -> dict[str, Any]:
        """The lease of the code, which must be of the trust account's company."""
        facts: dict[str, Any] = super().clean() or {}
        code, book = facts.get("lease"), facts.get("book")
        found: Lease | None = lease_by_code(book.entity_id, code) if book and code else None
        if code and book and found is None:
            self.add_error("lease", f"There is no lease {code} in this company.")
        facts["lease"] = found
        return facts


class ChecksField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # Not at run time.
    """Checks to tick, each as it lies on the table."""

    def label_from_instance(self, receipt: Any) -> str:
        """Its day, number, payer and amount."""
        number = f"No. {receipt.number}" if receipt.number else receipt.get_channel_display()
        return (
            f"{receipt.received_on:%b %-d} · {number} · {receipt.payer or 'payer not known'}"
            f" · {plain(receipt.gross)}"
        )


class SlipForm(forms.Form):
    """Checks of one trust account that are taken to the bank together."""

    number = forms.CharField(max_length=60, label="Slip number")
    day = _day(label="Taken to the bank on")
    receipts = ChecksField(
        Receipt.objects.none(), widget=forms.CheckboxSelectMultiple, label="Checks"
    )

    def __init__(self, *args: Any, waiting: QuerySet[Receipt], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _field(self, "receipts").queryset = waiting


class FilesInput(forms.ClearableFileInput):
    """Several files at once."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each as an Upload."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Upload]:
        """Read them; their number is limited here, their size when they are read."""
        files: Sequence[Any] = data if isinstance(data, list | tuple) else [data]
        if len(files) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES} files go together.")
        cleaned = [super(FilesField, self).clean(each, initial) for each in files]
        return [Upload(each.name, each.read()) for each in cleaned]


class ImportForm(forms.Form):
    """Portfolio files of a company. Only an administrator of the installation makes a new one."""

    entity = forms.ModelChoiceField(LegalEntity.objects.none(), required=False, label="Company")
    new_entity = forms.CharField(max_length=200, required=False, label="Or a new company")
    state = forms.CharField(max_length=2, required=False, label="Its state, as AZ")
    cut_over_on = _day(label="Cut-over, at the end of")
    files = FilesField(label="CSV files")  # type: ignore[assignment]  # Not the files as sent.

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = roles.entity_ids(user, Permission.IMPORT)
        _field(self, "entity").queryset = LegalEntity.objects.filter(pk__in=allowed)
        if not user.is_superuser:
            del self.fields["new_entity"], self.fields["state"]
            self.fields["entity"].required = True

    def clean(self) -> dict[str, Any]:
        """One company, an old one or a new one."""
        facts: dict[str, Any] = super().clean() or {}
        named = facts.get("entity"), facts.get("new_entity")
        if not self.errors and bool(named[0]) == bool(named[1]):
            self.add_error("entity", "Choose a company, or name a new one.")
        return facts


def trust_books(user: User, permission: Permission) -> QuerySet[Book]:
    """The trust accounts of the companies where a person holds a permission."""
    return Book.objects.filter(
        entity__in=roles.entity_ids(user, permission), kind=Book.Kind.TRUST
    ).order_by("name")


def _field(form: forms.Form, name: str) -> Any:
    """A choice field, whose rows depend on the person."""
    return form.fields[name]
