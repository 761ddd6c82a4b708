from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("receivables", "0004_credits_and_returns")]

    operations = [
        run_sql("receivables", "allocation_stays.v2"),
        run_sql("receivables", "credit_spent_once.v1"),
    ]
