"""Pages of the owner statements: the list, one statement explained, its files and links."""

from datetime import date, timedelta
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from desk import roles
from desk import services as desk
from desk.models import User
from desk.roles import Permission
from desk.views import needs
from ledger.browsing import Place
from payables.models import Document
from statements.errors import StatementsError
from statements.models import OwnerLink, OwnerStatement
from statements.owners import links, queries, services
from statements.owners.forms import RunForm, StatementsForm
from statements.owners.packet import packet
from statements.owners.showing import view_of
from statements.owners.stored import rows_of

PER_PAGE = 50
_STATE = OwnerStatement.State


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _get(
    request: HttpRequest, statement_id: int, permission: Permission = Permission.READ_BOOKS
) -> OwnerStatement:
    """A statement of a company that the person works for; another's does not exist for them."""
    rows = queries.light(roles.entity_ids(_user(request))).filter(pk=statement_id)
    found = rows.first()
    if found is None:
        raise Http404("There is no such statement.")
    if not roles.can(_user(request), permission, found.entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return found


@needs(Permission.READ_BOOKS)
@require_http_methods(["GET", "POST"])
def statements(request: HttpRequest) -> HttpResponse:
    """The statements, newest days first; a post asks for new ones."""
    user = _user(request)
    may_make = roles.can(user, Permission.MAKE_REPORTS)
    is_of_run = "run" in request.POST
    posted = request.POST if request.method == "POST" else None
    form = StatementsForm(None if is_of_run else posted, user=user, initial=_last_month())
    run_form = RunForm(posted if is_of_run else None, user=user)
    if posted is not None:
        if not may_make:
            raise PermissionDenied(f"Your role does not let you {Permission.MAKE_REPORTS}.")
        if answer := _asked(request, run_form if is_of_run else form):
            return answer
    rows = _filtered(request, queries.light(roles.entity_ids(user, Permission.READ_BOOKS)))
    shown, after = _page(request, rows)
    context = {
        "title": "Owner statements",
        "form": form if may_make else None,
        "run_form": run_form if may_make and _has_choices(run_form) else None,
        "statements": shown,
        "after": after,
        "search": request.GET.get("owner", ""),
        "to_on": request.GET.get("to", ""),
        "progress": queries.progress(rows) if request.GET.get("to") else None,
        "is_filtered": bool(request.GET.get("owner") or request.GET.get("to")),
    }
    part = "_owner_list.html" if request.headers.get("HX-Request") else "owner_statements.html"
    return render(request, f"statements/{part}", context)


def _has_choices(form: RunForm) -> bool:
    field: Any = form.fields["run"]
    return bool(field.queryset.exists())


def _asked(request: HttpRequest, form: StatementsForm | RunForm) -> HttpResponse | None:
    """Queue what a valid form asks for and show it; None shows the form with what is wrong."""
    if not form.is_valid():
        return None
    asked, user = form.cleaned_data, _user(request)
    try:
        if isinstance(form, RunForm):
            made = services.request_statements_of_run(asked["run"], asked_by=user)
        else:
            owner = asked.get("found")
            made = services.request_statements(
                asked["entity"],
                to_on=asked["to_on"],
                from_on=asked["from_on"],
                owner_ids=[owner.pk] if owner else None,
                asked_by=user,
            )
    except StatementsError as error:
        form.add_error(None, str(error))
        return None
    if len(made) == 1:
        return redirect("statements:owner_statement", made[0].pk)
    messages.success(request, f"{len(made)} statements are being made.")
    return redirect(f"{request.path}?to={made[0].to_on.isoformat()}")


def _filtered(request: HttpRequest, rows: QuerySet[OwnerStatement]) -> QuerySet[OwnerStatement]:
    if search := request.GET.get("owner", "").strip():
        rows = rows.filter(Q(owner__name__icontains=search) | Q(owner__code__iexact=search))
    if to_on := _day(request.GET.get("to", "")):
        rows = rows.filter(to_on=to_on)
    return rows.order_by("-to_on", "-pk")


def _page(request: HttpRequest, rows: QuerySet[OwnerStatement]) -> tuple[list[OwnerStatement], str]:
    """A page of a list and the place where the next one begins; "" on the last one."""
    try:
        place = Place.read(request.GET.get("after", ""))
    except ValueError:
        place = None
    if place:
        rows = rows.filter(Q(to_on__lt=place.day) | Q(to_on=place.day, pk__lt=place.number))
    found = list(rows[: PER_PAGE + 1])
    if len(found) <= PER_PAGE:
        return found, ""
    last = found[PER_PAGE - 1]
    return found[:PER_PAGE], str(Place(last.to_on, last.pk))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _last_month() -> dict[str, date]:
    return {"to_on": timezone.localdate().replace(day=1) - timedelta(days=1)}


@needs(Permission.READ_BOOKS)
@require_GET
def statement(request: HttpRequest, statement_id: int) -> HttpResponse:
    """One statement: its progress while it is made, then every line explained."""
    found = _get(request, statement_id)
    may_make = roles.can(_user(request), Permission.MAKE_REPORTS, found.entity_id)
    context: dict[str, Any] = {
        "title": f"Statement {found.owner}",
        "statement": found,
        "base": request.path,
        "may_make": may_make,
        "is_inside": True,
    }
    if found.state == _STATE.MADE:
        context["view"] = view_of(rows_of(found))
        context["versions"] = _versions(found)
        rows = found.links.select_related("made_by").order_by("-pk")[:20]
        context["links"] = [
            {"row": row, "address": links.address_of(row), "is_over": _is_over(row)}
            for row in (rows if may_make else [])
        ]
    part = "_owner_progress.html" if request.headers.get("HX-Request") else "owner.html"
    is_running = found.state in OwnerStatement.RUNNING
    if part == "_owner_progress.html" and not is_running:
        # The whole page has more to show than the part that was asked for.
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, f"statements/{part}", context)


