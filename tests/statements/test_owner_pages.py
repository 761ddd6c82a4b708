"""The pages of the owner statements for each role, for other companies, and by an owner's link."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from desk.models import AuditEvent, Role, User
from statements.models import LinkVisit, OwnerLink, OwnerStatement
from statements.owners import links
from statements.owners.stored import rows_of
from tests.factories.desk import person
from tests.factories.leases import Company
from tests.statements.owner_world import (
    MARCH,
    ask,
    bill_paid,
    document,
    publish,
    rent_paid,
    stamp,
    thirds,
)
from tests.statements.test_owner_packet import a_pdf

pytestmark = pytest.mark.django_db
LIST = "/reports/owners/"
MAKERS = [Role.BOOKKEEPER, Role.ADMINISTRATOR]


@pytest.fixture
def home() -> Company:
    from datetime import date

    made = thirds()
    rent_paid(made, date(2026, 3, 2), "900.00")
    bill_paid(made, date(2026, 3, 16), "150.00", document(made, a_pdf()))
    return made


@pytest.fixture
def made(home: Company) -> OwnerStatement:
    """A's statement of March; its file is a mere word, which no reader opens."""
    return stamp(ask(home, MARCH, [0])[0])


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def at(home: Company, role: str = Role.BOOKKEEPER) -> Client:
    return client_of(person(role, home.entity))


def page(name: str, *args: object) -> str:
    return reverse(f"statements:{name}", args=args)


def text_of(response: Any) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def link(made: OwnerStatement) -> OwnerLink:
    return links.make_link(made, made_by=person(entity=made.entity))


def address(link: OwnerLink, more: str = "") -> str:
    return f"/s/{links.token_of(link)}/{more}"


