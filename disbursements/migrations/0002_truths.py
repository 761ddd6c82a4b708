from django.db import migrations

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("disbursements", "0001_initial")]

    operations = [
        run_sql("disbursements", "sections.v1"),
        run_sql("disbursements", "line_is_journal.v1"),
        run_sql("disbursements", "run_forward.v1"),
        run_sql("disbursements", "rows_stay.v1"),
        run_sql("disbursements", "advances_repaid.v1"),
    ]
