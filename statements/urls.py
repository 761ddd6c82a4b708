"""Addresses of the reports."""

from django.urls import path

from statements import views
from statements.owners import views as owners

app_name = "statements"
urlpatterns = [
    path("", views.reports, name="reports"),
    path("verify/", views.verify, name="verify"),
    path("owners/", owners.statements, name="owner_statements"),
    path("owners/<int:statement_id>/", owners.statement, name="owner_statement"),
    path("owners/<int:statement_id>/again/", owners.again, name="owner_again"),
    path("owners/<int:statement_id>/statement.pdf", owners.download, name="owner_download"),
    path("owners/<int:statement_id>/packet.pdf", owners.download_packet, name="owner_packet"),
    path("owners/<int:statement_id>/statement.json", owners.rows, name="owner_rows"),
    path(
        "owners/<int:statement_id>/documents/<int:place>/", owners.document, name="owner_document"
    ),
    path("owners/<int:statement_id>/links/", owners.make_link, name="owner_link"),
    path(
        "owners/<int:statement_id>/links/<int:link_id>/revoke/",
        owners.revoke_link,
        name="owner_revoke_link",
    ),
    path("<int:report_id>/", views.report, name="report"),
    path("<int:report_id>/trust-report.pdf", views.download, name="download"),
    path("<int:report_id>/trust-report.json", views.rows, name="rows"),
]
