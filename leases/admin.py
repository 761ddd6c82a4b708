"""The portfolio in the admin. Rows that hold money together are written by services alone."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from desk import roles
from desk.admin import ReadOnlyAdmin
from desk.roles import Permission
from leases.models import (
    Lease,
    LeaseTenant,
    ManagementAgreement,
    Owner,
    OwnershipShare,
    Property,
    Tenant,
    Unit,
)
from proptrust.lib.fields import mask


class LookAtInline(TabularInline):  # type: ignore[misc]
    """Rows that belong to a row, to look at."""

    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return roles.can(request.user, Permission.READ_BOOKS)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ShareInline(LookAtInline):
    """Who owns it, over which days."""

    model = OwnershipShare
    fields = ("property", "owner", "share", "from_on", "until_on")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OwnershipShare]:
        rows: QuerySet[OwnershipShare] = super().get_queryset(request)
        return rows.select_related("owner", "property")


class AgreementInline(LookAtInline):
    """On which terms it is managed, over which days."""

    model = ManagementAgreement
    fields = ("from_on", "until_on", "fee_rate", "fee_minimum", "reserve_target", "payment_day")


class UnitInline(LookAtInline):
    """What is let."""

    model = Unit
    fields = ("code", "market_rent")


class TenancyInline(LookAtInline):
    """Who rents, and what each agreed to pay."""

    model = LeaseTenant
    fields = ("lease", "tenant", "share")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LeaseTenant]:
        rows: QuerySet[LeaseTenant] = super().get_queryset(request)
        return rows.select_related("tenant", "lease__unit__property")


@admin.register(Property)
class PropertyAdmin(ReadOnlyAdmin):
    """Buildings and houses, with the trust accounts that hold their money."""

    list_display = ("code", "name", "city", "state", "rent_book", "deposit_book", "entity")
    list_filter = ("state", "entity")
    list_select_related = ("rent_book", "deposit_book", "entity")
    search_fields = ("code", "name", "street")
    inlines = (ShareInline, AgreementInline, UnitInline)


@admin.register(Owner)
class OwnerAdmin(ReadOnlyAdmin):
    """Who owns what we manage; bank and tax numbers are masked."""

    list_display = ("code", "name", "email", "entity")
    list_filter = ("entity",)
    list_select_related = ("entity",)
    search_fields = ("code", "name", "email")
    fields = ("entity", "code", "name", "email", "masked_tax_id", "masked_account")
    readonly_fields = ("masked_tax_id", "masked_account")
    inlines = (ShareInline,)

    @admin.display(description="tax id")
    def masked_tax_id(self, owner: Owner) -> str:
        return mask(owner.tax_id) or "–"

    @admin.display(description="payout account")
    def masked_account(self, owner: Owner) -> str:
        return mask(owner.payout_account_number) or "–"


@admin.register(Lease)
class LeaseAdmin(ReadOnlyAdmin):
    """Units let to tenants."""

    list_display = ("code", "unit", "tenant_names", "starts_on", "ends_on", "state", "entity")
    list_filter = ("state", "entity")
    list_select_related = ("unit__property", "entity")
    search_fields = ("code", "tenancies__tenant__name", "unit__code", "unit__property__name")
    inlines = (TenancyInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lease]:
        return super().get_queryset(request).prefetch_related("tenancies__tenant")

    @admin.display(description="tenants")
    def tenant_names(self, lease: Lease) -> str:
        return " & ".join(row.tenant.name for row in lease.tenancies.all())


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    """People who rent."""

    list_display = ("code", "name", "email", "phone", "entity")
    list_filter = ("entity",)
    list_select_related = ("entity",)
    search_fields = ("code", "name", "email")
    inlines = (TenancyInline,)


@admin.register(Unit)
class UnitAdmin(ReadOnlyAdmin):
    """What is let."""

    entity_path = "property__entity"
    list_display = ("property", "code", "market_rent")
    list_select_related = ("property",)
    search_fields = ("code", "property__name", "property__code")


@admin.register(ManagementAgreement)
class AgreementAdmin(ReadOnlyAdmin):
    """The terms on which properties are managed."""

    entity_path = "property__entity"
    list_display = ("property", "from_on", "until_on", "fee_rate", "fee_minimum", "reserve_target")
    list_select_related = ("property",)
    search_fields = ("property__name", "property__code")
