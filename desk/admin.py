"""Admin pages of people, companies and the audit trail, and the bases of every app's own pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from djmoney.models.fields import MoneyField
from moneyed import Money
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from desk import roles, services
from desk.errors import Refused
from desk.models import AuditEvent, LegalEntity, Membership, User
from desk.roles import Permission
from desk.templatetags.desk import money_text
from proptrust.lib.fields import mask


def money_column(name: str, label: str = "") -> Callable[[Any], SafeString]:
    """A column of amounts: tabular figures, right-aligned, below zero with a minus."""

    @admin.display(description=label or name.replace("_", " "), ordering=name)
    def column(row: Any) -> SafeString:
        return money_cell(getattr(row, name))

    return column


def money_cell(amount: Money | None) -> SafeString:
    """An amount as a cell of a table."""
    if amount is None:
        return format_html('<span class="pt-money">{}</span>', "–")
    kind = "pt-money pt-minus" if amount.amount < 0 else "pt-money"
    return format_html('<span class="{}">{}</span>', kind, money_text(amount))


class OwnCompaniesFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that offers the rows of the person's own companies alone."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """The rows to choose from."""
        allowed = roles.entity_ids(request.user, model_admin.view_permission)
        found: list[tuple[str, str]] = field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={f"{_way_to_company(field.related_model)}__in": allowed},
        )
        return found


def _way_to_company(model: type[models.Model]) -> str:
    """The lookup from a row that filters offer to its legal entity.

    Raises FieldDoesNotExist for a model of which nobody has said whose its rows are.
    """
    if model is LegalEntity:
        return "pk"
    return model._meta.get_field("entity").name


class RoleAdmin(ModelAdmin):  # type: ignore[misc]
    """A page whose rows and buttons follow from the person's roles.

    entity_path: the lookup from a row to its legal entity ("entity", "account__book__entity"); ""
    for rows of no company. view_permission, change_permission, add_permission: what it
    needs; None means nobody. Nothing is ever deleted. Give list_select_related for what __str__ of
    a row needs, so that a list is a handful of queries.
    """

    entity_path = "entity"
    view_permission: Permission = Permission.READ_BOOKS
    change_permission: Permission | None = None
    add_permission: Permission | None = None
    # What to do when there is no row yet, in a sentence.
    empty_words = ""
    list_per_page = 50
    list_fullwidth = True
    list_max_show_all = 0
    show_full_result_count = False
    list_filter_submit = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return roles.can(request.user, self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return roles.can(request.user, self.view_permission)

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return self.add_permission is not None and roles.can(request.user, self.add_permission)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        if self.change_permission is None:
            return False
        return roles.can(request.user, self.change_permission, self._entity_id(obj))

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if not self.entity_path:
            return rows
        allowed = roles.entity_ids(request.user, self.view_permission)
        return rows.filter(**{f"{self.entity_path}__in": allowed})

    def get_list_display(self, request: HttpRequest) -> Sequence[Any]:
        """Amounts become right-aligned columns by themselves."""
        return [self._column(name) for name in super().get_list_display(request)]

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        """Filters by a related row offer no row of another company."""
        return [self._own(each) for each in super().get_list_filter(request)]

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        """Only companies at which the person may make this change can be chosen."""
        if db_field.related_model is LegalEntity:
            needed = self.add_permission or self.change_permission
            allowed = roles.entity_ids(request.user, needed) if needed else []
            kwargs["queryset"] = LegalEntity.objects.filter(pk__in=allowed)
        field: forms.ModelChoiceField[Any] | None = super().formfield_for_foreignkey(
            db_field, request, **kwargs
        )
        return field

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        verb = "change" if change else "add"
        fields = ", ".join(form.changed_data)
        services.record(
            verb,
            text=f"{verb.capitalize()} {obj._meta.verbose_name} {obj}: {fields}",
            subject=obj,
            actor=request.user,  # type: ignore[arg-type]
            facts={"fields": list(form.changed_data)},
        )

    def _own(self, each: Any) -> Any:
        if not isinstance(each, str):
            return each
        is_relation = get_fields_from_path(self.model, each)[-1].is_relation
        return (each, OwnCompaniesFilter) if is_relation else each

    def _column(self, name: Any) -> Any:
        if not isinstance(name, str) or hasattr(self, name):
            return name
        field = {each.name: each for each in self.model._meta.fields}.get(name)
        if not isinstance(field, MoneyField):
            return name
        column = money_column(name, str(field.verbose_name))
        column.__name__ = name
        return column

    def _entity_id(self, row: models.Model | None) -> int | None:
        """The legal entity of a row, along entity_path."""
        if row is None or not self.entity_path:
            return None
        at: Any = row
        for step in self.entity_path.removesuffix("_id").split("__"):
            at = getattr(at, step)
        return int(at.pk)


class ReadOnlyAdmin(RoleAdmin):
    """A page to look at: rows are written by services alone."""

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class QueueAdmin(ReadOnlyAdmin):
    """A queue of rows to work on: actions call one service per row (permissions=["work"])."""

    work_permission: Permission = Permission.WORK_ITEMS

    def has_work_permission(self, request: HttpRequest) -> bool:
        """What an action asks with permissions=["work"]."""
        return roles.can(request.user, self.work_permission)

    def work(
        self, request: HttpRequest, rows: QuerySet[Any], service: Callable[[Any], object]
    ) -> None:
        """Call a service with each row, one transaction a row; say how many went, and why not."""
        allowed = set(roles.entity_ids(request.user, self.work_permission))
        done = 0
        for row in rows:
            try:
                if self.entity_path and self._entity_id(row) not in allowed:
                    raise Refused("your role at this company does not let you do this")
                with transaction.atomic():
                    service(row)
                done += 1
            except Refused as refusal:
                messages.warning(request, f"{row}: {refusal}")
        messages.success(request, f"{done} done.")


class MembershipInline(TabularInline):  # type: ignore[misc]
    """A person's roles, as far as the administrator manages those companies."""

    model = Membership
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        rows: QuerySet[Membership] = super().get_queryset(request)
        return rows.filter(entity__in=_managed(request)).select_related("entity")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.ModelChoiceField[Any] | None:
        if db_field.name == "entity":
            kwargs["queryset"] = LegalEntity.objects.filter(pk__in=_managed(request))
        field: forms.ModelChoiceField[Any] | None = super().formfield_for_foreignkey(
            db_field, request, **kwargs
        )
        return field

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return roles.can(request.user, Permission.MANAGE_PEOPLE)

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return roles.can(request.user, Permission.MANAGE_PEOPLE)

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission


