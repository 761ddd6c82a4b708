import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import djmoney.models.fields
import djmoney.money
from django.conf import settings
from django.db import migrations, models

import proptrust.lib.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("connectors", "0001_initial"),
        ("desk", "0001_initial"),
        ("leases", "0001_initial"),
        ("ledger", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Charge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("rent", "Rent"),
                            ("parking", "Parking"),
                            ("utilities", "Utilities"),
                            ("pet", "Pet rent"),
                            ("late_fee", "Late fee"),
                            ("nsf_fee", "Returned-payment fee"),
                            ("security_deposit", "Security deposit"),
                            ("other", "Other"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key", models.CharField(max_length=200)),
                (
                    "amount_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("amount", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                ("due_on", models.DateField()),
                ("memo", models.CharField(blank=True, max_length=200)),
                (
                    "paid_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "paid",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, default=djmoney.money.Money(0, "USD"), max_digits=14
                    ),
                ),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="charges",
                        to="desk.legalentity",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="charge",
                        to="ledger.entry",
                    ),
                ),
                (
                    "lease",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="charges",
                        to="leases.lease",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DepositSlip",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.CharField(max_length=60)),
                ("deposited_on", models.DateField()),
                (
                    "total_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("total", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposit_slips",
                        to="ledger.book",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposit_slip",
                        to="ledger.entry",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OpeningItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("check", "Outstanding check"), ("deposit", "Deposit in transit")],
                        max_length=10,
                    ),
                ),
                ("number", models.CharField(max_length=60)),
                (
                    "party",
                    models.CharField(blank=True, help_text="Payee or payer.", max_length=200),
                ),
                ("dated_on", models.DateField(help_text="The day it was issued or deposited.")),
                (
                    "amount_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "amount",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, help_text="Above zero.", max_digits=14
                    ),
                ),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="opening_items",
                        to="ledger.book",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="opening_item",
                        to="ledger.entry",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PayerAlias",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "source",
                    models.CharField(help_text="`name`, or the slug of a platform.", max_length=40),
                ),
                ("alias", models.CharField(max_length=200)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("hits", models.PositiveIntegerField(default=0)),
                ("undone", models.PositiveSmallIntegerField(default=0)),
                ("is_active", models.BooleanField(default=True)),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payer_aliases",
                        to="desk.legalentity",
                    ),
                ),
                (
                    "lease",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payer_aliases",
                        to="leases.lease",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="leases.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "payer aliases",
            },
        ),
        migrations.CreateModel(
            name="PortfolioDraft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("entity_name", models.CharField(max_length=200)),
                ("state", models.CharField(blank=True, max_length=2)),
                ("cut_over_on", models.DateField()),
                ("bodies", models.BinaryField(help_text="A ZIP of the files as they came.")),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="portfolio_drafts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PortfolioImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("cut_over_on", models.DateField()),
                ("digest", models.CharField(max_length=64)),
                (
                    "files",
                    models.JSONField(
                        default=list, help_text="Name, SHA-256 and rows of each file."
                    ),
                ),
                ("bodies", models.BinaryField(help_text="A ZIP of the files as they came.")),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("said", models.JSONField(default=dict)),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="portfolio_imports",
                        to="desk.legalentity",
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=200)),
                (
                    "payment",
                    models.CharField(
                        blank=True, help_text="The platform's payment id.", max_length=200
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("ach", "ACH"),
                            ("card", "Card"),
                            ("check", "Check"),
                            ("money_order", "Money order"),
                            ("cash", "Retail cash"),
                            ("wire", "Wire"),
                            ("opening", "Brought forward at the cut-over"),
                            ("unknown", "Not told"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "into",
                    models.CharField(
                        choices=[
                            ("processors", "With a processor"),
                            ("bank", "At the bank"),
                            ("undeposited", "Not yet taken to the bank"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("settled", "Settled"),
                            ("failed", "Failed"),
                            ("returned", "Returned"),
                            ("refunded", "Refunded"),
                            ("disputed", "Disputed"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "gross_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("gross", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                (
                    "fee_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "fee",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, default=djmoney.money.Money(0, "USD"), max_digits=14
                    ),
                ),
                ("received_on", models.DateField()),
                ("settles_on", models.DateField(blank=True, null=True)),
                ("payer", models.CharField(blank=True, max_length=200)),
                ("payer_reference", models.CharField(blank=True, max_length=200)),
                (
                    "number",
                    models.CharField(
                        blank=True, help_text="Check or money order number.", max_length=60
                    ),
                ),
                ("trace", models.CharField(blank=True, max_length=60)),
                (
                    "batch",
                    models.CharField(
                        blank=True, help_text="One bank credit for many.", max_length=100
                    ),
                ),
                ("memo", models.CharField(blank=True, max_length=300)),
                (
                    "matched_by",
                    models.JSONField(
                        default=dict, help_text="Why this lease: criterion to points."
                    ),
                ),
                ("moves", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="ledger.book",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="connectors.connection",
                    ),
                ),
                (
                    "deposit_slip",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="receivables.depositslip",
                    ),
                ),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="desk.legalentity",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipt",
                        to="ledger.entry",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="connectors.event",
                    ),
                ),
                (
                    "lease",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="leases.lease",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Comeback",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("return", "Return"),
                            ("refund", "Refund"),
                            ("dispute", "Dispute"),
                            ("dispute_won", "Dispute won"),
                            ("dispute_lost", "Dispute lost"),
                            ("refund_failed", "Refund failed"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key", models.CharField(max_length=200)),
                (
                    "amount_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("amount", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                (
                    "fee_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "fee",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, default=djmoney.money.Money(0, "USD"), max_digits=14
                    ),
                ),
                ("on", models.DateField()),
                ("reference", models.CharField(blank=True, max_length=200)),
                (
                    "code",
                    models.CharField(
                        blank=True, help_text="R01 … or the processor's own.", max_length=20
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=300)),
                ("batch", models.CharField(blank=True, max_length=100)),
                ("answer_by", models.DateTimeField(blank=True, null=True)),
                (
                    "entry",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comeback",
                        to="ledger.entry",
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="comebacks",
                        to="receivables.receipt",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BankDetailsChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("payment", models.CharField(max_length=200)),
                ("code", models.CharField(help_text="C01 …", max_length=10)),
                ("payer", models.CharField(blank=True, max_length=200)),
                ("payer_reference", models.CharField(blank=True, max_length=200)),
                ("corrected", proptrust.lib.fields.EncryptedJSONField(default=dict)),
                ("noticed_on", models.DateField()),
                ("correct_by", models.DateField(blank=True, null=True)),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_details_changes",
                        to="desk.legalentity",
                    ),
                ),
                (
                    "event",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_details_change",
                        to="connectors.event",
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_details_changes",
                        to="receivables.receipt",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Allocation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "amount_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("amount", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                ("parts", models.JSONField(default=dict)),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="ledger.entry",
                    ),
                ),
                (
                    "undone_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_allocations",
                        to="ledger.entry",
                    ),
                ),
                (
                    "charge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="receivables.charge",
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="allocations",
                        to="receivables.receipt",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RecurringCharge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("rent", "Rent"),
                            ("parking", "Parking"),
                            ("utilities", "Utilities"),
                            ("pet", "Pet rent"),
                            ("late_fee", "Late fee"),
                            ("nsf_fee", "Returned-payment fee"),
                            ("security_deposit", "Security deposit"),
                            ("other", "Other"),
                        ],
                        default="rent",
                        max_length=20,
                    ),
                ),
                (
                    "amount_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("amount", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                ("due_day", models.PositiveSmallIntegerField(default=1)),
                ("from_on", models.DateField()),
                ("until_on", models.DateField(blank=True, null=True)),
                (
                    "lease",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="recurring_charges",
                        to="leases.lease",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Remittance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("vendor_id", models.CharField(max_length=200)),
                ("arrives_on", models.DateField()),
                (
                    "amount_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "amount",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, help_text="What reaches the bank.", max_digits=14
                    ),
                ),
                (
                    "fees_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("fees", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                ("trace", models.CharField(blank=True, max_length=100)),
                (
                    "state",
                    models.CharField(
                        choices=[("paid", "Paid"), ("failed", "Failed")],
                        default="paid",
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, help_text="Why it failed.", max_length=300),
                ),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remittances",
                        to="ledger.book",
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remittances",
                        to="connectors.connection",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        blank=True,
                        help_text="Empty until the platform has listed its items.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remittance",
                        to="ledger.entry",
                    ),
                ),
                (
                    "failed_entry",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="failed_remittance",
                        to="ledger.entry",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="receipt",
            name="remittance",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipts",
                to="receivables.remittance",
            ),
        ),
        migrations.CreateModel(
            name="RemittanceItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=200)),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("payment", "Payment"),
                            ("refund", "Refund"),
                            ("refund_failed", "Refund failed"),
                            ("return", "Return"),
                            ("dispute", "Dispute"),
                            ("fee", "Fee"),
                            ("adjustment", "Adjustment"),
                            ("reserve", "Reserve"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "gross_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("gross", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                (
                    "fee_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("fee", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                (
                    "net_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                ("net", djmoney.models.fields.MoneyField(decimal_places=2, max_digits=14)),
                ("payment", models.CharField(blank=True, max_length=200)),
                ("description", models.CharField(blank=True, max_length=300)),
                (
                    "entry",
                    models.OneToOneField(
                        blank=True,
                        help_text="By which a person gave it to the company.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remittance_item",
                        to="ledger.entry",
                    ),
                ),
                (
                    "receipt",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remittance_items",
                        to="receivables.receipt",
                    ),
                ),
                (
                    "remittance",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="receivables.remittance",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Acknowledgement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=60)),
                ("subject_id", models.BigIntegerField()),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("note", models.CharField(blank=True, max_length=300)),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "subject_id"), name="acknowledged_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="charge",
            index=models.Index(
                condition=models.Q(("paid__lt", models.F("amount"))),
                fields=["lease", "due_on"],
                name="charge_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.UniqueConstraint(fields=("entity", "key"), name="charge_key_once"),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="charge_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="charge",
            constraint=models.CheckConstraint(
                condition=models.Q(("paid__gte", 0), ("paid__lte", models.F("amount"))),
                name="charge_paid_within_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="depositslip",
            constraint=models.UniqueConstraint(
                fields=("book", "number"), name="deposit_slip_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="openingitem",
            constraint=models.UniqueConstraint(
                fields=("book", "kind", "number"), name="opening_item_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="openingitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="opening_item_above_zero"
            ),
        ),
        migrations.AddIndex(
            model_name="payeralias",
            index=models.Index(fields=["entity", "source", "alias"], name="payer_alias_lookup"),
        ),
        migrations.AddConstraint(
            model_name="payeralias",
            constraint=models.UniqueConstraint(
                fields=("entity", "lease", "source", "alias"), name="payer_alias_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="portfolioimport",
            constraint=models.UniqueConstraint(
                fields=("entity", "digest"), name="portfolio_import_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="comeback",
            constraint=models.UniqueConstraint(fields=("receipt", "key"), name="comeback_key_once"),
        ),
        migrations.AddConstraint(
            model_name="comeback",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="comeback_above_zero"
            ),
        ),
        migrations.AddIndex(
            model_name="allocation",
            index=models.Index(
                condition=models.Q(("undone_by__isnull", True)),
                fields=["charge"],
                name="allocation_live",
            ),
        ),
        migrations.AddIndex(
            model_name="allocation",
            index=models.Index(
                condition=models.Q(("undone_by__isnull", True)),
                fields=["receipt"],
                name="allocation_of_receipt",
            ),
        ),
        migrations.AddConstraint(
            model_name="allocation",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="allocation_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="recurringcharge",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="recurring_charge_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="recurringcharge",
            constraint=models.CheckConstraint(
                condition=models.Q(("due_day__gte", 1), ("due_day__lte", 28)),
                name="due_day_in_every_month",
            ),
        ),
        migrations.AddConstraint(
            model_name="remittance",
            constraint=models.UniqueConstraint(
                fields=("connection", "vendor_id"), name="remittance_once"
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["connection", "payment"], name="receipt_payment"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["lease", "received_on"], name="receipt_of_lease"),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(("lease__isnull", True)),
                fields=["entity", "received_on"],
                name="receipt_without_lease",
            ),
        ),
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["received_on"],
                name="receipt_pending",
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(fields=("entity", "key"), name="receipt_key_once"),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(("gross__gt", 0)), name="receipt_above_zero"
            ),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["pending", "failed"]),
                    ("entry__isnull", False),
                    ("channel", "opening"),
                    _connector="OR",
                ),
                name="settled_receipt_is_posted",
            ),
        ),
        migrations.AddIndex(
            model_name="remittanceitem",
            index=models.Index(
                condition=models.Q(("receipt__isnull", True)),
                fields=["payment"],
                name="remittance_item_unknown",
            ),
        ),
        migrations.AddConstraint(
            model_name="remittanceitem",
            constraint=models.UniqueConstraint(
                fields=("remittance", "key"), name="remittance_item_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="remittanceitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "net",
                        django.db.models.expressions.CombinedExpression(
                            models.F("gross"), "-", models.F("fee")
                        ),
                    )
                ),
                name="remittance_item_adds_up",
            ),
        ),
    ]
