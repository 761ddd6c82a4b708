"""Addresses of compliance."""

from django.urls import path

from compliance import views

app_name = "compliance"
urlpatterns = [path("", views.rules, name="rules")]
