"""Several workers at once, and one that is killed: each fee once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date

import pytest

from fees import services
from fees.models import Fee, FeeDraw
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import Receipt
from receivables.types import NewComeback
from tests.factories.leases import company, lease_in
from tests.factories.receivables import charge, receipt
from tests.fees.world import assert_company_side_stands_twice, deaf, of_company, of_owners
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 6
MARCH_2 = date(2026, 3, 2)
MARCH_9 = date(2026, 3, 9)


def test_six_runs_at_once_take_each_fee_once() -> None:
    home = company()
    leases = [home.lease, *(lease_in(home.unit) for _ in range(9))]
    with deaf():
        for lease in leases:
            charge(lease, "100.00")
            receipt(lease, "100.00")

    at_once(*[lambda: services.take_fees(home.entity.pk, on=MARCH_9)] * AT_ONCE)

    assert Fee.objects.count() == 10
    assert of_company(home) == usd("80.00")


def test_payments_of_one_owner_at_once_with_a_run_over_all_leave_nobody_waiting() -> None:
    home = company()
    leases = [home.lease, *(lease_in(home.unit) for _ in range(5))]
    for lease in leases:
        charge(lease, "100.00")

    done = at_once(
        *[lambda lease=lease: receipt(lease, "100.00") for lease in leases],
        *[lambda: services.take_fees(home.entity.pk, on=MARCH_9)] * 2,
    )

    assert not [each for each in done if isinstance(each, Exception)]
    services.take_fees(home.entity.pk, on=MARCH_9)
    assert of_company(home) == usd("48.00")
    assert of_owners(home) == [usd("552.00")]


def test_a_return_and_a_run_at_once_give_the_fee_back_once() -> None:
    home = company()
    charge(home.lease, "1000.00")
    paid = receipt(home.lease, "1000.00")
    back = NewComeback(kind="return", key="r", amount=usd("1000.00"), on=MARCH_9)

    at_once(
        *[lambda: rent.take_back(paid, back)] * 3,
        *[lambda: services.take_fees(home.entity.pk, on=MARCH_9)] * 3,
    )
    services.take_fees(home.entity.pk, on=MARCH_9)

    assert sorted(fee.amount.amount for fee in Fee.objects.all()) == [-80, 80]
    assert of_company(home) == usd(0)
    assert_company_side_stands_twice(home)


def test_two_draws_at_once_never_take_more_than_there_is() -> None:
    home = company()
    charge(home.lease, "1000.00")
    receipt(home.lease, "1000.00", channel=Receipt.Channel.WIRE, into=Receipt.Into.BANK)

    def draw(key: str) -> FeeDraw:
        return services.draw_fees(home.rent_book, on=MARCH_9, actor_id=None, key=key)

    done = at_once(*[lambda key=key: draw(key) for key in "abcdef"])

    assert len([each for each in done if isinstance(each, FeeDraw)]) == 1
    assert FeeDraw.objects.get().amount == usd("80.00")
    assert of_company(home) == usd(0)


def test_waiting_fees_are_taken_once_by_six_at_once() -> None:
    home = company()
    home.property.agreements.update(fee_minimum=100)
    services.take_period_fees(home.entity.pk, date(2026, 2, 1), on=MARCH_2)
    charge(home.lease, "1000.00")
    receipt(home.lease, "1000.00")

    at_once(*[lambda: services.take_waiting(home.entity.pk, MARCH_9)] * AT_ONCE)

    assert of_company(home) == usd("180.00")


_SLOW_RUN = """
import django; django.setup()
from datetime import date
from fees import services
from fees.services import posting, taking
real = posting.Fee.objects.bulk_create
def slow(*args, **kwargs):
    print("posted", flush=True)
    import time; time.sleep(30)
taking.write.__globals__["Fee"].objects.bulk_create = slow
services.take_fees({entity}, on=date(2026, 3, 9))
"""


def test_a_run_that_is_killed_after_posting_leaves_nothing_and_is_simply_run_again(
    subprocess_environment: Mapping[str, str],
) -> None:
    home = company()
    with deaf():
        charge(home.lease, "1000.00")
        receipt(home.lease, "1000.00")
    code = _SLOW_RUN.format(entity=home.entity.pk)
    worker = subprocess.Popen(
        [sys.executable, "-c", code],
        env=dict(subprocess_environment),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "posted\n"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert not Fee.objects.exists()

    for _ in range(50):  # PostgreSQL notices that its client is gone.
        if services.take_fees(home.entity.pk, on=MARCH_9).taken:
            break
        time.sleep(0.1)

    assert Fee.objects.count() == 1
    assert of_company(home) == usd("80.00")
    assert_company_side_stands_twice(home)
