"""Four eyes on the page: who asked cannot decide, who decides is heard by the app that asked."""

import pytest
from django.test import Client

from desk import services
from desk.models import Approval, LegalEntity, Role, User
from desk.types import ApprovalDecided
from proptrust.lib import events
from tests.factories.desk import person

pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def maker(company: LegalEntity) -> User:
    return person(entity=company, first_name="Ann")


@pytest.fixture
def approval(company: LegalEntity, maker: User) -> Approval:
    """A company advance that waits."""
    return services.ask_approval(
        key="advance:7",
        kind="advance",
        entity_id=company.pk,
        text="The company lends the trust 1,840.00.",
        facts={"amount": "1840.00"},
        maker=maker,
    )


def test_the_second_person_approves_and_the_app_hears_it_with_its_facts(
    approval: Approval, company: LegalEntity, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[ApprovalDecided] = []
    monkeypatch.setitem(events._handlers, ApprovalDecided, [heard.append])
    checker = person(Role.PROPERTY_MANAGER, company)

    answer = client_of(checker).post(
        f"/desk/approvals/{approval.pk}/", {"decision": "agree"}, follow=True
    )

    approval.refresh_from_db()
    assert (approval.state, approval.checker) == ("approved", checker)
    assert [(fact.kind, fact.facts, fact.is_agreed) for fact in heard] == [
        ("advance", {"amount": "1840.00"}, True)
    ]
    assert b"Approved." in answer.content


def test_an_app_that_refuses_undoes_the_decision(
    approval: Approval, company: LegalEntity, monkeypatch: pytest.MonkeyPatch
) -> None:
    from desk.errors import Refused

    def refuse(fact: ApprovalDecided) -> None:
        raise Refused("The period is closed.")

    monkeypatch.setitem(events._handlers, ApprovalDecided, [refuse])
    client = client_of(person(entity=company))

    answer = client.post(f"/desk/approvals/{approval.pk}/", {"decision": "agree"}, follow=True)

    approval.refresh_from_db()
    assert (approval.state, approval.checker) == ("waiting", None)
    assert b"The period is closed." in answer.content


def test_the_maker_sees_it_wait_and_may_only_withdraw_it(approval: Approval, maker: User) -> None:
    client, address = client_of(maker), f"/desk/approvals/{approval.pk}/"

    page = client.get("/desk/approvals/").content.decode()
    assert "Waits for a second person." in page
    assert 'value="agree"' not in page

    answer = client.post(address, {"decision": "agree"}, follow=True)
    approval.refresh_from_db()
    assert approval.state == "waiting"
    assert b"another person must decide" in answer.content

    client.post(address, {"decision": "withdraw"})
    approval.refresh_from_db()
    assert approval.state == "withdrawn"


def test_a_refusal_says_why(approval: Approval, company: LegalEntity) -> None:
    client, address = client_of(person(entity=company)), f"/desk/approvals/{approval.pk}/"

    assert b"Say why" in client.post(address, {"decision": "refuse"}, follow=True).content
    client.post(address, {"decision": "refuse", "reason": "Too much"})
    approval.refresh_from_db()
    assert (approval.state, approval.reason) == ("refused", "Too much")


def test_people_of_other_companies_and_regulators_decide_nothing(
    approval: Approval, company: LegalEntity
) -> None:
    address = f"/desk/approvals/{approval.pk}/"

    assert client_of(person()).post(address, {"decision": "agree"}).status_code == 404
    regulator = client_of(person(Role.REGULATOR, company))
    assert regulator.post(address, {"decision": "agree"}).status_code == 403
    assert regulator.get("/desk/approvals/").status_code == 403
    assert b"1,840.00" not in client_of(person()).get("/desk/approvals/").content
    approval.refresh_from_db()
    assert approval.state == "waiting"
