"""Addresses of owner draws, recoveries, contributions and withheld tax."""

from django.urls import path

from disbursements import views

app_name = "disbursements"
urlpatterns = [
    path("draws/", views.runs, name="runs"),
    path("draws/freeze/", views.freeze, name="freeze"),
    path("draws/<int:run_id>/", views.run, name="run"),
    path("draws/<int:run_id>/review/", views.review, name="review"),
    path("draws/<int:run_id>/decide/", views.decide, name="decide"),
    path("draws/<int:run_id>/send/", views.send, name="send"),
    path("draws/<int:run_id>/cancel/", views.cancel, name="cancel"),
    path("draws/<int:run_id>/hold-account/", views.hold_account, name="hold_account"),
    path("draws/<int:run_id>/run.csv", views.run_csv, name="run_csv"),
    path("draw/<int:draw_id>/", views.draw, name="draw"),
    path("draw/<int:draw_id>/change/", views.change, name="change"),
    path("recoveries/", views.recoveries, name="recoveries"),
    path("recoveries/plan/", views.plan, name="plan"),
    path("recoveries/<int:recovery_id>/", views.recovery, name="recovery"),
    path("recoveries/<int:recovery_id>/act/", views.recover, name="recover"),
    path("contributions/", views.contributions, name="contributions"),
    path("contributions/record/", views.contribute, name="contribute"),
    path("withholding/", views.withholding, name="withholding"),
    path("withholding/remit/", views.remit, name="remit"),
]