def _managed(request: HttpRequest) -> list[int]:
    return roles.entity_ids(request.user, Permission.MANAGE_PEOPLE)


@admin.register(User)
class UserAdmin(RoleAdmin, BaseUserAdmin):  # type: ignore[misc, type-arg]
    """People and their roles.

    An administrator changes only people whose every role is at companies that they manage: a new
    password for somebody else's bookkeeper would be a way into those books.
    """

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    entity_path = ""
    view_permission = change_permission = add_permission = Permission.MANAGE_PEOPLE
    inlines = (MembershipInline,)
    list_display = ("username", "full_name", "email", "role_names", "is_active", "last_login")
    list_filter = ("is_active",)
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email")}),
        (None, {"fields": ("usable_password", "password1", "password2")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        rows = User.objects.prefetch_related("memberships__entity")
        if request.user.is_superuser:
            return rows
        visible = Q(memberships__entity__in=_managed(request)) | Q(memberships=None)
        return rows.filter(visible, is_superuser=False).distinct()

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        if not super().has_change_permission(request):
            return False
        if not isinstance(obj, User) or request.user.is_superuser:
            return True
        managed = set(_managed(request))
        return not obj.is_superuser and all(
            each.entity_id in managed for each in obj.memberships.all()
        )

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return roles.can(request.user, Permission.MANAGE_PEOPLE)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001
        super().save_formset(request, form, formset, change)
        written = [*formset.new_objects, *(row for row, _ in formset.changed_objects)]
        for verb, rows in (("give role", written), ("take role", formset.deleted_objects)):
            for row in rows:
                services.record(
                    verb,
                    text=f"{verb.capitalize()}: {row}",
                    subject=row.user,
                    entity_id=row.entity_id,
                    actor=request.user,  # type: ignore[arg-type]
                )

    @admin.display(description="name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @admin.display(description="roles")
    def role_names(self, user: User) -> str:
        return ", ".join(
            f"{each.get_role_display()} at {each.entity}" for each in user.memberships.all()
        )


@admin.register(LegalEntity)
class LegalEntityAdmin(RoleAdmin):
    """The companies."""

    entity_path = "pk"
    view_permission = change_permission = Permission.MANAGE_PEOPLE
    list_display = ("name", "state", "licence_number", "broker_of_record", "time_zone")
    fields = ("name", "state", "licence_number", "broker_of_record", "masked_tax_id", "time_zone")
    readonly_fields = ("masked_tax_id",)

    def _entity_id(self, row: models.Model | None) -> int | None:
        return row.pk if row is not None else None

    @admin.display(description="tax id")
    def masked_tax_id(self, entity: LegalEntity) -> str:
        return mask(entity.tax_id) or "–"


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, and when; newest first. PostgreSQL refuses to change a line."""

    empty_words = "Every change of money, bank details or permission will stand here."
    list_display = ("at", "actor", "verb", "text", "entity")
    list_filter = ("verb",)
    list_select_related = ("actor", "entity")
    search_fields = ("text",)
    ordering = ("-id",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        page: HttpResponse = super().changelist_view(
            request, {"title": "Audit trail", **(extra_context or {})}
        )
        return page
