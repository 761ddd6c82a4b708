"""Addresses of payments."""

from django.urls import path

from payments import views

app_name = "payments"
urlpatterns = [
    path("", views.payments, name="list"),
    path("<int:payment_id>/", views.payment, name="payment"),
    path("<int:payment_id>/change/", views.change, name="change"),
    path("<int:payment_id>/unclaimed/", views.unclaimed, name="unclaimed"),
    path("<int:payment_id>/letter.pdf", views.letter, name="letter"),
    path("checks.pdf", views.print_checks, name="print"),
    path("files/", views.write_files, name="write_files"),
    path("files/<int:request_id>/hand-over/", views.hand_over, name="hand_over"),
    path("files/<int:request_id>/withdraw/", views.withdraw, name="withdraw"),
    path("files/<int:request_id>/file.ach", views.file, name="file"),
    path("checks/", views.stock, name="stock"),
    path("checks/set/", views.set_stock, name="set_stock"),
    path("checks/gap/", views.explain_gap, name="explain_gap"),
    path("positive-pay.csv", views.positive_pay, name="positive_pay"),
]
