"""What a person fills in to ask for owner statements."""

from typing import Any, cast

from django import forms
from django.utils import timezone

from desk import roles
from desk.models import LegalEntity, User
from desk.roles import Permission
from disbursements.models import Run
from leases.models import Owner


def _day(label: str, *, required: bool = True) -> forms.DateField:
    return forms.DateField(
        label=label, required=required, widget=forms.DateInput(attrs={"type": "date"})
    )


class StatementsForm(forms.Form):
    """Which company and days; one owner by code, or all of them."""

    entity = forms.ModelChoiceField(queryset=LegalEntity.objects.none(), label="Company")
    from_on = _day("From (empty: after the last one)", required=False)
    to_on = _day("To")
    owner = forms.CharField(label="Owner’s code (empty: all)", required=False, max_length=40)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[LegalEntity]", self.fields["entity"])
        field.queryset = LegalEntity.objects.filter(
            pk__in=roles.entity_ids(user, Permission.MAKE_REPORTS)
        )
        field.empty_label = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from_on"), cleaned.get("to_on")
        if first and last and first > last:
            self.add_error("to_on", "The last day lies before the first.")
        if last and last > timezone.localdate():
            self.add_error("to_on", "The last day has not come yet.")
        code = cleaned.get("owner")
        if code and (entity := cleaned.get("entity")):
            found = Owner.objects.filter(entity=entity, code__iexact=code.strip()).first()
            if found is None:
                self.add_error("owner", f"{entity} has no owner {code}.")
            cleaned["found"] = found
        return cleaned


class RunForm(forms.Form):
    """Which run's statements to make: those that were sent."""

    run = forms.ModelChoiceField(queryset=Run.objects.none(), label="Owner draws up to")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[Run]", self.fields["run"])
        field.queryset = (
            Run.objects.filter(
                entity__in=roles.entity_ids(user, Permission.MAKE_REPORTS), state__in=Run.PAID
            )
            .select_related("entity")
            .order_by("-cut_off_on", "-id")
        )
        field.label_from_instance = _name_of  # type: ignore[method-assign,assignment]
        field.empty_label = None


def _name_of(run: Run) -> str:
    return f"{run.cut_off_on:%b %-d, %Y}, {run.entity}"
