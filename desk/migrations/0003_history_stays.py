from django.db import migrations, models

from proptrust.lib.sql import run_sql


class Migration(migrations.Migration):
    dependencies = [("desk", "0002_truths")]

    operations = [
        migrations.AlterField("action", "remedy", models.TextField()),
        run_sql("desk", "history_stays.v1"),
    ]
