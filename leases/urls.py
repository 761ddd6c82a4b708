"""Addresses of the portfolio."""

from django.urls import path

from leases import views

app_name = "leases"
urlpatterns = [
    path("properties/", views.properties, name="properties"),
    path("properties/<int:property_id>/", views.property_, name="property"),
    path("properties/<int:property_id>/shares/", views.shares, name="shares"),
    path("properties/<int:property_id>/agreement/", views.agreement, name="agreement"),
    path("properties/<int:property_id>/late-fees/", views.late_fees, name="late_fees"),
    path("properties/<int:property_id>/unit/", views.new_unit, name="new_unit"),
    path("properties/<int:property_id>/lease/", views.new_lease, name="new_lease"),
    path("owners/", views.owners, name="owners"),
    path("owners/new/", views.new_owner, name="new_owner"),
    path("owners/<int:owner_id>/", views.owner, name="owner"),
    path("owners/<int:owner_id>/change/", views.change_owner, name="change_owner"),
    path("owners/<int:owner_id>/bank/", views.bank, name="bank"),
    path("leases/<int:lease_id>/", views.lease, name="lease"),
    path("leases/<int:lease_id>/late-fees/", views.lease_late_fees, name="lease_late_fees"),
    path("leases/<int:lease_id>/move-out/", views.move_out, name="move_out"),
    path("tenants/<int:tenant_id>/address/", views.address, name="address"),
]
