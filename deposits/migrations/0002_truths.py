from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("deposits", "0001_initial")]

    operations = [
        run_sql("deposits", "settlement.v1"),
        run_sql("deposits", "sheet_stays.v1"),
        run_sql("deposits", "interest_stays.v1"),
        run_sql("deposits", "escrow_funded.v1"),
        run_sql("deposits", "hand_over_adds_up.v1"),
    ]
