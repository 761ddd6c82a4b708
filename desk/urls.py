"""Addresses of the desk."""

from django.urls import path

from desk import views

app_name = "desk"
urlpatterns = [
    path("", views.items, name="items"),
    path("keys/", views.keys, name="keys"),
    path("bulk/", views.bulk, name="bulk"),
    path("approvals/", views.approvals, name="approvals"),
    path("approvals/<int:approval_id>/", views.decide, name="decide"),
    path("undo/", views.undo, name="undo"),
    path("<int:item_id>/act/", views.act, name="act"),
    path("<int:item_id>/assign/", views.assign, name="assign"),
    path("<int:item_id>/wait/", views.wait, name="wait"),
    path("<int:item_id>/note/", views.note, name="note"),
]
