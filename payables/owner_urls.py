"""Addresses that owners open from a mail; they need no password."""

from django.urls import path

from payables.pages import owners

app_name = "owner_approvals"
urlpatterns = [
    path("<str:token>/", owners.answer, name="answer"),
    path("<str:token>/file/", owners.file, name="file"),
]
