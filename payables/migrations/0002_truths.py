from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [
        ("payables", "0001_initial"),
        ("desk", "0003_history_stays"),
        ("leases", "0003_terms_of_the_money_life"),
    ]

    operations = [
        run_sql("payables", "bill_stays.v1"),
        run_sql("payables", "line_paid.v1"),
        run_sql("payables", "owner_needs.v1"),
        run_sql("payables", "bank_change_stays.v1"),
    ]
