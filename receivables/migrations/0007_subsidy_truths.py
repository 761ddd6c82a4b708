from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("receivables", "0006_subsidies_and_moves")]

    operations = [
        run_sql("receivables", "receipt_spent_once.v2"),
        run_sql("receivables", "subsidies.v1"),
    ]
