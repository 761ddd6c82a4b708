"""The ledger as people see it: journal, books, beneficiaries and their cards, periods.

Pages to read have a look of their own (templates/ledger) under the addresses that Django gives to
their models; they show the legal entities of the person's roles and nothing else.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminTextInputWidget

from desk import navigation, roles
from desk.admin import ReadOnlyAdmin, RoleAdmin
from desk.models import LegalEntity, User
from desk.roles import Permission
from desk.services.audit import record
from ledger import browsing, services
from ledger.browsing import JournalFilter, Month, Place
from ledger.errors import LedgerError
from ledger.models import BankAccount, Beneficiary, Book, Entry, Period
from proptrust.lib.banking import is_routing_number
from proptrust.lib.fields import mask

PER_PAGE = browsing.PER_PAGE
_COMPANY_BOOKS = [Book.Kind.TRUST, Book.Kind.OPERATING]
# The trust accounts first, then the company's own money, then the properties.
_KIND_ORDER = Case(
    When(kind=Book.Kind.TRUST, then=Value(1)),
    When(kind=Book.Kind.OPERATING, then=Value(2)),
    default=Value(3),
)

navigation.add(
    "Books",
    navigation.Entry("Books", "scale", "admin:ledger_book_changelist", Permission.READ_BOOKS, "k"),
)
navigation.add(
    "Books",
    navigation.Entry(
        "Beneficiaries", "people", "admin:ledger_beneficiary_changelist", Permission.READ_BOOKS, "f"
    ),
)
navigation.add(
    "Books",
    navigation.Entry(
        "Periods", "clock", "admin:ledger_period_changelist", Permission.READ_BOOKS, "m"
    ),
)
navigation.add(
    "Company",
    navigation.Entry(
        "Bank accounts", "key", "admin:ledger_bankaccount_changelist", Permission.CONNECT
    ),
)


# --- What the filters of the pages take -------------------------------------------------------


class PlaceField(forms.CharField):
    """Where a page begins, as ledger.browsing.Place writes it."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> Place | None:
        text = super().clean(value)
        try:
            return Place.read(text) if text else None
        except ValueError as error:
            raise forms.ValidationError("This address of a page is not whole.") from error


def _day_field(label: str) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"})
    return forms.DateField(required=False, label=label, widget=widget)


class FilterForm(forms.Form):
    """What a page is asked for in its address."""

    def __init__(self, data: Any) -> None:
        super().__init__(data, label_suffix="")


class DaysForm(FilterForm):
    """A range of days and a place in it."""

    from_on = _day_field("From")
    to_on = _day_field("To")
    before = PlaceField(required=False)
    after = PlaceField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from_on"), cleaned.get("to_on")
        if first and last and first > last:
            self.add_error("to_on", "The last day lies before the first.")
        return cleaned


