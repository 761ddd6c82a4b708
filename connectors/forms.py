"""The form of a connection: its own fields, and those that its connector declares."""

import copy
from collections.abc import Mapping
from typing import Any

from django import forms
from unfold import widgets

from connectors import registry
from connectors.base import Connector
from connectors.models import Connection
from connectors.services.receiving import FILE_LIMIT
from proptrust.lib.fields import mask

CREDENTIAL, SETTING = "credential_", "setting_"


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A connection. Secrets are written and never shown: an empty field keeps what is stored."""

    slug = forms.ChoiceField(label="Platform", choices=registry.choices)

    class Meta:
        model = Connection
        fields = ("entity", "slug", "label", "book")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].widget = widgets.UnfoldAdminSelectWidget(choices=registry.choices())
        # The page offers the person's own companies alone (admin); of them, those that fit.
        books = self.fields["book"]
        if self.instance.pk:
            books.queryset = books.queryset.filter(  # type: ignore[attr-defined]
                entity=self.instance.entity_id
            )
            for name in ("slug", "entity"):
                self.fields[name].disabled = True
            for name, value in (self.instance.settings or {}).items():
                if f"{SETTING}{name}" in self.fields:
                    self.fields[f"{SETTING}{name}"].initial = value

    def clean(self) -> dict[str, Any]:
        """Ask the connector's own forms, with what is stored standing in for empty secrets."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.instance.pk:
            cls = registry.connector_class(self.instance.slug)
            kept = self.instance.credentials or {}
            self._check(cls.Credentials, CREDENTIAL, cleaned, kept)
            self._check(cls.Settings, SETTING, cleaned, {})
        book, entity = cleaned.get("book"), cleaned.get("entity")
        if book and entity and book.entity_id != entity.pk:
            self.add_error("book", "This trust account belongs to another company.")
        return cleaned

    @property
    def has_new_credentials(self) -> bool:
        """Whether a secret was typed."""
        return any(name.startswith(CREDENTIAL) for name in self.changed_data)

    def _check(
        self, form: type[forms.Form], prefix: str, cleaned: dict[str, Any], kept: Mapping[str, Any]
    ) -> None:
        names = form.base_fields
        typed = {name: cleaned.get(f"{prefix}{name}") or kept.get(name) or "" for name in names}
        bound = form(typed)
        for name, errors in bound.errors.items():
            place = f"{prefix}{name}" if name in names else None
            self.add_error(place, list(errors))
        self._values = getattr(self, "_values", {}) | {prefix: bound.cleaned_data}

    def apply(self, connection: Connection) -> None:
        """Write the connector's own values into the row, which the caller saves."""
        values: dict[str, dict[str, Any]] = getattr(self, "_values", {})
        if values:
            connection.credentials = {
                name: value for name, value in values[CREDENTIAL].items() if value
            }
            connection.settings = values[SETTING]


def form_for(connection: Connection | None) -> type[ConnectionForm]:
    """The form of a new connection, or of an existing one with its connector's fields."""
    if connection is None:
        return ConnectionForm
    cls = registry.connector_class(connection.slug)
    fields: dict[str, Any] = {
        f"{CREDENTIAL}{name}": _secret_field(
            field, str((connection.credentials or {}).get(name, ""))
        )
        for name, field in _fields(cls.Credentials).items()
    }
    fields |= {
        f"{SETTING}{name}": _dressed(name, field) for name, field in _fields(cls.Settings).items()
    }
    if cls.is_file_based:
        fields["upload"] = forms.FileField(
            label="File of the bank",
            required=False,
            help_text=f"At most {FILE_LIMIT // 2**20} MB. Read by a task as soon as it is stored.",
            widget=widgets.UnfoldAdminFileFieldWidget(),
        )
    return type("ConnectionForm", (ConnectionForm,), fields)


def field_names(connection: Connection, prefix: str) -> list[str]:
    """The names of a connector's fields in the form."""
    cls: type[Connector] = registry.connector_class(connection.slug)
    form = cls.Credentials if prefix == CREDENTIAL else cls.Settings
    return [f"{prefix}{name}" for name in _fields(form)]


def _fields(form: type[forms.Form]) -> Mapping[str, forms.Field]:
    found: Mapping[str, forms.Field] = form.base_fields
    return found


def _secret_field(field: forms.Field, stored: str) -> forms.Field:
    made = copy.deepcopy(field)
    made.widget = widgets.UnfoldAdminPasswordWidget(
        attrs={"autocomplete": "new-password", "spellcheck": "false"}, render_value=False
    )
    if stored:
        made.required = False
        made.help_text = f"Stored: {mask(stored)}. Leave it empty to keep it. {made.help_text}"
    return made


def _dressed(name: str, field: forms.Field) -> forms.Field:
    made = copy.deepcopy(field)
    made.label = field.label or name.replace("_", " ").capitalize()
    if isinstance(made, forms.ChoiceField):
        made.widget = widgets.UnfoldAdminSelectWidget(choices=made.choices)
    else:
        made.widget = widgets.UnfoldAdminTextInputWidget()
    return made
