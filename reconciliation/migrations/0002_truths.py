from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial")]

    operations = [
        run_sql("reconciliation", "bank_facts_stay.v1"),
        run_sql("reconciliation", "match_stays.v1"),
        run_sql("reconciliation", "match_is_exact.v1"),
    ]
