"""The page of the state rules: what each state says, where it stands, and whether it was read."""

from datetime import date
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from compliance import words
from compliance.jurisdictions import FEDERAL
from compliance.loading import Lawbook, lawbook
from desk import roles
from desk.models import LegalEntity, User
from desk.roles import Permission
from desk.views import needs


@needs(Permission.READ_BOOKS)
@require_GET
def rules(request: HttpRequest) -> HttpResponse:
    """The rules of one state on a day; the first shown is the state of the person's company."""
    book = lawbook()
    asked = request.GET.get("state", "")
    wrong: list[str] = []
    code = asked if asked in book else _home(cast("User", request.user), book)
    if asked and asked not in book:
        wrong.append(f"There is no file of rules for {asked[:20]}; {book[code].name} is shown.")
    on, problem = _day(request.GET.get("on", ""))
    if problem:
        wrong.append(problem)
    rows = words.lines(book, code, on=on)
    context = {
        "title": "State rules",
        "files": [book[each] for each in sorted(book, key=lambda each: book[each].name)],
        "file": book[code],
        "on": on,
        "wrong": wrong,
        "topics": _by_title(rows),
        "unconfirmed": sum(not row.is_confirmed for row in rows),
        "count": len(rows),
    }
    return render(request, "compliance/rules.html", context)


def _home(user: User, book: Lawbook) -> str:
    """The state of the first of a person's companies that has a file, else the first file."""
    seen = roles.entity_ids(user, Permission.READ_BOOKS)
    states = LegalEntity.objects.filter(pk__in=seen).values_list("state", flat=True)
    first = next(code for code in sorted(book) if code != FEDERAL)
    return next((state for state in states if state in book), first)


def _day(text: str) -> tuple[date, str]:
    """The day asked for, and what is wrong with it; today if it is none."""
    if not text:
        return timezone.localdate(), ""
    try:
        return date.fromisoformat(text), ""
    except ValueError:
        return timezone.localdate(), "A day is written like 2026-11-30; today is shown."


def _by_title(rows: list[words.Line]) -> list[tuple[str, list[words.Line]]]:
    grouped: dict[str, list[words.Line]] = {}
    for row in rows:
        grouped.setdefault(row.title, []).append(row)
    return list(grouped.items())
