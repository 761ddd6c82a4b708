from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("desk", "0001_initial")]

    operations = [run_sql("desk", "audit_stays.v1"), run_sql("desk", "action_stays.v1")]