class BookField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A book that the person may see; offered are those of the company and the one chosen."""

    def __init__(self) -> None:
        super().__init__(Book.objects.none(), required=False, label="Book")

    def offer(self, books: QuerySet[Book], chosen: str) -> None:
        """Take any of the books; list the few that are not of a property, and the chosen one."""
        self.queryset = books
        offered = Q(kind__in=_COMPANY_BOOKS)
        if chosen.isascii() and chosen.isdigit():
            offered |= Q(pk=chosen)
        rows = books.filter(offered).order_by(_KIND_ORDER, "name")
        self.widget.choices = [("", "All books"), *((row.pk, row.name) for row in rows)]


class JournalForm(DaysForm):
    """The filters of the journal."""

    field_order = ("q", "kind", "book", "company", "from_on", "to_on")
    q = forms.CharField(required=False, label="Search", max_length=200)
    kind = forms.ChoiceField(
        required=False, label="Kind", choices=[("", "All kinds"), *Entry.Kind.choices]
    )
    book = BookField()
    company = forms.ModelChoiceField(
        LegalEntity.objects.none(), required=False, label="Company", empty_label="All companies"
    )

    def __init__(self, data: Any, books: QuerySet[Book], entities: QuerySet[LegalEntity]) -> None:
        super().__init__(data)
        cast("BookField", self.fields["book"]).offer(books, data.get("book", ""))
        if len(entities) > 1:
            cast("forms.ModelChoiceField[LegalEntity]", self.fields["company"]).queryset = entities
        else:
            del self.fields["company"]


class BeneficiariesForm(FilterForm):
    """The filters of the beneficiaries."""

    SHOWN = (("", "By name"), ("negative", "Overdrawn first"), ("overdrawn", "Overdrawn only"))

    q = forms.CharField(required=False, label="Search", max_length=200)
    kind = forms.ChoiceField(
        required=False, label="Kind", choices=[("", "All kinds"), *Beneficiary.Kind.choices]
    )
    book = BookField()
    show = forms.ChoiceField(required=False, label="Order", choices=SHOWN)
    page = forms.IntegerField(
        required=False, min_value=1, max_value=100_000, widget=forms.HiddenInput
    )

    def __init__(self, data: Any, books: QuerySet[Book]) -> None:
        super().__init__(data)
        cast("BookField", self.fields["book"]).offer(books, data.get("book", ""))


class BooksForm(FilterForm):
    """The filters of the properties' books."""

    q = forms.CharField(required=False, label="Search", max_length=200)
    page = forms.IntegerField(
        required=False, min_value=1, max_value=100_000, widget=forms.HiddenInput
    )


class PeriodsForm(FilterForm):
    """The filter of the periods."""

    book = BookField()
    page = forms.IntegerField(
        required=False, min_value=1, max_value=100_000, widget=forms.HiddenInput
    )

    def __init__(self, data: Any, books: QuerySet[Book]) -> None:
        super().__init__(data)
        cast("BookField", self.fields["book"]).offer(books, data.get("book", ""))


def _cut(rows: QuerySet[Any], page: int) -> tuple[list[Any], bool]:
    """The rows of a numbered page, and whether more follow; nothing is counted."""
    start = (page - 1) * PER_PAGE
    found = list(rows[start : start + PER_PAGE + 1])
    return found[:PER_PAGE], len(found) > PER_PAGE


# --- The pages --------------------------------------------------------------------------------


class BooksAdmin(ReadOnlyAdmin):
    """The base of the pages to read."""

    def may_look(self, request: HttpRequest) -> User:
        """The person of the request; PermissionDenied if no role of theirs reads books."""
        if not self.has_view_permission(request):
            raise PermissionDenied(f"Your role does not let you {self.view_permission}.")
        return cast("User", request.user)

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """The row of an address, if it is of a company of theirs; else Http404."""
        self.may_look(request)
        if not (object_id.isascii() and object_id.isdigit()):
            raise Http404
        return get_object_or_404(self.get_queryset(request), pk=object_id)

    def page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        """A page of the person's own companies."""
        return render(request, f"ledger/{template}.html", context)


def _books(user: User) -> QuerySet[Book]:
    return Book.objects.filter(entity__in=roles.entity_ids(user, Permission.READ_BOOKS))


def _query(request: HttpRequest, **changes: object) -> str:
    """The query of the page with some values changed; None drops one. A place is never kept."""
    kept = {
        name: value
        for name, value in request.GET.items()
        if value and name not in {"before", "after", "page"}
    }
    kept |= {name: str(value) for name, value in changes.items() if value is not None}
    dropped = {name for name, value in changes.items() if value is None}
    return urlencode({name: value for name, value in kept.items() if name not in dropped})


def _neighbours(request: HttpRequest, older: Place | None, newer: Place | None) -> dict[str, str]:
    return {
        "older": f"?{_query(request, before=older)}" if older else "",
        "newer": f"?{_query(request, after=newer)}" if newer else "",
        "newest": f"?{_query(request)}",
    }


def _numbered(request: HttpRequest, page: int, *, has_more: bool) -> dict[str, str]:
    return {
        "previous": f"?{_query(request, page=page - 1)}" if page > 1 else "",
        "next": f"?{_query(request, page=page + 1)}" if has_more else "",
    }


