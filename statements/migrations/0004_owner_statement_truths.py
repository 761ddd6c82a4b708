from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("statements", "0003_owner_statements")]

    operations = [run_sql("statements", "owner_statement_stays.v1")]
