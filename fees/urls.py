"""Addresses of fees."""

from django.urls import path

from fees import views

app_name = "fees"
urlpatterns = [
    path("", views.revenue, name="revenue"),
    path("revenue.csv", views.revenue_csv, name="revenue_csv"),
    path("list/", views.fee_list, name="list"),
    path("list/fees.csv", views.list_csv, name="list_csv"),
    path("list/<int:fee_id>/", views.fee, name="fee"),
    path("list/<int:fee_id>/give-back/", views.give_back, name="give_back"),
    path("new/", views.new, name="new"),
    path("draws/", views.draws, name="draws"),
    path("draws/<int:book_id>/ask/", views.ask_draw, name="ask_draw"),
    path("audit/", views.audit, name="audit"),
    path("audit/take/", views.take_due, name="take_due"),
]
