"""Addresses of layer 4."""

from django.urls import path

from payables.pages import bills, inbox, paying, vendors, work_orders

app_name = "payables"
urlpatterns = [
    path("vendors/", vendors.vendors, name="vendors"),
    path("vendors/new/", vendors.new, name="vendor_new"),
    path("vendors/<int:vendor_id>/", vendors.vendor, name="vendor"),
    path("vendors/<int:vendor_id>/change/", vendors.change, name="vendor_change"),
    path("vendors/<int:vendor_id>/w9/", vendors.w9, name="vendor_w9"),
    path("vendors/<int:vendor_id>/bank/", vendors.bank, name="vendor_bank"),
    path("work-orders/", work_orders.work_orders, name="work_orders"),
    path("work-orders/new/", work_orders.new, name="work_order_new"),
    path("work-orders/<int:work_order_id>/", work_orders.work_order, name="work_order"),
    path("work-orders/<int:work_order_id>/act/", work_orders.act, name="work_order_act"),
    path("bills/", bills.bills, name="bills"),
    path("bills/new/", bills.new, name="bill_new"),
    path("bills/<int:vendor_bill_id>/", bills.bill, name="bill"),
    path("bills/<int:vendor_bill_id>/change/", bills.change, name="bill_change"),
    path("bills/<int:vendor_bill_id>/act/", bills.act, name="bill_act"),
    path("bills/<int:vendor_bill_id>/owner/", bills.record_owner, name="bill_owner"),
    path("documents/<int:document_id>/", bills.document, name="document"),
    path("approvals/", inbox.approvals, name="approvals"),
    path("approvals/together/", inbox.together, name="approve_together"),
    path("pay/", paying.pay, name="pay"),
    path("pay/send/", paying.send, name="pay_send"),
]