def _is_over(link: OwnerLink) -> bool:
    return link.revoked_at is not None or link.expires_at < timezone.now()


def _versions(found: OwnerStatement) -> list[OwnerStatement]:
    same_days = queries.light([found.entity_id]).filter(
        owner=found.owner_id, from_on=found.from_on, to_on=found.to_on
    )
    return list(same_days.order_by("-version"))


@needs(Permission.MAKE_REPORTS)
@require_POST
def again(request: HttpRequest, statement_id: int) -> HttpResponse:
    """Ask for the same days once more: the next version, or another try of one that failed."""
    found = _get(request, statement_id, Permission.MAKE_REPORTS)
    try:
        (made,) = services.request_statements(
            found.entity,
            to_on=found.to_on,
            from_on=found.from_on,
            owner_ids=[found.owner_id],
            run=found.run,
            asked_by=_user(request),
        )
    except StatementsError as error:
        messages.warning(request, str(error))
        return redirect("statements:owner_statement", found.pk)
    return redirect("statements:owner_statement", made.pk)


@needs(Permission.MAKE_REPORTS)
@require_POST
def make_link(request: HttpRequest, statement_id: int) -> HttpResponse:
    """Make a link for the owner; with `mail` it is sent, too."""
    found = _get(request, statement_id, Permission.MAKE_REPORTS)
    try:
        if "mail" in request.POST:
            links.send_link(found, made_by=_user(request))
            messages.success(request, f"A link is on its way to {found.owner.email}.")
        else:
            links.make_link(found, made_by=_user(request))
            messages.success(request, f"A link for {found.owner} stands below.")
    except StatementsError as error:
        messages.warning(request, str(error))
    return redirect("statements:owner_statement", found.pk)


@needs(Permission.MAKE_REPORTS)
@require_POST
def revoke_link(request: HttpRequest, statement_id: int, link_id: int) -> HttpResponse:
    """Take a link back at once."""
    found = _get(request, statement_id, Permission.MAKE_REPORTS)
    link = found.links.filter(pk=link_id).first()
    if link is None:
        raise Http404("There is no such link.")
    links.revoke_link(link, actor=_user(request))
    messages.success(request, "The link does not open anything any more.")
    return redirect("statements:owner_statement", found.pk)


def _made(request: HttpRequest, statement_id: int, what: str) -> OwnerStatement:
    found = _get(request, statement_id)
    if found.state != _STATE.MADE:
        raise Http404("The statement is not made yet.")
    desk.record(
        "download an owner statement",
        subject=found,
        actor=_user(request),
        text=f"Downloaded the {what} of {found}",
    )
    return found


@needs(Permission.READ_BOOKS)
@require_GET
def download(request: HttpRequest, statement_id: int) -> HttpResponse:
    """The PDF as it was made; each download is on the audit trail."""
    found = _made(request, statement_id, "PDF")
    return as_file(bytes(found.pdf or b""), file_name(found, "pdf"), "application/pdf")


@needs(Permission.READ_BOOKS)
@require_GET
def download_packet(request: HttpRequest, statement_id: int) -> HttpResponse:
    """The statement with the papers behind its lines, in one PDF."""
    found = _made(request, statement_id, "packet")
    return as_file(packet(found).body, file_name(found, "packet.pdf"), "application/pdf")


@needs(Permission.READ_BOOKS)
@require_GET
def rows(request: HttpRequest, statement_id: int) -> HttpResponse:
    """The rows that the PDF was printed from."""
    found = _made(request, statement_id, "rows")
    return as_file(bytes(found.rows or b""), file_name(found, "json"), "application/json")


@needs(Permission.READ_BOOKS)
@require_GET
def document(request: HttpRequest, statement_id: int, place: int) -> HttpResponse:
    """A paper behind a line of the statement."""
    return paper(_made(request, statement_id, f"document {place}"), place)


def paper(found: OwnerStatement, place: int, *, is_outside: bool = False) -> HttpResponse:
    """A document by its place in the packet; outside, none that names other owners' properties."""
    for row in rows_of(found).documents:
        if row.number == place and not (is_outside and row.is_shared):
            stored = Document.objects.filter(pk=row.document_id, entity=found.entity_id).first()
            if stored is not None and stored.sha256 == row.sha256:
                return as_file(bytes(stored.body), stored.name, stored.content_type)
    raise Http404("There is no such document.")


def file_name(found: OwnerStatement, ending: str) -> str:
    """How a file of a statement is called when it is saved."""
    code = "".join(sign if sign.isalnum() else "-" for sign in found.owner.code)
    return f"statement-{code}-{found.to_on}-v{found.version}.{ending}"


def as_file(body: bytes, name: str, content_type: str) -> HttpResponse:
    """A file to save; nothing in it may run on this site, and nobody between keeps it."""
    response = HttpResponse(body, content_type=content_type)
    plain = "".join(sign for sign in name if sign.isprintable() and sign not in '"\\')
    ascii_name = plain.encode("ascii", "replace").decode()
    response["Content-Disposition"] = f'attachment; filename="{ascii_name}"'
    response["Cache-Control"] = "private, no-store"
    return response
