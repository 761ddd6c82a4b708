"""The pages of owner draws: who sees and does what, what stands there, and how much they ask."""

from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk.models import Role, User
from disbursements import services
from disbursements.csv_export import run_csv, safe
from disbursements.models import Contribution, OwnerDraw, Recovery, Run
from leases.models import Owner
from payments.models import Payment
from proptrust.lib.money import usd
from receivables import services as receivables
from receivables.types import NewComeback
from tests.disbursements.world import APRIL, MARCH, World, payable, world
from tests.factories.desk import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> World:
    """A company whose owner has 920.00 of March's rent."""
    here = world()
    here.rent(date(2026, 3, 2))
    return here


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(client: Client, name: str, *args: int) -> str:
    response = client.get(reverse(f"disbursements:{name}", args=args))
    assert response.status_code == 200
    return str(response.content.decode())


def post(client: Client, name: str, *args: int, **facts: str) -> str:
    address = reverse(f"disbursements:{name}", args=args)
    return str(client.post(address, facts, follow=True).content.decode())


def test_a_run_goes_from_frozen_to_sent_by_two_people(here: World) -> None:
    maker, checker = signed_in(here.maker), signed_in(here.checker)

    said = post(
        maker, "freeze", entity=str(here.home.entity.pk), cut_off_on="2026-03-25",
        pays_on="2026-04-10",
    )  # fmt: skip
    assert "Frozen." in said
    run = Run.objects.get()
    assert "Pay" in text_of(maker, "draw", run.draws.get().pk)
    assert "A second person is asked" in post(maker, "review", run.pk)
    assert "Waits for a second person" in text_of(maker, "run", run.pk)
    assert "Approved." in post(checker, "decide", run.pk, decision="agree")
    assert "Send: pay 920.00" in text_of(maker, "run", run.pk)
    assert "Sent." in post(maker, "send", run.pk)

    assert Payment.objects.get().amount == usd(920)
    page = text_of(maker, "draw", run.draws.get().pk)
    assert "What this run posted" in page
    assert "Check 1001" in page


def test_every_figure_opens_its_lines_with_their_documents(here: World) -> None:
    draw = here.freeze().draws.get()

    page = text_of(signed_in(here.maker), "draw", draw.pk)

    receipt = here.home.lease.receipts.get()
    assert 'href="#rent"' in page
    assert 'id="rent"' in page
    assert reverse("admin:receivables_receipt_change", args=[receipt.pk]) in page
    assert reverse("admin:ledger_entry_change", args=[receipt.entry_id]) in page
    assert "1,000.00" in page
    assert "920.00" in page


def test_a_reviewer_leaves_out_takes_in_and_lowers(here: World) -> None:
    draw = here.freeze().draws.get()
    client = signed_in(here.maker)

    assert "Say why" in post(client, "change", draw.pk, what="hold", reason="")
    post(client, "change", draw.pk, what="hold", reason="Dispute")
    assert "Left out: Dispute" in text_of(client, "run", draw.run_id)
    post(client, "change", draw.pk, what="release")
    assert "is no amount" in post(client, "change", draw.pk, what="lower", most="many", reason="x")
    post(client, "change", draw.pk, what="lower", most="1,00.50", reason="Repairs")

    draw.refresh_from_db()
    assert draw.amount == usd("100.50")


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("review", {}),
        ("send", {}),
        ("cancel", {"why": "x"}),
        ("hold_account", {"reason": "x"}),
    ],
)
def test_who_does_not_post_changes_no_run(here: World, name: str, facts: dict[str, str]) -> None:
    run = here.freeze()
    address = reverse(f"disbursements:{name}", args=[run.pk])

    assert signed_in(here.checker).post(address, facts).status_code == 403

    run.refresh_from_db()
    assert run.state == Run.State.FROZEN


def test_another_company_sees_nothing(here: World) -> None:
    run = here.send(MARCH)
    receivables.take_back(
        here.home.lease.receipts.get(),
        NewComeback(kind="return", key="r", amount=usd(1000), on=date(2026, 4, 14)),
    )
    recovery = services.plan_recovery(
        here.home.entity.pk,
        beneficiary_id=here.home.owner_beneficiaries()[0],
        book_id=here.book.pk,
        on=date(2026, 4, 14),
    )
    stranger = signed_in(person())

    for name, pk in (
        ("run", run.pk), ("run_csv", run.pk), ("draw", run.draws.get().pk),
        ("recovery", recovery.pk),
    ):  # fmt: skip
        address = reverse(f"disbursements:{name}", args=[pk])
        assert stranger.get(address).status_code == 404
    for name, pk in (
        ("send", run.pk), ("cancel", run.pk), ("change", run.draws.get().pk),
        ("recover", recovery.pk),
    ):  # fmt: skip
        address = reverse(f"disbursements:{name}", args=[pk])
        assert stranger.post(address, {"what": "net"}).status_code == 404
    facts = {"entity": here.home.entity.pk, "book": here.book.pk}
    for name in ("freeze", "plan"):
        assert stranger.post(reverse(f"disbursements:{name}"), facts).status_code == 404
    assert here.home.owners[0].name not in text_of(stranger, "recoveries")
    assert here.home.owners[0].name not in text_of(stranger, "contributions")


