"""The portfolio at the cut-over: CSV files for `manage.py import_portfolio` (docs/importing.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import timedelta

from tests.simulator.world import World

Rows = Iterable[Iterable[object]]


def portfolio_files(world: World) -> dict[str, bytes]:
    """Every file by its name; bank = book = beneficiaries in each trust account."""
    return {
        "trust_accounts.csv": _csv(
            "account,purpose,bank,title,routing number,account number,balance",
            (
                (a.name, a.purpose, a.bank, f"Harborline {a.name}", a.routing_number, a.number,
                 world.bank_balance(a))
                for a in world.accounts
            ),
        ),
        "properties.csv": _csv(
            "code,name,state,street,city,zip,rent account,deposit account",
            (
                (p.code, p.name, p.state, p.street, p.city, p.zip_code,
                 world.rent_account(p.state).name, world.deposit_account(p.state).name)
                for p in world.properties
            ),
        ),
        "owners.csv": _csv("property,owner,owner name,share,from,email", _owners(world)),
        "agreements.csv": _csv(
            "property,fee rate,from,approval threshold,reserve target",
            ((p.code, p.fee_rate, "2024-01-01", "500.00", "300.00") for p in world.properties),
        ),
        "rent_roll.csv": _csv(
            "property,unit,tenant,lease,starts on,rent,deposit agreed,status",
            (
                (lease.prop, lease.unit, "; ".join(lease.tenants), lease.code, lease.starts_on,
                 lease.rent, lease.deposit, "current")
                for lease in world.leases
            ),
        ),
        "opening_balances.csv": _csv(
            "account,holder,amount,property,owner,lease", _balances(world)
        ),
        "deposits.csv": _csv(
            "lease,amount held,account",
            (
                (lease.code, lease.deposit, world.deposit_account(lease.state).name)
                for lease in world.leases
            ),
        ),
        "open_charges.csv": _csv(
            "lease,due on,amount due,charge,memo",
            (
                (lease.code, world.cut_over_on - timedelta(days=30), lease.arrears, "rent",
                 "Brought forward")
                for lease in world.leases
                if lease.arrears
            ),
        ),
        "outstanding.csv": _csv(
            "account,item,number,dated on,amount,party",
            (
                (world.rent_account(item.state).name, item.kind, item.number, item.dated_on,
                 item.amount, item.party)
                for item in world.opening_items
            ),
        ),
    }  # fmt: skip


def _owners(world: World) -> Iterator[tuple[object, ...]]:
    by_code = {owner.code: owner for owner in world.owners}
    for prop in world.properties:
        for code, share in prop.owners:
            owner = by_code[code]
            # A third is not a decimal: the office writes it as what it is.
            written = "1/3" if str(share).startswith("0.333") else share
            yield prop.code, code, owner.name, written, "2020-01-01", owner.email


def _balances(world: World) -> Iterator[tuple[object, ...]]:
    accounts = {p.code: world.rent_account(p.state).name for p in world.properties}
    for (owner, code), amount in world.owner_balances.items():
        yield accounts[code], "owner", amount, code, owner, ""
    for lease in world.leases:
        if lease.prepaid:
            yield accounts[lease.prop], "prepaid", lease.prepaid, "", "", lease.code
    for state, amount in world.company_balances.items():
        yield world.rent_account(state).name, "company", amount, "", "", ""


def _csv(header: str, rows: Rows) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue().encode()
