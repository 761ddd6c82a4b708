from decimal import Decimal

import django.contrib.postgres.constraints
import django.db.models.deletion
import djmoney.models.fields
import djmoney.money
from django.db import migrations, models

import leases.models
import proptrust.lib.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("desk", "0001_initial"),
        ("ledger", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40)),
                ("starts_on", models.DateField()),
                ("ends_on", models.DateField(blank=True, null=True)),
                ("moved_out_on", models.DateField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("ended", "Ended")],
                        default="active",
                        max_length=10,
                    ),
                ),
                (
                    "deposit_agreed_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "deposit_agreed",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, default=djmoney.money.Money(0, "USD"), max_digits=14
                    ),
                ),
                (
                    "deposit",
                    models.OneToOneField(
                        help_text="The tenants' security deposit in the ledger.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposit_lease",
                        to="ledger.beneficiary",
                    ),
                ),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leases",
                        to="desk.legalentity",
                    ),
                ),
                (
                    "prepaid",
                    models.OneToOneField(
                        help_text="The tenants' prepaid rent in the ledger.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prepaid_lease",
                        to="ledger.beneficiary",
                    ),
                ),
            ],
            options={
                "ordering": ["unit", "starts_on"],
            },
        ),
        migrations.CreateModel(
            name="Owner",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=200)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("tax_id", proptrust.lib.fields.EncryptedTextField(blank=True)),
                ("payout_routing_number", models.CharField(blank=True, max_length=9)),
                ("payout_account_number", proptrust.lib.fields.EncryptedTextField(blank=True)),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="owners",
                        to="desk.legalentity",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Property",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=200)),
                ("street", models.CharField(blank=True, max_length=200)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("state", models.CharField(max_length=2)),
                ("zip_code", models.CharField(blank=True, max_length=10)),
                (
                    "book",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="property_of",
                        to="ledger.book",
                    ),
                ),
                (
                    "deposit_book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deposit_properties",
                        to="ledger.book",
                    ),
                ),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="properties",
                        to="desk.legalentity",
                    ),
                ),
                (
                    "rent_book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rent_properties",
                        to="ledger.book",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "properties",
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="OwnershipShare",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "share",
                    models.DecimalField(
                        decimal_places=8, help_text="A fraction: 0.5 is half.", max_digits=9
                    ),
                ),
                ("from_on", models.DateField()),
                ("until_on", models.DateField(blank=True, null=True)),
                (
                    "beneficiary",
                    models.ForeignKey(
                        help_text="This owner, of this property, in the ledger.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ownership_shares",
                        to="ledger.beneficiary",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shares",
                        to="leases.owner",
                    ),
                ),
                (
                    "property",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shares",
                        to="leases.property",
                    ),
                ),
            ],
            options={
                "ordering": ["property", "from_on", "owner"],
            },
        ),
        migrations.CreateModel(
            name="ManagementAgreement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_on", models.DateField()),
                ("until_on", models.DateField(blank=True, null=True)),
                (
                    "fee_rate",
                    models.DecimalField(decimal_places=6, help_text="0.08 is 8 %.", max_digits=7),
                ),
                (
                    "fee_minimum_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "fee_minimum",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, default=djmoney.money.Money(0, "USD"), max_digits=14
                    ),
                ),
                (
                    "late_fee_owner_rate",
                    models.DecimalField(
                        decimal_places=6,
                        default=1,
                        help_text="The owner's part of late fees.",
                        max_digits=7,
                    ),
                ),
                (
                    "approval_threshold_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "approval_threshold",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, default=djmoney.money.Money(500, "USD"), max_digits=14
                    ),
                ),
                (
                    "reserve_target_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")], default="USD", editable=False, max_length=3
                    ),
                ),
                (
                    "reserve_target",
                    djmoney.models.fields.MoneyField(
                        decimal_places=2, default=djmoney.money.Money(0, "USD"), max_digits=14
                    ),
                ),
                ("cut_off_day", models.PositiveSmallIntegerField(default=25)),
                ("payment_day", models.PositiveSmallIntegerField(default=10)),
                ("seasoning_days", models.PositiveSmallIntegerField(default=5)),
                (
                    "allocation_order",
                    models.CharField(
                        choices=[
                            ("oldest_first", "Oldest charge first"),
                            ("rent_first", "Rent before fees, then oldest"),
                        ],
                        default="oldest_first",
                        max_length=20,
                    ),
                ),
                (
                    "property",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agreements",
                        to="leases.property",
                    ),
                ),
            ],
            options={
                "ordering": ["property", "from_on"],
            },
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=200)),
                ("email", models.EmailField(blank=True, max_length=254)),
                ("phone", models.CharField(blank=True, max_length=30)),
                (
                    "entity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tenants",
                        to="desk.legalentity",
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="LeaseTenant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("share", models.DecimalField(decimal_places=8, default=1, max_digits=9)),
                (
                    "lease",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tenancies",
                        to="leases.lease",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tenancies",
                        to="leases.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Unit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=40)),
                (
                    "market_rent_currency",
                    djmoney.models.fields.CurrencyField(
                        choices=[("USD", "US Dollar")],
                        default="USD",
                        editable=False,
                        max_length=3,
                        null=True,
                    ),
                ),
                (
                    "market_rent",
                    djmoney.models.fields.MoneyField(
                        blank=True, decimal_places=2, max_digits=14, null=True
                    ),
                ),
                (
                    "property",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="units",
                        to="leases.property",
                    ),
                ),
            ],
            options={
                "ordering": ["property", "code"],
            },
        ),
        migrations.AddField(
            model_name="lease",
            name="unit",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="leases", to="leases.unit"
            ),
        ),
        migrations.AddConstraint(
            model_name="owner",
            constraint=models.UniqueConstraint(fields=("entity", "code"), name="owner_code_once"),
        ),
        migrations.AddConstraint(
            model_name="property",
            constraint=models.UniqueConstraint(
                fields=("entity", "code"), name="property_code_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="ownershipshare",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__gt", Decimal("0")), ("share__lte", Decimal("1"))),
                name="share_is_a_fraction",
            ),
        ),
        migrations.AddConstraint(
            model_name="ownershipshare",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (leases.models._IdRange("property"), "&&"),
                    (leases.models._IdRange("owner"), "&&"),
                    (leases.models._DayRange("from_on", "until_on"), "&&"),
                ],
                name="one_share_per_owner_and_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="managementagreement",
            constraint=models.CheckConstraint(
                condition=models.Q(("fee_rate__gte", 0), ("fee_rate__lt", 1)),
                name="fee_rate_is_a_fraction",
            ),
        ),
        migrations.AddConstraint(
            model_name="managementagreement",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (leases.models._IdRange("property"), "&&"),
                    (leases.models._DayRange("from_on", "until_on"), "&&"),
                ],
                name="one_agreement_per_property_and_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.UniqueConstraint(fields=("entity", "code"), name="tenant_code_once"),
        ),
        migrations.AddConstraint(
            model_name="leasetenant",
            constraint=models.UniqueConstraint(
                fields=("lease", "tenant"), name="tenant_once_on_lease"
            ),
        ),
        migrations.AddConstraint(
            model_name="leasetenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__gt", Decimal("0")), ("share__lte", Decimal("1"))),
                name="tenant_share_is_a_fraction",
            ),
        ),
        migrations.AddConstraint(
            model_name="unit",
            constraint=models.UniqueConstraint(fields=("property", "code"), name="unit_code_once"),
        ),
        migrations.AddConstraint(
            model_name="lease",
            constraint=models.UniqueConstraint(fields=("entity", "code"), name="lease_code_once"),
        ),
        migrations.AddConstraint(
            model_name="lease",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_on__isnull", True),
                    ("ends_on__gte", models.F("starts_on")),
                    _connector="OR",
                ),
                name="lease_runs_forward",
            ),
        ),
    ]
