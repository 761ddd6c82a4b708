from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("receivables", "0001_initial")]

    operations = [
        run_sql("receivables", "allocation_stays.v1"),
        run_sql("receivables", "charge_paid.v1"),
        run_sql("receivables", "receipt_spent_once.v1"),
    ]