def test_a_regulator_has_no_business_here(here: World) -> None:
    here.freeze()
    regulator = person(Role.REGULATOR, entity=here.home.entity)

    assert signed_in(regulator).get(reverse("disbursements:runs")).status_code == 403


def test_a_shortage_is_planned_asked_for_and_paid_in_on_the_pages(here: World) -> None:
    here.send(MARCH)
    receivables.take_back(
        here.home.lease.receipts.get(),
        NewComeback(kind="return", key="r", amount=usd(1000), on=date(2026, 4, 14)),
    )
    client = signed_in(here.maker)
    owner = here.home.owners[0]
    assert "920.00" in text_of(client, "recoveries")

    post(
        client, "plan", book=str(here.book.pk),
        beneficiary=str(here.home.owner_beneficiaries()[0]),
    )  # fmt: skip
    recovery = Recovery.objects.get()
    assert "Dear " in post(client, "recover", recovery.pk, what="ask", amount="920.00")
    assert "second person" in post(
        client, "recover", recovery.pk, what="advance", amount="20", source="operating"
    )
    said = post(
        client, "contribute", place=f"{owner.pk}:{here.home.property.pk}", amount="920.00",
        on="2026-04-20", reference="77",
    )  # fmt: skip

    assert f"920.00 of {owner} recorded" in said
    assert Contribution.objects.get().state == Contribution.State.RECEIVED
    assert "Made good" in text_of(client, "recoveries")
    assert "100 %" in text_of(client, "recovery", recovery.pk)


def test_withheld_tax_is_shown_with_its_source_and_remitted(here: World) -> None:
    Owner.objects.update(is_tax_id_certified=False)
    here.rent(date(2026, 3, 4), "2000.00")
    here.send(MARCH)
    client = signed_in(here.maker)
    page = text_of(client, "withholding")
    assert "26 U.S.C. 3406" in page
    assert "720.00" in page

    said = post(
        client, "remit", book=str(here.book.pk), amount="720.00", payee="United States Treasury",
        on="2026-04-15", method="transfer",
        authority=str(_irs(here)),
    )  # fmt: skip

    assert "Paid; it stands among the payments out." in said
    assert "Nothing is withheld" in said


def _irs(here: World) -> int:
    from disbursements.services.authorities import authority_of

    return authority_of(here.home.entity.pk, "US")


def test_a_csv_holds_every_draw_and_no_formula(here: World) -> None:
    Owner.objects.update(name='=HYPERLINK("http://example.org")')
    run = here.freeze()

    head, row = run_csv(run).splitlines()

    assert head.startswith("run,cut_off_on,pays_on,owner_code,owner,")
    assert "'=HYPERLINK" in row
    assert ",920.00,0.00,0.00,0.00," in row
    assert safe("-5") == "'-5"


def _more_owners(here: World, count: int) -> None:
    from decimal import Decimal

    from leases import services as leases
    from tests.factories import receivables as make
    from tests.factories.leases import lease_in, property_in

    for _ in range(count):
        property_, owners = property_in(here.home.entity, here.book, here.home.deposit_book)
        payable(owners[0])
        leases.create_agreement(
            property_=property_, from_on=date(2020, 1, 1), fee_rate=Decimal("0.08")
        )
        lease = lease_in(leases.create_unit(property_=property_, code="1"))
        make.charge(lease, "700.00", due_on=date(2026, 3, 1))
        make.receipt(lease, "700.00", channel="wire", into="bank", received_on=date(2026, 3, 3))


def test_pages_ask_as_often_for_many_rows_as_for_few() -> None:
    counts = []
    for owners in (2, 12):
        here = world()
        _more_owners(here, owners)
        run = here.send(MARCH)
        here.rent(date(2026, 4, 2))
        here.freeze(APRIL)
        client = signed_in(here.maker)
        asked = []
        for name, pks in (
            ("runs", ()), ("run", (run.pk,)), ("draw", (OwnerDraw.objects.filter(run=run)[0].pk,)),
            ("recoveries", ()), ("contributions", ()), ("withholding", ()), ("run_csv", (run.pk,)),
        ):  # fmt: skip
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse(f"disbursements:{name}", args=pks))
            asked.append((name, len(queries)))
        counts.append(asked)

    assert counts[0] == counts[1]
