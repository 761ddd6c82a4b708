import django.db.models.deletion
import djmoney.models.fields
from django.db import migrations, models

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_truths"),
        ("reconciliation", "0002_truths"),
    ]

    operations = [
        migrations.CreateModel(
            name="OpenLine",
            fields=[
                (
                    "line",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="ledger.line",
                    ),
                ),
                ("dated_on", models.DateField()),
                (
                    "amount_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("amount", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                (
                    "book",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.book",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.entry",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["book", "dated_on"], name="open_line_by_day")],
            },
        ),
        run_sql("reconciliation", "open_lines_kept.v1"),
    ]
