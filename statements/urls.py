"""Addresses of the reports."""

from django.urls import path

from statements import views

app_name = "statements"
urlpatterns = [
    path("", views.reports, name="reports"),
    path("verify/", views.verify, name="verify"),
    path("<int:report_id>/", views.report, name="report"),
    path("<int:report_id>/trust-report.pdf", views.download, name="download"),
    path("<int:report_id>/trust-report.json", views.rows, name="rows"),
]
