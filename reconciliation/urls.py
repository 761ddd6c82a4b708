"""Addresses of reconciliation."""

from django.urls import path

from reconciliation import views

app_name = "reconciliation"
urlpatterns = [
    path("", views.accounts, name="accounts"),
    path("<int:account_id>/", views.account, name="account"),
    path("checks/<int:line_id>/letter.pdf", views.letter_to_bank, name="letter_to_bank"),
    path("upload/", views.upload, name="upload"),
    path("files/<int:file_id>/", views.file, name="file"),
    path("files/<int:file_id>/again/", views.read_again, name="read_again"),
    path("files/<int:file_id>/columns/", views.columns, name="columns"),
]