@admin.register(Entry)
class EntryAdmin(BooksAdmin):
    """The journal."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The entries, newest first."""
        user = self.may_look(request)
        entity_ids = roles.entity_ids(user, Permission.READ_BOOKS)
        entities = LegalEntity.objects.filter(pk__in=entity_ids)
        form = JournalForm(request.GET, _books(user), entities)
        context: dict[str, Any] = {"title": "Journal", "form": form, "many": len(entities) > 1}
        if form.is_valid():
            asked = form.cleaned_data
            company = asked.get("company")
            wanted = JournalFilter(
                entity_ids=[company.pk] if company else entity_ids,
                kind=asked["kind"],
                book=asked["book"],
                from_on=asked["from_on"],
                to_on=asked["to_on"],
                text=asked["q"].strip(),
            )
            found = browsing.journal_page(wanted, before=asked["before"], after=asked["after"])
            context |= {
                "rows": found.rows,
                "looked_to": found.looked_to,
                "stretch": browsing.STRETCH,
                "book": asked["book"],
                "is_filtered": bool(_query(request)),
                **_neighbours(request, found.older, found.newer),
            }
        return self.page(request, "journal", **context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """One entry: its lines by book, its reversal, its digest."""
        entry = self.row(request, object_id)
        return self.page(
            request,
            "entry",
            title=f"Entry {entry.pk}",
            entry=entry,
            books=browsing.lines_by_book(entry.pk),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.select_related(
            "entity", "reverses", "reversed_by", "adjusts__book", "posted_by"
        )


@admin.register(Book)
class BookAdmin(BooksAdmin):
    """The books, and what each holds."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The trust accounts with both sides, the company's own money, the properties."""
        user = self.may_look(request)
        books = _books(user).select_related("entity", "bank_account")
        own = list(books.filter(kind__in=_COMPANY_BOOKS).order_by(_KIND_ORDER, "name"))
        sides = browsing.trust_equations([book.pk for book in own])
        form = BooksForm(request.GET)
        properties: list[Book] = []
        has_more, page = False, 1
        if form.is_valid():
            page = form.cleaned_data["page"] or 1
            rows = books.filter(kind=Book.Kind.PROPERTY, name__icontains=form.cleaned_data["q"])
            properties, has_more = _cut(rows.order_by("name", "pk"), page)
        return self.page(
            request,
            "books",
            title="Books",
            form=form,
            many=len(roles.entity_ids(user, Permission.READ_BOOKS)) > 1,
            trust=[(book, sides[book.pk]) for book in own if book.kind == Book.Kind.TRUST],
            operating=[(book, sides[book.pk]) for book in own if book.kind != Book.Kind.TRUST],
            properties=properties,
            may_edit_banks=roles.can(user, BankAccountAdmin.change_permission),
            **_numbered(request, page, has_more=has_more),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """One book: the balance of each account, its bank account, its periods."""
        book = self.row(request, object_id)
        is_trust = book.kind == Book.Kind.TRUST
        return self.page(
            request,
            "book",
            title=book.name,
            book=book,
            trial=browsing.trial_balance(book.pk),
            sides=browsing.trust_equations([book.pk])[book.pk] if is_trust else None,
            periods=_periods(Period.objects.filter(book=book))[:12],
            closable=_closable(request, [book]).get(book.pk),
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("entity", "bank_account")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.close_view)
        return [
            path("<path:object_id>/close/", view, name="ledger_book_close"),
            *super().get_urls(),
        ]

    def close_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What closing the next month would fix; a post closes it."""
        book = self.row(request, object_id)
        roles.require(cast("User", request.user), Permission.POST, book.entity_id)
        month = browsing.next_to_close([book]).get(book.pk)
        reason = _why_not(book, month)
        if request.method == "POST":
            return self._close(request, book, month, reason)
        return self.page(
            request,
            "close",
            title="Close the month",
            book=book,
            month=month,
            reason=reason,
            closing=browsing.closing(book, month) if month else None,
        )

    def _close(
        self, request: HttpRequest, book: Book, month: Month | None, reason: str
    ) -> HttpResponse:
        answer = redirect(f"{reverse('admin:ledger_period_changelist')}?book={book.pk}")
        if month is None or reason:
            messages.warning(request, f"{book}: {reason}")
        elif request.POST.get("first_on") != month.first_on.isoformat():
            messages.warning(
                request,
                f"{book}: the month that you looked at is not the next one to close any more."
                f" Next is {month.first_on:%B %Y}.",
            )
        else:
            try:
                period = _close_period(book, month, cast("User", request.user))
            except LedgerError as refusal:
                messages.warning(request, f"{book}: {refusal}.")
            else:
                messages.success(
                    request, f"{period} is closed; its digest begins with {period.digest[:12]}."
                )
        return answer


@transaction.atomic
def _close_period(book: Book, month: Month, person: User) -> Period:
    period = services.close_period(book_id=book.pk, first_on=month.first_on, closed_by_id=person.pk)
    record(
        "close period",
        text=f"Closed {period}, {period.first_on} to {period.last_on}",
        subject=period,
        entity_id=book.entity_id,
        actor=person,
        facts={"digest": period.digest, "previous_digest": period.previous_digest},
    )
    return period


def _why_not(book: Book, month: Month | None) -> str:
    """Why a book's next month cannot be closed; "" if it can."""
    if month is None:
        return "there is nothing in this book to close."
    today = timezone.localdate(timezone=ZoneInfo(book.entity.time_zone))
    if month.last_on >= today:
        return f"{month.first_on:%B %Y} is not over yet; close it when its last day has passed."
    return ""


def _closable(request: HttpRequest, books: Iterable[Book]) -> dict[int, Month]:
    """The month of each book that the person may close now."""
    allowed = roles.entity_ids(cast("User", request.user), Permission.POST)
    mine = [book for book in books if book.entity_id in allowed]
    months = browsing.next_to_close(mine) if mine else {}
    return {
        book.pk: months[book.pk]
        for book in mine
        if book.pk in months and not _why_not(book, months[book.pk])
    }


@admin.register(Beneficiary)
class BeneficiaryAdmin(BooksAdmin):
    """Whose money it is, and the ledger card of each."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The beneficiaries with what each book holds for them now."""
        user = self.may_look(request)
        form = BeneficiariesForm(request.GET, _books(user))
        context: dict[str, Any] = {"title": "Beneficiaries", "form": form}
        if form.is_valid():
            page = form.cleaned_data["page"] or 1
            rows, has_more = _cut(self._chosen(request, form.cleaned_data), page)
            held = browsing.holdings([row.pk for row in rows])
            book = form.cleaned_data["book"]
            context |= {
                "rows": [
                    (row, [each for each in held[row.pk] if not book or each.book_id == book.pk])
                    for row in rows
                ],
                "many": len(roles.entity_ids(user, Permission.READ_BOOKS)) > 1,
                "is_filtered": bool(_query(request)),
                **_numbered(request, page, has_more=has_more),
            }
        return self.page(request, "beneficiaries", **context)

    def _chosen(self, request: HttpRequest, asked: Mapping[str, Any]) -> QuerySet[Beneficiary]:
        rows = self.get_queryset(request)
        if asked["kind"]:
            rows = rows.filter(kind=asked["kind"])
        if text := asked["q"].strip():
            rows = rows.filter(Q(name__icontains=text) | Q(reference__icontains=text))
        if book := asked["book"]:
            rows = rows.filter(pk__in=book.balances.values("beneficiary"))
        if not asked["show"]:
            return rows.order_by("name", "pk")
        red = browsing.overdrawn_beneficiaries([book.pk] if book else None)
        if asked["show"] == "overdrawn":
            return rows.filter(pk__in=red).order_by("name", "pk")
        first = Case(When(pk__in=red, then=Value(0)), default=Value(1))
        return rows.order_by(first, "name", "pk")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """The ledger card of a beneficiary in one book."""
        beneficiary = self.row(request, object_id)
        held = browsing.holdings([beneficiary.pk])[beneficiary.pk]
        book = _book_of(request, held)
        form = DaysForm(request.GET)
        context: dict[str, Any] = {
            "title": beneficiary.name,
            "beneficiary": beneficiary,
            "held": held,
            "book": book,
            "form": form,
        }
        if book and form.is_valid():
            asked = form.cleaned_data
            card = browsing.card(
                book_id=book.book_id, beneficiary_id=beneficiary.pk, **form.cleaned_data
            )
            context |= {
                "card": card,
                "csv": _query(request, book=book.book_id),
                "is_cut": bool(asked["from_on"] or asked["to_on"]),
                **_neighbours(request, card.older, card.newer),
            }
        return self.page(request, "card", **context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.csv_view)
        own = path("<path:object_id>/card.csv", view, name="ledger_beneficiary_csv")
        return [own, *super().get_urls()]

    def csv_view(
        self, request: HttpRequest, object_id: str
    ) -> HttpResponse | StreamingHttpResponse:
        """The whole ledger card as CSV, sent while it is read."""
        beneficiary = self.row(request, object_id)
        book = _book_of(request, browsing.holdings([beneficiary.pk])[beneficiary.pk])
        form = DaysForm(request.GET)
        if book is None or not form.is_valid():
            raise Http404
        first, last = form.cleaned_data["from_on"], form.cleaned_data["to_on"]
        lines = browsing.card_lines(
            book_id=book.book_id, beneficiary_id=beneficiary.pk, from_on=first, to_on=last
        )
        answer = StreamingHttpResponse(
            _card_csv(beneficiary, book.book, lines), content_type="text/csv; charset=utf-8"
        )
        name = slugify(f"{beneficiary.name} {book.book} {first or ''} {last or ''}") or "card"
        answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("entity")


def _book_of(request: HttpRequest, held: list[browsing.Holding]) -> browsing.Holding | None:
    """The book that the address names, else the first one that has lines of the beneficiary."""
    if not (named := request.GET.get("book")):
        return held[0] if held else None
    for each in held:
        if str(each.book_id) == named:
            return each
    raise Http404


class _Echo:
    """A file for csv.writer that gives back each row."""

    def write(self, text: str) -> str:
        return text


CARD_HEADER = (
    "book", "beneficiary", "date", "entry", "kind", "memo", "debit", "credit", "held"
)  # fmt: skip


def _card_csv(
    beneficiary: Beneficiary, book: str, lines: Iterable[browsing.CardLine]
) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(CARD_HEADER)
    names = [neutral(book), neutral(beneficiary.name)]
    for line in lines:
        yield writer.writerow([
            *names,
            line.place.day.isoformat(),
            line.entry_id,
            line.kind,
            neutral(line.memo),
            line.debit.amount if line.debit else "",
            line.credit.amount if line.credit else "",
            line.held.amount,
        ])  # fmt: skip


def neutral(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe before what could begin one.

    Source: OWASP, "CSV Injection": = + - @ tab and carriage return begin a formula.
    """
    begins = text.lstrip(" \n")[:1]
    return f"'{text}" if begins in {"=", "+", "-", "@", "\t", "\r"} else text


def _periods(periods: QuerySet[Period]) -> QuerySet[Period]:
    """Periods, the newest first, each with the digest of the one before it (before)."""
    before = Period.objects.filter(book=OuterRef("book"), last_on__lt=OuterRef("first_on"))
    return (
        periods.select_related("book__entity", "closed_by")
        .annotate(before=Subquery(before.order_by("-last_on").values("digest")[:1]))
        .order_by("-first_on", "book__name", "pk")
    )


@admin.register(Period)
class PeriodAdmin(BooksAdmin):
    """The months of the books, and the chain of their digests."""

    entity_path = "book__entity"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How far each book is closed, and the closed months, the newest first."""
        user = self.may_look(request)
        form = PeriodsForm(request.GET, _books(user))
        context: dict[str, Any] = {"title": "Periods", "form": form}
        if form.is_valid():
            page, chosen = form.cleaned_data["page"] or 1, form.cleaned_data["book"]
            wanted = Q(pk=chosen.pk) if chosen else Q(kind__in=_COMPANY_BOOKS)
            books = list(
                _books(user).filter(wanted).select_related("entity").order_by(_KIND_ORDER, "name")
            )
            months = browsing.next_to_close(books)
            closable = _closable(request, books)
            periods = self.get_queryset(request)
            if chosen:
                periods = periods.filter(book=chosen)
            rows, has_more = _cut(_periods(periods), page)
            context |= {
                "books": [(book, months.get(book.pk), book.pk in closable) for book in books],
                "periods": rows,
                "chosen": chosen,
                **_numbered(request, page, has_more=has_more),
            }
        return self.page(request, "periods", **context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """One period, with its whole digests."""
        found = self.row(request, object_id)
        period = _periods(Period.objects.filter(pk=found.pk)).get()
        after = Period.objects.filter(book=period.book_id, first_on__gt=period.last_on)
        before = Period.objects.filter(book=period.book_id, last_on__lt=period.first_on)
        return self.page(
            request,
            "period",
            title=str(period),
            period=period,
            earlier=before.order_by("-last_on").first(),
            later=after.order_by("first_on").first(),
            late=Entry.objects.filter(adjusts=period).order_by("-dated_on", "-pk")[:PER_PAGE],
            closable=_closable(request, [period.book]).get(period.book_id),
        )


# --- Bank accounts ----------------------------------------------------------------------------

# An account number of an ACH file has 17 characters at most. Source: Nacha Operating Rules, entry
# detail record, field 5 "DFI account number".
NUMBER_LENGTH = 17
_SHORTEST = 4


class BankAccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """A bank account's names and numbers; the account number goes in and never comes out."""

    new_number = forms.CharField(
        required=False,
        label="New account number",
        max_length=NUMBER_LENGTH,
        help_text="Left empty, the number stays as it is. Once saved it is shown masked.",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    class Meta:
        model = BankAccount
        fields = ("bank_name", "title", "routing_number")

    def clean_routing_number(self) -> str:
        number: str = self.cleaned_data["routing_number"]
        if number and not is_routing_number(number):
            raise forms.ValidationError(
                "This is no routing number: it has nine digits, the last checks the others."
            )
        return number

    def clean_new_number(self) -> str:
        number: str = self.cleaned_data["new_number"]
        if number and not (number.isascii() and number.isalnum() and len(number) >= _SHORTEST):
            raise forms.ValidationError(
                f"Enter {_SHORTEST} to {NUMBER_LENGTH} digits or letters, no spaces or hyphens."
            )
        return number


@admin.register(BankAccount)
class BankAccountAdmin(RoleAdmin):
    """The accounts at banks; administrators change their names and numbers."""

    form = BankAccountForm
    entity_path = "book__entity"
    change_permission = Permission.CONNECT
    list_display = ("book", "purpose", "bank_name", "title", "routing_number", "number")
    list_select_related = ("book",)
    readonly_fields = ("book", "purpose", "number")
    _SHOWN = ("book", "purpose", "bank_name", "title", "routing_number", "number")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        may_change = self.has_change_permission(request, obj)
        return ((None, {"fields": (*self._SHOWN, "new_number") if may_change else self._SHOWN}),)

    @admin.display(description="account number")
    def number(self, row: BankAccount) -> str:
        return mask(row.last_four)

    def save_model(self, request: HttpRequest, obj: BankAccount, form: Any, change: bool) -> None:  # type: ignore[override]  # noqa: FBT001
        """Save and write the audit trail: what it was and what it is, numbers masked."""
        changed = [name for name in form.changed_data if name != "new_number"]
        was = {name: str(form.initial[name]) for name in changed}
        now = {name: str(form.cleaned_data[name]) for name in changed}
        if number := form.cleaned_data["new_number"]:
            was["account_number"] = mask(obj.last_four)
            obj.account_number = number
            now["account_number"] = mask(number)
        obj.save()
        if not now:
            return
        said = "; ".join(
            f'{name.replace("_", " ")} "{was[name]}" is now "{now[name]}"' for name in now
        )
        record(
            "change bank details",
            text=f"Bank account of {obj.book}: {said}",
            subject=obj,
            entity_id=obj.book.entity_id,
            actor=cast("User", request.user),
            facts={"was": was, "now": now},
        )
