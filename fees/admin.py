"""Fees in the admin: lists to look at; their own pages do the work."""

from django.contrib import admin

from desk.admin import ReadOnlyAdmin
from fees.models import Fee, FeeDraw


@admin.register(Fee)
class FeeAdmin(ReadOnlyAdmin):
    """The company's fees."""

    list_display = ("counts_on", "kind", "property", "lease", "basis", "rate", "amount", "entry")
    list_filter = ("kind", "book")
    list_select_related = ("property", "lease__unit__property", "entry")
    search_fields = ("property__name", "lease__code", "reason")
    date_hierarchy = "counts_on"
    ordering = ("-counts_on", "-id")


@admin.register(FeeDraw)
class FeeDrawAdmin(ReadOnlyAdmin):
    """What the company drew from its trust accounts."""

    list_display = ("drawn_on", "book", "amount", "fees", "other", "undone_on")
    list_filter = ("book",)
    list_select_related = ("book",)
    date_hierarchy = "drawn_on"
    ordering = ("-drawn_on", "-id")
