"""The truths that PostgreSQL keeps, whoever writes."""

from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        run_sql("ledger", "append_only.v1"),
        run_sql("ledger", "parents_stay.v1"),
        run_sql("ledger", "balances_kept.v1"),
        run_sql("ledger", "periods.v1"),
        run_sql("ledger", "lines_are_true.v1"),
        run_sql("ledger", "entry_has_lines.v1"),
        run_sql("ledger", "post.v1"),
    ]
