"""Addresses that owners open from a mail; they need no password."""

from django.urls import path

from statements.owners import public_views

app_name = "owner_statements"
urlpatterns = [
    path("<str:token>/", public_views.statement, name="statement"),
    path("<str:token>/statement.pdf", public_views.download, name="download"),
    path("<str:token>/packet.pdf", public_views.download_packet, name="packet"),
    path("<str:token>/documents/<int:place>/", public_views.document, name="document"),
]