@pytest.mark.parametrize("role", [*MAKERS, Role.PROPERTY_MANAGER])
def test_who_reads_the_books_reads_and_downloads(role: str, made: OwnerStatement) -> None:
    home_client = client_of(person(role, made.entity))

    answers = [home_client.get(LIST), home_client.get(page("owner_statement", made.pk))]
    answers += [home_client.get(page(name, made.pk)) for name in ("owner_download", "owner_rows")]
    answers.append(home_client.get(page("owner_document", made.pk, 1)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert made.owner.name in text_of(answers[0])
    shown = text_of(answers[1])
    assert "Rent March 2026, 900.00 in all" in shown
    assert "0.00 opening + 226.00 changes = 0.00 paid out + 226.00 closing." in shown
    assert answers[4].content == a_pdf()
    assert AuditEvent.objects.filter(verb="download an owner statement").count() == 3


def test_a_regulator_reads_trust_reports_and_no_owner_statement(made: OwnerStatement) -> None:
    client = client_of(person(Role.REGULATOR, made.entity))

    assert client.get(LIST).status_code == 403
    assert client.get(page("owner_statement", made.pk)).status_code == 403


def test_another_company_finds_nothing(made: OwnerStatement, link: OwnerLink) -> None:
    other = thirds()
    client = at(other)
    gets = [
        page(name, made.pk)
        for name in ("owner_statement", "owner_download", "owner_packet", "owner_rows")
    ]
    gets.append(page("owner_document", made.pk, 1))
    posts = [page("owner_again", made.pk), page("owner_link", made.pk)]
    posts.append(page("owner_revoke_link", made.pk, link.pk))

    assert {client.get(each).status_code for each in gets} == {404}
    assert {client.post(each).status_code for each in posts} == {404}
    assert made.owner.name not in text_of(client.get(LIST))
    link.refresh_from_db()
    assert link.revoked_at is None


def test_a_link_of_another_statement_is_not_taken_back_here(home: Company, link: OwnerLink) -> None:
    other = stamp(ask(home, MARCH, [1])[0])

    answer = at(home).post(page("owner_revoke_link", other.pk, link.pk))

    assert answer.status_code == 404


def test_a_manager_makes_nothing(made: OwnerStatement) -> None:
    client = client_of(person(Role.PROPERTY_MANAGER, made.entity))
    asked = {"entity": made.entity_id, "to_on": "2026-03-31"}

    assert client.post(LIST, asked).status_code == 403
    assert client.post(page("owner_link", made.pk)).status_code == 403
    assert "Make a link" not in text_of(client.get(page("owner_statement", made.pk)))


def test_the_form_asks_for_all_owners_or_one(home: Company) -> None:
    client = at(home)
    days = {"entity": home.entity.pk, "from_on": "2026-03-01", "to_on": "2026-03-31"}

    all_of_them = client.post(LIST, days, follow=True)
    one = client.post(LIST, {**days, "to_on": "2026-03-30", "owner": home.owners[0].code.lower()})
    wrong = client.post(LIST, {**days, "owner": "nobody"})
    late = client.post(LIST, {**days, "from_on": "2026-04-01"})

    assert "2 statements are being made." in text_of(all_of_them)
    assert "0 of 2 made" in text_of(all_of_them)
    assert one.headers["Location"] == page(
        "owner_statement", OwnerStatement.objects.latest("pk").pk
    )
    assert f"{home.entity} has no owner nobody." in text_of(wrong)
    assert "The last day lies before the first." in text_of(late)
    assert OwnerStatement.objects.count() == 3


def test_the_next_version_is_asked_for_on_the_page(made: OwnerStatement) -> None:
    client = client_of(person(Role.BOOKKEEPER, made.entity))

    answer = client.post(page("owner_again", made.pk), follow=True)

    assert "Waiting for a worker" in text_of(answer)
    assert OwnerStatement.objects.get(supersedes=made).version == 2


def test_the_progress_of_one_statement_follows_by_itself(made: OwnerStatement) -> None:
    client = client_of(person(Role.BOOKKEEPER, made.entity))
    client.post(page("owner_again", made.pk))
    new = OwnerStatement.objects.get(supersedes=made)
    part = client.get(page("owner_statement", new.pk), headers={"HX-Request": "true"})
    OwnerStatement.objects.filter(pk=new.pk).update(state="failed", reason="It does not tie.")
    done = client.get(page("owner_statement", new.pk), headers={"HX-Request": "true"})

    assert "<html" not in text_of(part)
    assert "hx-trigger" in text_of(part)
    assert done.headers["HX-Refresh"] == "true"
    assert "It does not tie." in text_of(client.get(page("owner_statement", new.pk)))


def test_the_list_pages_by_place_and_takes_as_many_queries_for_many(home: Company) -> None:
    client = at(home)
    counts = []
    for last in (1, 60):
        for number in range(last):
            OwnerStatement.objects.get_or_create(
                entity=home.entity, owner=home.owners[0], from_on=MARCH[0], to_on=MARCH[1],
                version=number + 1, state="failed", reason="Nothing",
            )  # fmt: skip
        with CaptureQueriesContext(connection) as seen:
            first = client.get(LIST)
        counts.append(len(seen))
    assert counts[0] == counts[1]
    assert text_of(first).count("badge-bad") == 50
    following = client.get(f"{LIST}?after=2026-03-31_{OwnerStatement.objects.all()[49].pk}")
    assert text_of(following).count("badge-bad") == 10
    assert client.get(f"{LIST}?after=nonsense&to=nonsense").status_code == 200


def test_who_has_the_link_sees_the_statement_and_nothing_else(
    made: OwnerStatement, link: OwnerLink
) -> None:
    browser = Client()

    answer = browser.get(address(link))

    shown = text_of(answer)
    assert answer.status_code == 200
    assert "226.00 closing" in shown
    assert "/admin/" not in shown
    assert "side-menu" not in shown
    assert answer.headers["Cache-Control"].startswith("max-age=0")
    assert browser.get(address(link, "statement.pdf")).content == bytes(made.pdf or b"")
    assert browser.get(address(link, "documents/1/")).content == a_pdf()
    assert browser.get(address(link, "documents/2/")).status_code == 404
    assert browser.post(address(link)).status_code == 405
    assert browser.get(page("owner_statement", made.pk)).status_code == 302


def test_the_packet_comes_by_the_link_too(home: Company) -> None:
    (made,) = publish(home, MARCH, [0])
    link = links.make_link(made, made_by=person(entity=made.entity))

    answer = Client().get(address(link, "packet.pdf"))

    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")
    assert len(answer.content) > len(bytes(made.pdf or b"")) / 2


def test_a_document_that_names_other_owners_stays_inside(made: OwnerStatement) -> None:
    rows = rows_of(made)
    kept = rows.documents[0]
    body = bytes(made.rows or b"").replace(b'"is_shared": false', b'"is_shared": true')
    copy = OwnerStatement.objects.create(
        entity=made.entity, owner=made.owner, from_on=made.from_on, to_on=made.to_on, version=2,
        state="made", rows=body, pdf=b"x", sha256="1" * 64, known_at=made.known_at,
        made_at=made.made_at, opening=made.opening, change=made.change, paid=made.paid,
        closing=made.closing,
    )  # fmt: skip
    link = links.make_link(copy, made_by=person(entity=made.entity))

    assert Client().get(address(link, "documents/1/")).status_code == 404
    assert "ask Company" in text_of(Client().get(address(link)))
    inside = client_of(person(Role.BOOKKEEPER, made.entity))
    assert inside.get(page("owner_document", copy.pk, kept.number)).status_code == 200


def test_a_newer_version_is_told_by_the_old_link(home: Company, link: OwnerLink) -> None:
    stamp(ask(home, MARCH, [0])[0])

    assert "A newer version of this statement was made." in text_of(Client().get(address(link)))


def test_a_link_that_is_over_taken_back_or_forged_opens_nothing(link: OwnerLink) -> None:
    token = links.token_of(link)
    signed, _, signature = token.rpartition(".")
    forged = [token[:-1] + ("A" if token[-1] != "A" else "B"), f"{signed}x.{signature}", "1", "."]
    forged.append(signed)

    for wrong in forged:
        answer = Client().get(f"/s/{wrong}/", REMOTE_ADDR="10.0.0.1")
        assert answer.status_code == 404
        assert "not known" in text_of(answer)
    OwnerLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "has ended" in text_of(Client().get(address(link)))
    links.revoke_link(link, actor=link.made_by)
    answer = Client().get(address(link, "statement.pdf"))
    assert answer.status_code == 404
    assert "taken back" in text_of(answer)


def test_who_guesses_is_turned_away(link: OwnerLink) -> None:
    for number in range(links.MOST_REFUSED):
        Client().get(f"/s/{number}-guess.x/", REMOTE_ADDR="10.0.0.9")
    before = LinkVisit.objects.count()

    guess = "/s/99-guess.x/"
    assert Client().get(guess, REMOTE_ADDR="10.0.0.9").status_code == 429
    assert LinkVisit.objects.count() == before
    # Whoever shares the address with a guesser (an office, a proxy) still reads their own.
    assert Client().get(address(link), REMOTE_ADDR="10.0.0.9").status_code == 200
    assert Client().get(guess, REMOTE_ADDR="10.0.0.10").status_code == 404


def test_a_link_that_is_opened_very_often_rests(
    link: OwnerLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_VISITS", 3)

    codes = [Client().get(address(link)).status_code for _ in range(5)]

    assert codes == [200, 200, 200, 429, 429]


def test_a_link_is_made_shown_mailed_and_taken_back(made: OwnerStatement) -> None:
    made.owner.email = "ada@example.com"
    made.owner.save()
    client = client_of(person(Role.BOOKKEEPER, made.entity))

    client.post(page("owner_link", made.pk), {"mail": "1"})
    link = OwnerLink.objects.get()
    (letter,) = mail.outbox
    shown = text_of(client.get(page("owner_statement", made.pk)))
    client.post(page("owner_revoke_link", made.pk, link.pk))

    assert letter.to == ["ada@example.com"]
    assert links.address_of(link) in str(letter.body)
    assert links.address_of(link) in shown
    assert Client().get(address(link)).status_code == 404
    assert AuditEvent.objects.filter(verb__contains="owner link").count() == 3


def test_an_owner_without_mail_is_told(made: OwnerStatement) -> None:
    client = client_of(person(Role.BOOKKEEPER, made.entity))

    answer = client.post(page("owner_link", made.pk), {"mail": "1"}, follow=True)

    assert f"{made.owner} has no e-mail address on record." in text_of(answer)
    assert not OwnerLink.objects.exists()


def test_a_mail_that_does_not_go_out_leaves_no_link(
    made: OwnerStatement, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.owner.email = "ada@example.com"
    made.owner.save()

    def refused(*_: object, **__: object) -> int:
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr(mail.EmailMessage, "send", refused)
    client = client_of(person(Role.BOOKKEEPER, made.entity))
    answer = client.post(page("owner_link", made.pk), {"mail": "1"}, follow=True)

    assert "The mail did not go out: no mail server" in text_of(answer)
    assert not OwnerLink.objects.exists()
