"""Addresses of deposits and escrows."""

from django.urls import path

from deposits import views

app_name = "deposits"
urlpatterns = [
    path("accounts/", views.accounts, name="accounts"),
    path("accounts/<int:book_id>/", views.account, name="account"),
    path("accounts/<int:book_id>/interest/", views.record_interest, name="record_interest"),
    path("accounts/<int:book_id>/rate/", views.enter_rate, name="enter_rate"),
    path("leases/<int:lease_id>/", views.deposit, name="deposit"),
    path("leases/<int:lease_id>/owner/", views.owner_holds, name="owner_holds"),
    path("leases/<int:lease_id>/bring/", views.bring, name="bring"),
    path("interest/", views.interest, name="interest"),
    path("notices/", views.notices, name="notices"),
    path("notices/<int:notice_id>/letter.pdf", views.notice_letter, name="notice_letter"),
    path("notices/<int:notice_id>/proof/", views.notice_proof, name="notice_proof"),
    path("notices/<int:notice_id>/send/", views.send_notice, name="send_notice"),
    path("notices/<int:notice_id>/add-proof/", views.add_proof, name="add_proof"),
    path("move-outs/", views.move_outs, name="move_outs"),
    path("move-outs/<int:move_out_id>/", views.move_out, name="move_out"),
    path("move-outs/<int:move_out_id>/letter.pdf", views.move_out_letter, name="move_out_letter"),
    path("move-outs/<int:move_out_id>/deduct/", views.add_deduction, name="add_deduction"),
    path("move-outs/<int:move_out_id>/review/", views.review, name="review"),
    path("move-outs/<int:move_out_id>/settle/", views.settle, name="settle"),
    path("move-outs/<int:move_out_id>/cancel/", views.cancel, name="cancel"),
    path("move-outs/<int:move_out_id>/deadline/", views.set_deadline, name="set_deadline"),
    path("move-outs/<int:move_out_id>/no-interest/", views.no_interest, name="no_interest"),
    path("move-outs/<int:move_out_id>/agreed/", views.agreed, name="agreed"),
    path("deductions/<int:deduction_id>/remove/", views.remove_deduction, name="remove_deduction"),
    path("deductions/<int:deduction_id>/file/", views.add_file, name="add_file"),
    path("proofs/<int:proof_id>/", views.deduction_file, name="deduction_file"),
    path("refunds/<int:refund_id>/", views.change_refund, name="change_refund"),
    path("hand-overs/", views.hand_overs, name="hand_overs"),
    path("hand-overs/<int:hand_over_id>/", views.hand_over, name="hand_over"),
    path("hand-overs/<int:hand_over_id>/add-receipt/", views.add_receipt, name="add_receipt"),
    path("hand-overs/<int:hand_over_id>/receipt/", views.hand_over_receipt, name="receipt"),
    path("escrows/", views.escrows, name="escrows"),
    path("escrows/<int:fund_id>/", views.escrow, name="escrow"),
    path("escrows/<int:fund_id>/fund/", views.fund_escrow, name="fund_escrow"),
    path("escrows/<int:fund_id>/expect/", views.expect_bill, name="expect_bill"),
    path("bills/<int:escrow_bill_id>/pay/", views.pay_bill, name="pay_bill"),
    path("bills/<int:escrow_bill_id>/cancel/", views.cancel_bill, name="cancel_bill"),
]
