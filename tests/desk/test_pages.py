"""The pages of the desk, with and without htmx, for each role and for other companies."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from desk import registry, services, tasks
from desk.models import LegalEntity, Role, User, WorkItem
from proptrust.lib.money import usd
from tests.desk.fakes import Candidate, FakeBank, FakeFigures, FakeLine, days_ago
from tests.factories.desk import LegalEntityFactory, MembershipFactory, WorkItemFactory, person

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "workbench"}
MAX_QUERIES = 12


@pytest.fixture
def ann(company: LegalEntity) -> User:
    """A bookkeeper of the company."""
    return person(entity=company, first_name="Ann", last_name="Keller")


@pytest.fixture
def browser(ann: User) -> Client:
    """Ann's browser."""
    return client_of(ann)


def client_of(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def lines(bank: FakeBank, company: LegalEntity, count: int = 3, **facts: Any) -> list[WorkItem]:
    """Open items of fake bank lines, the oldest first."""
    for n in range(1, count + 1):
        bank.add(FakeLine(n, company.pk, usd(f"{n}00.00"), day=days_ago(10 - n), **facts))
    services.run_detectors()
    return list(WorkItem.objects.order_by("happened_on"))


def said(response: Any) -> str:
    """The text of the live region."""
    html = response.content.decode()
    region = html[html.index('id="live"') :]
    return " ".join(re.sub(r"<[^>]+>", " ", region[region.index(">") + 1 :]).split())


def test_the_page_shows_the_list_and_the_first_item(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    items = lines(bank, company)

    page = browser.get("/desk/").content.decode()

    assert [int(n) for n in re.findall(r'<tr class="item[^>]*data-item="(\d+)"', page)] == [
        item.pk for item in items
    ]
    assert f"EX-{items[0].pk}" in page
    assert "Rosa Garcia · rent 100.00" in page
    assert "−" not in re.findall(r'class="c-amount[^>]*>([^<]*)', page)[0]


def test_accepting_closes_the_item_selects_the_next_and_says_how_many_are_open(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    first, second, _ = lines(bank, company)
    form = {"_remedy": "match", "candidate": "Rosa Garcia"}

    answer = browser.post(f"/desk/{first.pk}/act/?item={first.pk}", form, follow=True)

    assert answer.redirect_chain == [(f"/desk/?item={second.pk}", 302)]
    assert said(answer).startswith("Matched 100.00 with Rosa Garcia 2 open.")
    first.refresh_from_db()
    assert first.state == "closed"


def test_with_htmx_the_same_post_answers_with_the_changed_page_and_figures(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    first, second, _ = lines(bank, company)

    def figures(ids: list[int]) -> list[FakeFigures]:
        waiting = sum((bank.lines[f.subject_id].amount for f in bank.find(None)), usd("0"))
        book = usd("1000.00")
        return [FakeFigures("Rent trust", 1, company.pk, book + waiting, book, book)]

    registry.show_figures(figures)
    assert b"1,600.00" in browser.get("/desk/").content

    form = {"_remedy": "match", "candidate": "Rosa Garcia"}
    answer = browser.post(f"/desk/{first.pk}/act/?view=open", form, headers=HTMX)

    assert answer.status_code == 200
    assert answer["HX-Push-Url"] == f"/desk/?item={second.pk}"
    assert b"1,500.00" in answer.content
    assert b"<html" not in answer.content
    assert said(answer).startswith("Matched 100.00")


def test_undo_by_its_button_selects_the_item_that_is_open_again(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    first, *_ = lines(bank, company)
    browser.post(f"/desk/{first.pk}/act/", {"_remedy": "match"}, follow=True)

    answer = browser.post("/desk/undo/", follow=True)

    assert answer.redirect_chain == [(f"/desk/?item={first.pk}", 302)]
    assert said(answer).startswith("Undone: Matched 100.00")


def test_the_second_person_reads_who_was_quicker(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    first, *_ = lines(bank, company)
    browser.post(f"/desk/{first.pk}/act/", {"_remedy": "match"})
    other = client_of(person(entity=company))

    answer = other.post(f"/desk/{first.pk}/act/", {"_remedy": "match"}, follow=True)

    assert "was already done by Ann Keller at" in said(answer)
    assert len(bank.acted) == 1


def test_a_remedy_that_needs_it_is_shown_with_its_effect_before_it_acts(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    first, *_ = lines(bank, company)

    asked = browser.post(f"/desk/{first.pk}/act/", {"_remedy": "advance"}).content.decode()

    assert bank.acted == []
    assert 'name="_confirmed"' in asked
    assert "lends to the trust" in asked
    browser.post(f"/desk/{first.pk}/act/", {"_remedy": "advance", "_confirmed": "1"})
    assert bank.acted == [(1, "advance", {})]


def test_two_equal_candidates_are_not_accepted_by_enter(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    pair = (Candidate("Rosa Garcia", 71), Candidate("Raul Garcia", 71))
    lines(bank, company, 1, candidates=pair)

    page = browser.get("/desk/").content.decode()

    assert "Two candidates are equally good" in page
    assert "data-top" not in page


def test_the_preview_says_what_is_accepted_and_what_is_left_out_and_why(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    first, second, third = lines(bank, company)
    bank.add(FakeLine(3, company.pk, usd("-300.00"), day=days_ago(7), candidates=()))
    ticked = {"tick": [first.pk, second.pk, third.pk]}

    preview = browser.post("/desk/bulk/", ticked).content.decode()

    assert "The top suggestion of 2 items" in preview
    assert "300.00" in preview
    assert "It has no suggestion" in preview
    assert bank.acted == []

    plan = re.search(r'name="_plan" value="([^"]+)"', preview)
    assert plan is not None
    answer = browser.post("/desk/bulk/", {"_plan": plan[1]}, follow=True)
    assert "2 items answered together." in said(answer)
    assert sorted(line for line, *_ in bank.acted) == [1, 2]

    browser.post("/desk/undo/")
    assert WorkItem.objects.filter(state="open").count() == 3


def test_what_changed_since_the_preview_is_left_out(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    (first,) = lines(bank, company, 1)
    preview = browser.post("/desk/bulk/", {"tick": [first.pk]}).content.decode()
    bank.add(FakeLine(1, company.pk, usd("100.00"), candidates=(Candidate("Somebody else", 97),)))
    plan = re.search(r'name="_plan" value="([^"]+)"', preview)
    assert plan is not None

    answer = browser.post("/desk/bulk/", {"_plan": plan[1]}, follow=True)

    assert "its suggestion has changed since the preview" in said(answer)
    assert bank.acted == []


def test_a_preview_that_was_altered_is_refused(bank: FakeBank, browser: Client) -> None:
    answer = browser.post("/desk/bulk/", {"_plan": "WzFd:forged"}, follow=True)

    assert "too old" in said(answer)


def test_filters_and_place_stay_in_the_address(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    first, second, _ = lines(bank, company)
    address = f"/desk/{first.pk}/assign/?kind=fake_line&q=garcia&item={first.pk}"

    answer = browser.post(address, {"to": ""}, follow=True)

    assert answer.redirect_chain[0][0] == f"/desk/?kind=fake_line&q=garcia&item={first.pk}"
    row = f'href="/desk/?kind=fake_line&amp;q=garcia&amp;item={second.pk}"'
    assert row in answer.content.decode()


def test_search_finds_an_amount_of_either_sign_a_name_and_a_number(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    item = WorkItemFactory.create(entity=company, amount=usd("-1840.00"), who="Fay Okonkwo")
    WorkItemFactory.create(entity=company, amount=usd("12.00"), who="Tom Weber")

    for text in ("1,840.00", "-1840", "okonkwo", f"EX-{item.pk}", "fay odd"):
        page = browser.get("/desk/", {"q": text}).content.decode()
        assert re.findall(r'<tr class="item[^>]*data-item="(\d+)"', page) == [str(item.pk)], text


def test_pages_of_the_list_join_without_gap_or_overlap(
    company: LegalEntity, ann: User, browser: Client
) -> None:
    WorkItemFactory.create_batch(120, entity=company, happened_on=days_ago(3))
    seen: list[str] = []
    address: str | None = "/desk/"

    while address:
        page = browser.get(address).content.decode()
        seen += re.findall(r'<tr class="item[^>]*data-item="(\d+)"', page)
        more = re.search(r'href="([^"]+)"\s+rel="next"', page)
        address = more[1].replace("&amp;", "&") if more else None

    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize(
    "query",
    ["view=nonsense", "entity=x&book=-1", "after=9.2026-99-99.1", "item=99999999999999999999x",
     "age=7", "q=%00", "q=NaN", "q=9999999999999999999", "kind=<script>"],
)  # fmt: skip
def test_an_address_that_makes_no_sense_still_shows_a_page(
    bank: FakeBank, company: LegalEntity, browser: Client, query: str
) -> None:
    lines(bank, company)

    answer = browser.get(f"/desk/?{query}")

    assert answer.status_code == 200
    assert b"<script>" not in answer.content.replace(b"<script src", b"")


def test_the_page_is_a_dozen_queries_however_long_the_list(
    bank: FakeBank, company: LegalEntity, ann: User, browser: Client
) -> None:
    lines(bank, company, 60)
    services.add_note(WorkItem.objects.all()[0], "Called the bank.", actor=ann)

    with CaptureQueriesContext(connection) as queries:
        browser.get("/desk/")
    assert len(queries) <= MAX_QUERIES, "\n".join(query["sql"] for query in queries)

    with CaptureQueriesContext(connection) as queries:
        browser.get("/admin/")
    assert len(queries) <= MAX_QUERIES, "\n".join(query["sql"] for query in queries)


def test_an_empty_list_says_what_to_do(bank: FakeBank, browser: Client) -> None:
    assert b"Import the next bank statement" in browser.get("/desk/").content
    assert b"Take one away" in browser.get("/desk/?q=nobody").content


def test_text_of_others_is_never_markup(
    bank: FakeBank, company: LegalEntity, ann: User, browser: Client
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    item = WorkItemFactory.create(entity=company, who=evil, title=evil, reason=evil, where=evil)
    services.add_note(item, evil, actor=ann)

    page = browser.get("/desk/").content.decode()

    assert "<img src=x" not in page
    assert page.count("&lt;img src=x") >= 5


def test_no_inline_script_or_style_and_a_strict_policy(
    bank: FakeBank, company: LegalEntity, browser: Client
) -> None:
    lines(bank, company)
    for address in ("/desk/", "/admin/", "/desk/keys/"):
        answer = browser.get(address)
        page = answer.content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son\w+=", page), address
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self';" in policy + ";"
        assert "unsafe" not in policy
    assert (
        "unsafe-eval"
        in browser.get(reverse("admin:desk_auditevent_changelist"))["Content-Security-Policy"]
    )


# --- Who may do what -------------------------------------------------------------------------

POSTS: list[tuple[str, dict[str, str]]] = [
    ("/desk/{item}/act/", {"_remedy": "match"}),
    ("/desk/{item}/assign/", {"to": ""}),
    ("/desk/{item}/wait/", {"until": "2099-01-01", "reason": "x"}),
    ("/desk/{item}/note/", {"text": "x"}),
    ("/desk/undo/", {}),
    ("/desk/bulk/", {"tick": "{item}"}),
]


def fingerprint() -> list[Any]:
    return list(WorkItem.objects.order_by("id").values_list("state", "assigned_to", "wait_until"))


@pytest.mark.parametrize(("address", "form"), POSTS)
@pytest.mark.parametrize("role", [Role.REGULATOR, Role.PROPERTY_MANAGER, Role.ADMINISTRATOR, None])
def test_who_is_no_bookkeeper_changes_nothing(
    bank: FakeBank,
    company: LegalEntity,
    role: Role | None,
    address: str,
    form: dict[str, str],
) -> None:
    first, *_ = lines(bank, company)
    before = fingerprint()
    client = client_of(person(role, company)) if role else Client()
    sent = {name: text.format(item=first.pk) for name, text in form.items()}

    answer = client.post(address.format(item=first.pk), sent)

    assert answer.status_code == (403 if role else 302)
    assert role or answer["Location"].startswith("/admin/login/")
    assert (fingerprint(), bank.acted, first.notes.count()) == (before, [], 0)


@pytest.mark.parametrize(("address", "form"), POSTS[:4])
def test_a_bookkeeper_of_another_company_finds_nothing_there(
    bank: FakeBank, company: LegalEntity, address: str, form: dict[str, str]
) -> None:
    first, *_ = lines(bank, company)
    before = fingerprint()

    answer = client_of(person()).post(address.format(item=first.pk), form)

    assert answer.status_code == 404
    assert (fingerprint(), bank.acted, first.notes.count()) == (before, [], 0)


def test_a_bulk_of_another_companys_items_is_empty(bank: FakeBank, company: LegalEntity) -> None:
    first, *_ = lines(bank, company)

    answer = client_of(person()).post("/desk/bulk/", {"tick": [first.pk]})

    assert b"None of the ticked items" in answer.content
    assert f"EX-{first.pk}".encode() not in answer.content


def test_a_regulator_sees_figures_and_no_item(bank: FakeBank, company: LegalEntity) -> None:
    lines(bank, company)
    same = usd("1234.56")
    registry.show_figures(lambda ids: [FakeFigures("Rent trust", 1, company.pk, same, same, same)])
    client = client_of(person(Role.REGULATOR, company))

    dashboard = client.get("/admin/").content.decode()

    assert "1,234.56" in dashboard
    assert "Open items by age" not in dashboard
    assert 'href="/desk/"' not in dashboard
    assert client.get("/desk/").status_code == 403
    for name in ("desk_user", "desk_auditevent", "desk_legalentity"):
        assert client.get(reverse(f"admin:{name}_changelist")).status_code == 403


def test_a_property_manager_reads_items_without_a_button_to_act(
    bank: FakeBank, company: LegalEntity
) -> None:
    lines(bank, company)

    page = client_of(person(Role.PROPERTY_MANAGER, company)).get("/desk/").content.decode()

    assert "Rosa Garcia" in page
    assert "data-top" not in page
    assert 'data-key="1"' not in page


def test_a_list_shows_only_ones_own_company_whatever_the_filter_says(
    bank: FakeBank, company: LegalEntity
) -> None:
    lines(bank, company)
    stranger = client_of(person())

    page = stranger.get("/desk/", {"entity": company.pk}).content.decode()

    assert 'data-item="' not in page
    assert company.name not in page


def test_a_post_without_the_csrf_token_is_refused(
    bank: FakeBank, company: LegalEntity, ann: User
) -> None:
    first, *_ = lines(bank, company)
    strict = client_of(ann, enforce_csrf_checks=True)

    assert strict.post(f"/desk/{first.pk}/act/", {"_remedy": "match"}).status_code == 403
    assert bank.acted == []


@pytest.mark.parametrize("name", ["act", "assign", "wait", "note"])
def test_what_changes_something_is_never_a_get(
    bank: FakeBank, company: LegalEntity, browser: Client, name: str
) -> None:
    first, *_ = lines(bank, company)

    assert browser.get(reverse(f"desk:{name}", args=[first.pk])).status_code == 405


# --- People ----------------------------------------------------------------------------------


def test_somebody_without_a_role_is_told_so_at_the_log_in(db: None) -> None:
    from tests.factories.desk import UserFactory

    client = client_of(UserFactory.create())

    answer = client.get("/admin/", follow=True)

    assert b"who holds no role here" in answer.content


def test_logging_in_needs_no_staff_flag(company: LegalEntity) -> None:
    user = person(entity=company)

    answer = Client().post(
        "/admin/login/?next=/admin/",
        {"username": user.username, "password": "passwords are long", "next": "/admin/"},
    )

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def change_url(user: User) -> str:
    return reverse("admin:desk_user_change", args=[user.pk])


def test_an_administrator_changes_only_people_of_their_own_companies(company: LegalEntity) -> None:
    boss = client_of(person(Role.ADMINISTRATOR, company))
    own, foreign = person(entity=company), person()
    shared = person(entity=company)
    MembershipFactory.create(user=shared, entity=LegalEntityFactory.create())
    password = "admin:auth_user_password_change"

    assert boss.get(change_url(own)).status_code == 200
    assert boss.get(change_url(foreign)).status_code == 302  # Not there, as Django's admin says it.
    assert boss.post(change_url(shared), {"username": "taken"}).status_code == 403
    assert boss.get(reverse(password, args=[shared.pk])).status_code == 403
    shared.refresh_from_db()
    assert shared.username != "taken"


def test_an_administrator_cannot_give_a_role_at_another_company(company: LegalEntity) -> None:
    boss, own = person(Role.ADMINISTRATOR, company), person(entity=company)
    other = LegalEntityFactory.create()
    form = {
        "username": own.username,
        "is_active": "on",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": own.pk,
        "memberships-0-entity": other.pk,
        "memberships-0-role": Role.BOOKKEEPER,
    }

    client_of(boss).post(change_url(own), form)

    assert not own.memberships.filter(entity=other).exists()


def test_giving_a_role_is_in_the_audit_trail(company: LegalEntity) -> None:
    boss, own = person(Role.ADMINISTRATOR, company), person(entity=company)
    form = {
        "username": own.username,
        "is_active": "on",
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": own.memberships.get().pk,
        "memberships-0-user": own.pk,
        "memberships-0-entity": company.pk,
        "memberships-0-role": Role.BOOKKEEPER,
        "memberships-1-user": own.pk,
        "memberships-1-entity": company.pk,
        "memberships-1-role": Role.PROPERTY_MANAGER,
    }

    answer = client_of(boss).post(change_url(own), form)

    assert answer.status_code == 302
    event = company.audit_events.get(verb="give role")
    assert event.actor == boss
    assert "Property manager" in event.text


def test_the_worker_shows_on_the_dashboard(
    bank: FakeBank, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"Not seen yet" in browser.get("/admin/").content
    services.beat()
    page = browser.get("/admin/").content
    assert b"Alive." in page
    assert b"Findings were not looked for yet." in page
    tasks.detect_all()
    page = browser.get("/admin/").content
    assert b"Findings, imports and reports are worked on." in page
    assert b"may be old" not in page
    later = timezone.now() + timedelta(minutes=10)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert b"Stands still." in browser.get("/admin/").content


def test_pages_that_fail_say_so_in_plain_words(
    bank: FakeBank, company: LegalEntity, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"There is nothing here" in browser.get("/desk/nowhere/").content
    browser.raise_request_exception = False

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("desk.workbench.build", fail)
    broken = browser.get("/desk/")
    assert broken.status_code == 500
    assert b"Nothing was posted by halves" in broken.content


def test_with_htmx_who_was_logged_out_is_sent_to_the_log_in(db: None) -> None:
    answer = Client().post("/desk/undo/", headers=HTMX)

    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/admin/login/?next=/desk/"


def test_five_failures_lock_the_log_in_in_plain_words(company: LegalEntity, settings: Any) -> None:
    settings.AXES_ENABLED = True
    user, client = person(entity=company), Client()
    wrong = {"username": user.username, "password": "not this one"}

    answers = [client.post("/admin/login/", wrong) for _ in range(6)]

    assert answers[-1].status_code == 429
    assert b"rests for 15 minutes" in answers[-1].content
    right = {"username": user.username, "password": "passwords are long"}
    assert client.post("/admin/login/", right).status_code == 429


def test_logging_out_shows_the_log_in(browser: Client) -> None:
    answer = browser.post("/admin/logout/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/")
    assert browser.get("/desk/").status_code == 302
