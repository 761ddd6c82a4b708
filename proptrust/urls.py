"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("desk/", include("desk.urls")),
    path("reconciliation/", include("reconciliation.urls")),
    path("rent/", include("receivables.urls")),
    path("portfolio/", include("leases.urls")),
    path("reports/", include("statements.urls")),
    path("s/", include("statements.owners.public_urls")),
    path("rules/", include("compliance.urls")),
    path("payments/", include("payments.urls")),
    path("payables/", include("payables.urls")),
    path("owner-approvals/", include("payables.owner_urls")),
    path("fees/", include("fees.urls")),
    path("owners/", include("disbursements.urls")),
    path("deposits/", include("deposits.urls")),
    path("hooks/", include("connectors.urls")),
    path("admin/", admin.site.urls),
]
handler403 = "desk.views.forbidden"
handler404 = "desk.views.not_found"
handler500 = "desk.views.broken"
