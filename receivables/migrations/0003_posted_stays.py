from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("receivables", "0002_truths")]

    operations = [run_sql("receivables", "posted_stays.v1")]
