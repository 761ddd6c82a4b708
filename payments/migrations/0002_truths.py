from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [
        run_sql("payments", "payment_facts_stay.v1"),
        run_sql("payments", "payment_is_its_entry.v1"),
    ]
