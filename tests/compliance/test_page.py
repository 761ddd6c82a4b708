"""The page "State rules" and the same rows at the command line."""

import json
import re
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from compliance.loading import lawbook
from desk.models import Role, User
from tests.factories.desk import LegalEntityFactory, UserFactory, person

PAGE = "/rules/"
READERS = [Role.BOOKKEEPER, Role.PROPERTY_MANAGER, Role.ADMINISTRATOR]
pytestmark = pytest.mark.django_db


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def at(state: str, role: str = Role.BOOKKEEPER) -> Client:
    """The browser of somebody with a role at a company of a state."""
    return client_of(person(role, LegalEntityFactory.create(state=state)))


def text_of(answer: Any) -> str:
    """What a page says, without its tags."""
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


@pytest.mark.parametrize("role", READERS)
def test_who_reads_the_books_reads_the_rules(role: str) -> None:
    page = at("NY", role).get(PAGE)

    assert "State rules: New York" in text_of(page)
    assert 'aria-current="page"' in page.content.decode()


def test_a_regulator_and_a_stranger_do_not() -> None:
    assert at("NY", Role.REGULATOR).get(PAGE).status_code == 403
    assert client_of(UserFactory.create()).get(PAGE).status_code == 403
    assert Client().get(PAGE).status_code == 302


def test_the_page_only_reads() -> None:
    assert at("NY").post(PAGE, {"state": "CA"}).status_code == 405


def test_first_comes_the_state_of_the_persons_own_company() -> None:
    LegalEntityFactory.create(state="CA", name="Somebody else's company")

    page = text_of(at("MA").get(PAGE))

    assert "State rules: Massachusetts" in page
    assert "Somebody else's company" not in page
    assert "State rules: California" in text_of(at("TX").get(PAGE))


def test_a_rule_stands_with_its_citation_and_whether_it_was_read() -> None:
    html = at("NY").get(PAGE, {"state": "NY", "on": "2026-11-23"}).content.decode()
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in html.split("</tr>")]

    cap = next(row for row in rows if "the lesser of 50.00 and 5 % of the rent" in row)
    due = next(row for row in rows if "Reconciled within: not known" in row)
    assert "N.Y. Real Prop. Law 238-a(2)" in cap
    assert "from Jun 14, 2019" in cap
    assert " confirmed" in cap
    assert "not confirmed" not in cap
    assert "not confirmed" in due
    assert 'href="https://legalservicesli.org/?p=1414"' in html


def test_a_past_day_shows_what_was_in_force_then() -> None:
    page = text_of(at("NY").get(PAGE, {"state": "NY", "on": "2019-06-13"}))

    assert "the lesser of 50.00" not in page
    assert "Unclaimed money" in page


def test_what_cannot_be_shown_is_said() -> None:
    browser = at("NY")

    no_file = text_of(browser.get(PAGE, {"state": "TX<script>"}))
    no_day = text_of(browser.get(PAGE, {"on": "yesterday"}))

    assert "There is no file of rules for TX<script>; New York is shown." in no_file
    assert "A day is written like 2026-11-30; today is shown." in no_day
    assert "<script>" not in browser.get(PAGE, {"state": "TX<script>"}).content.decode()


def test_a_federal_page_before_its_law_says_so() -> None:
    page = text_of(at("NY").get(PAGE, {"state": "US", "on": "2027-03-01"}))

    assert "from which amount on is not known" in page


def test_the_page_asks_the_database_as_often_for_one_company_as_for_many() -> None:
    user = person(Role.BOOKKEEPER, LegalEntityFactory.create(state="NY"))
    browser = client_of(user)
    with CaptureQueriesContext(connection) as few:
        text_of(browser.get(PAGE))
    for _ in range(5):
        user.memberships.create(entity=LegalEntityFactory.create(), role=Role.BOOKKEEPER)

    with CaptureQueriesContext(connection) as many:
        text_of(browser.get(PAGE))

    assert len(many) == len(few) <= 6


def shown(*arguments: str) -> str:
    out = StringIO()
    call_command("show_rules", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("code", sorted(lawbook()))
def test_command_line_and_page_show_the_same_rows(code: str) -> None:
    page = text_of(at("CA").get(PAGE, {"state": code, "on": "2026-11-23"}))

    rows = json.loads(shown(code, "--on", "2026-11-23", "--json"))

    assert rows
    for row in rows:
        assert " ".join(row["rule"].split()) in page
        assert row["citation"] in page
    confirmed = sum(row["is_confirmed"] for row in rows)
    assert f"{len(rows) - confirmed} of {len(rows)} lines are not confirmed" in page


def test_command_says_as_text_what_is_not_confirmed() -> None:
    text = shown("ca", "--on", "2026-11-23")

    assert "CA  Drawing earned fees: Earned fees leave the trust account within 25 days" in text
    assert "10 CCR 2835, long in force, NOT confirmed" in text
    assert "Returned payment fee: First: at most 25.00; each further: 35.00" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["TX"], "there is no file for TX yet"),
        (["ZZ"], "'ZZ' is no state"),
        (["CA", "--on", "soon"], "'soon' is no day"),
    ],
)
def test_command_refuses_what_it_cannot_show(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("show_rules", *arguments)
