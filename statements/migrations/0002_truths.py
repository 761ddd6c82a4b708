from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("statements", "0001_initial")]

    operations = [run_sql("statements", "report_stays.v1")]
