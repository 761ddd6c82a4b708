"""Where platforms send their webhooks: /hooks/<token>/."""

from django.urls import path

from connectors import views

app_name = "connectors"
urlpatterns = [path("<str:token>/", views.hook, name="hook")]
