"""The rent pages."""

from django.urls import path

from receivables.views import accounts, charging, housing, slips

app_name = "rent"
urlpatterns = [
    path("leases/", accounts.leases, name="leases"),
    path("leases/<int:lease_id>/", accounts.account, name="account"),
    path("leases/<int:lease_id>/charge/", accounts.add_charge, name="add_charge"),
    path("leases/<int:lease_id>/receive/", accounts.receive, name="receive"),
    path("charges/<int:charge_id>/let-off/", accounts.let_off, name="let_off"),
    path("credits/<int:credit_id>/undo/", accounts.undo_credit, name="undo_credit"),
    path("receipts/<int:receipt_id>/move/", accounts.move, name="move"),
    path("receipts/<int:receipt_id>/cancel/", accounts.cancel, name="cancel"),
    path("receipts/<int:receipt_id>/payer/", accounts.name_payer, name="name_payer"),
    path("charges/", charging.charges, name="charges"),
    path("slips/", slips.slips, name="slips"),
    path("slips/<int:slip_id>/", slips.slip, name="slip"),
    path("subsidies/", housing.subsidies, name="subsidies"),
    path("subsidies/new/", housing.record_remittance, name="record_remittance"),
    path("subsidies/agency/", housing.add_agency, name="add_agency"),
    path("subsidies/lease/", housing.add_subsidy, name="add_subsidy"),
    path("subsidies/transfers/<int:remittance_id>/", housing.remittance, name="remittance"),
    path("subsidies/differences/<int:variance_id>/", housing.explain, name="explain"),
    path("subsidies/lines/<int:line_id>/", housing.bear, name="bear"),
]
