from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("fees", "0001_initial")]

    operations = [
        run_sql("fees", "fee_stays.v1"),
        run_sql("fees", "fee_is_its_entry.v1"),
        run_sql("fees", "fee_given_back_once.v1"),
        run_sql("fees", "draw_is_its_fees.v1"),
    ]
