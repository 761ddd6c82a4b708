from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("leases", "0001_initial")]

    operations = [
        run_sql("leases", "shares_make_a_whole.v1"),
        run_sql("leases", "tenants_make_a_whole.v1"),
    ]
