"""What people fill in: bank files to upload, and which column of a CSV is which."""

from typing import Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from desk import roles
from desk.models import LegalEntity, User
from desk.roles import Permission
from ledger.models import BankAccount
from reconciliation.formats import CsvMapping
from reconciliation.formats.text import MAX_BYTES

MOST_FILES = 50


def importable_accounts(user: User) -> QuerySet[BankAccount]:
    """The bank accounts for which a person may import statements."""
    entities = roles.entity_ids(user, Permission.IMPORT)
    return (
        BankAccount.objects.filter(book__entity__in=entities)
        .select_related("book")
        .order_by("book__name")
    )


class _ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """One file or more; each is checked as a file of its own."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = list(data) if isinstance(data, (list, tuple)) else [data]
        if len(files) > MOST_FILES:
            raise forms.ValidationError(f"At most {MOST_FILES} files at once.")
        return [super(_FilesField, self).clean(each, initial) for each in files]


class UploadForm(forms.Form):
    """Bank files, and the account where the files do not say it."""

    bank_files = _FilesField(
        label="Bank files",
        widget=_ManyFiles(),
        help_text="BAI2, OFX or QFX, camt.053, MT940 or CSV, as the bank gives them.",
    )
    entity = forms.ModelChoiceField(queryset=LegalEntity.objects.none(), label="Company")
    account = forms.ModelChoiceField(
        queryset=BankAccount.objects.none(),
        label="Bank account",
        required=False,
        empty_label="As the file says",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        entities = LegalEntity.objects.filter(pk__in=roles.entity_ids(user, Permission.IMPORT))
        entity = cast("forms.ModelChoiceField[LegalEntity]", self.fields["entity"])
        account = cast("forms.ModelChoiceField[BankAccount]", self.fields["account"])
        entity.queryset, account.queryset = entities, importable_accounts(user)
        entity.empty_label = None
        account.label_from_instance = (  # type: ignore[method-assign]
            lambda obj: f"{obj.book}: {obj}"
        )
        if len(entities) == 1:
            entity.initial, entity.widget = entities[0].pk, forms.HiddenInput()

    def clean_bank_files(self) -> "list[UploadedFile[Any]]":
        """Raises ValidationError for a file that is larger than any is read."""
        files: list[UploadedFile[Any]] = self.cleaned_data["bank_files"]
        for file in files:
            if (file.size or 0) > MAX_BYTES:
                raise forms.ValidationError(
                    f"{file.name} is larger than {MAX_BYTES // 1024 // 1024} MB."
                )
        return files

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        account, entity = cleaned.get("account"), cleaned.get("entity")
        if account and entity and account.book.entity_id != entity.pk:
            self.add_error("account", "This account belongs to another company.")
        return cleaned


_SIGNS = (
    ("signed", "One column; plus is into the account"),
    ("reversed", "One column; plus is out of the account"),
    ("columns", "Two columns: debit and credit"),
    ("direction", "One column without signs; another says debit or credit"),
)
_ORDERS = (("MDY", "Month first"), ("DMY", "Day first"), ("YMD", "Year first"))


class ColumnsForm(forms.Form):
    """Which column of a CSV says what. Columns are named by their headers."""

    sign = forms.ChoiceField(label="Amounts", choices=_SIGNS)
    date_order = forms.ChoiceField(label="Dates", choices=_ORDERS)
    posted_on = forms.ChoiceField(label="Day")
    amount = forms.ChoiceField(label="Amount", required=False)
    debit = forms.ChoiceField(label="Debit (out)", required=False)
    credit = forms.ChoiceField(label="Credit (in)", required=False)
    direction = forms.ChoiceField(label="Debit or credit", required=False)
    description = forms.ChoiceField(label="Description", required=False)
    bank_reference = forms.ChoiceField(label="Reference", required=False)
    check_number = forms.ChoiceField(label="Check number", required=False)
    balance = forms.ChoiceField(label="Running balance", required=False)

    def __init__(self, *args: Any, headers: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "None"), *((header, header) for header in headers if header.strip())]
        for name, field in self.fields.items():
            if name not in ("sign", "date_order"):
                cast("forms.ChoiceField", field).choices = choices

    def mapping(self) -> CsvMapping:
        """What was chosen. Raises ValueError where it cannot be used."""
        chosen = self.cleaned_data
        columns = {
            name: (chosen[name],)
            for name in self.fields
            if name not in ("sign", "date_order") and chosen.get(name)
        }
        return CsvMapping(
            columns=columns,
            sign=chosen["sign"],
            name="columns of this account",
            date_order=chosen["date_order"],
        )
