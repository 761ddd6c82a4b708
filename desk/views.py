"""Pages of the desk: the dashboard, the exceptions, and what each form of theirs does.

Every action is a plain form post that ends in a redirect; with htmx the same post answers with the
part of the page that changed, figures included.
"""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from desk import bulk as bulk_plans
from desk import queries, registry, roles, services, workbench
from desk.errors import Refused
from desk.models import Approval, User, WorkItem
from desk.roles import Permission
from desk.workbench import Confirm

View = Callable[..., HttpResponse]
# Names in a remedy's form that are ours; everything else goes to the remedy.
OURS = frozenset({"csrfmiddlewaretoken", "_remedy", "_confirmed"})
STALE_SECONDS = 180
DECIDED = 20


def needs(permission: Permission) -> Callable[[View], View]:
    """Let in who holds a permission anywhere; others sign in, or are told why not."""

    def decorate(view: View) -> View:
        @wraps(view)
        @never_cache
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return _to_login(request)
            if not roles.can(request.user, permission):
                raise PermissionDenied(f"Your role does not let you {permission}.")
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def dashboard(request: HttpRequest) -> HttpResponse:
    """The first page: do the figures agree, what waits, does the machine run."""
    user = _user(request)
    seen = roles.entity_ids(user, Permission.SEE_DASHBOARD)
    worked = roles.entity_ids(user, Permission.READ_ITEMS)
    figures = sorted(registry.figures(seen), key=lambda each: (each.is_equal, each.account_name))
    cards = [
        {"card": card, "rows": card.rows(allowed), "url": _url_of(card.link)}
        for card in registry.cards()
        if (allowed := roles.entity_ids(user, card.permission))
    ]
    context: dict[str, Any] = {
        "title": "Dashboard",
        "hides_links": not roles.can(user, Permission.READ_BOOKS),
        "figures": figures,
        "broken": sum(not each.is_equal for each in figures),
        "reads_items": bool(worked),
        "cards_left": cards[0::2],
        "cards_right": cards[1::2],
    }
    if worked:
        counts = queries.view_counts(worked, user)
        ages = queries.counts_by_age(worked)
        most = max(ages.values(), default=0) or 1
        beats = queries.last_beats()
        beat, found = beats.get("worker"), beats.get("findings")
        context |= {
            "counts": counts,
            "ages": [(age, count, round(20 * count / most)) for age, count in ages.items()],
            "kinds": [
                (kind, registry.label_of(kind), worst, count)
                for kind, worst, count in queries.counts_by_kind(worked)
            ][:7],
            "beat": beat,
            "is_alive": queries.is_alive(beat, STALE_SECONDS),
            "found": found,
            "finds": queries.is_alive(found, STALE_SECONDS),
        }
    return render(request, "desk/dashboard.html", context)


@needs(Permission.READ_ITEMS)
@require_GET
def items(request: HttpRequest) -> HttpResponse:
    """The exceptions: list left, detail right; with htmx the part that is asked for."""
    user = _user(request)
    if _target(request) == "detail":
        item = workbench.item_for(user, queries.number(request.GET.get("item")) or 0)
        last = queries.last_action(user)
        view = workbench.view_of(user, item, last=last, find=request.GET.get("find", ""))
        filters = queries.Filters.read(request.GET)
        context = {"view": view, "filters": filters, "query": filters.query(item=item.pk)}
        return render(request, "desk/_detail_part.html", context)
    return _page(request, workbench.build(user, request.GET))


@needs(Permission.READ_ITEMS)
@require_GET
def keys(request: HttpRequest) -> HttpResponse:
    """What each key does; the page for those without script."""
    return render(request, "desk/keys.html", {"title": "Keys"})


@needs(Permission.WORK_ITEMS)
@require_POST
def act(request: HttpRequest, item_id: int) -> HttpResponse:
    """Carry one remedy out; one that needs it is shown with its effects first."""
    user = _user(request)
    item = workbench.item_for(user, item_id)
    key = request.POST.get("_remedy", "")
    facts = _facts(request.POST)
    if "_confirmed" not in request.POST and (waiting := _to_confirm(item, key, facts)):
        bench = workbench.build(user, _query(request, item=item_id))
        if bench.view:
            bench.view.confirm = waiting
        return _page(request, bench)
    try:
        outcome = services.act(item, key, facts, actor=user)
    except Refused as refusal:
        messages.warning(request, str(refusal))
        return _answer(request, item, stays=workbench.item_for(user, item_id).closed_at is None)
    messages.success(request, outcome.said)
    return _answer(request, item, stays=not outcome.is_closed)


@needs(Permission.WORK_ITEMS)
@require_POST
def undo(request: HttpRequest) -> HttpResponse:
    """Undo what the person did last, the whole group; select what is open again."""
    user = _user(request)
    try:
        actions = services.undo(user)
    except Refused as refusal:
        messages.warning(request, str(refusal))
        return _answer(request, None)
    said = actions[0].said if len(actions) == 1 else f"{len(actions)} actions done together"
    messages.success(request, f"Undone: {said}", extra_tags="undone")
    return _answer(request, actions[0].item, stays=True)


@needs(Permission.WORK_ITEMS)
@require_POST
def assign(request: HttpRequest, item_id: int) -> HttpResponse:
    """Give the item to oneself, to a colleague or to nobody."""
    user = _user(request)
    to = request.POST.get("to", "")

    def service(item: WorkItem) -> str:
        person = _person(item, to) if to else None
        services.assign(item, person, actor=user)
        return f"EX-{item.pk} is assigned to {person or 'nobody'}."

    return _serve(request, item_id, service, stays=True)


@needs(Permission.WORK_ITEMS)
@require_POST
def wait(request: HttpRequest, item_id: int) -> HttpResponse:
    """Take the item off the list until a day, or bring it back."""
    user = _user(request)
    if "back" in request.POST:

        def bring_back(item: WorkItem) -> str:
            services.stop_waiting(item, actor=user)
            return f"EX-{item.pk} is on the list again."

        return _serve(request, item_id, bring_back, stays=True)

    def service(item: WorkItem) -> str:
        until = _day(request.POST.get("until", ""))
        services.wait(item, until=until, reason=request.POST.get("reason", ""), actor=user)
        return f"EX-{item.pk} waits until {until:%b %-d}."

    return _serve(request, item_id, service, stays=False)


@needs(Permission.WORK_ITEMS)
@require_POST
def note(request: HttpRequest, item_id: int) -> HttpResponse:
    """Write a remark on the item."""
    user = _user(request)

    def service(item: WorkItem) -> str:
        services.add_note(item, request.POST.get("text", ""), actor=user)
        return f"Noted on EX-{item.pk}."

    return _serve(request, item_id, service, stays=True)


@needs(Permission.WORK_ITEMS)
def bulk(request: HttpRequest) -> HttpResponse:
    """Accept the top suggestions of the ticked items: a preview first, then all as one group."""
    user = _user(request)
    if request.method != "POST":
        return redirect(_address(_query(request)))
    try:
        if "_plan" not in request.POST:
            ticked = [int(each) for each in request.POST.getlist("tick") if queries.number(each)]
            return _preview(request, bulk_plans.plan_for(user, ticked))
        plan = bulk_plans.confirmed(user, request.POST["_plan"])
        if plan.must_type_count and request.POST.get("count") != str(len(plan.accepted)):
            messages.warning(request, f"Type {len(plan.accepted)} to confirm that many items.")
            return _preview(request, plan)
        chosen = [(each.item, each.remedy.key, each.facts) for each in plan.accepted]
        outcome = services.act_on_many(chosen, actor=user)
    except Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect(_address(_query(request)))
    left_out = [
        *(f"EX-{item.pk}: {why}" for item, why in plan.left_out),
        *(f"EX-{pk}: {why}" for pk, why in outcome.left_out),
    ]
    messages.success(request, f"{len(outcome.done)} items answered together.")
    if left_out:
        messages.warning(request, f"Left out: {'; '.join(left_out[:10])}")
    return redirect(_address(_query(request)))


@needs(Permission.APPROVE)
@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits for a second person: one's own to withdraw, the others' to decide."""
    entity_ids = roles.entity_ids(request.user, Permission.APPROVE)
    context = {
        "title": "Approvals",
        "waiting": queries.waiting_approvals(entity_ids),
        "decided": queries.decided_approvals(entity_ids)[:DECIDED],
    }
    return render(request, "desk/approvals.html", context)


@needs(Permission.APPROVE)
@require_POST
def decide(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Agree to a change, refuse it, or withdraw one's own."""
    user = _user(request)
    entity_ids = roles.entity_ids(user, Permission.APPROVE)
    approval = get_object_or_404(Approval, pk=approval_id, entity__in=entity_ids)
    decision = request.POST.get("decision", "")
    try:
        if decision == "withdraw":
            services.withdraw(approval, maker=user)
            messages.success(request, "Withdrawn.")
        elif decision in {"agree", "refuse"}:
            is_agreed, reason = decision == "agree", request.POST.get("reason", "")
            services.decide(approval, is_agreed=is_agreed, checker=user, reason=reason)
            messages.success(request, "Approved." if is_agreed else "Refused.")
        else:
            messages.warning(request, "Choose approve or refuse.")
    except Refused as refusal:
        messages.warning(request, str(refusal))
    return redirect("desk:approvals")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 in plain words."""
    reason = str(exception) or "Your role does not let you see this page."
    return render(request, "desk/error.html", {"code": 403, "reason": reason}, status=403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token: the page was old, or came from another site."""
    return render(request, "desk/error.html", {"code": 403, "is_form": True}, status=403)


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: object = None
) -> HttpResponse:
    """Too many failed log-ins (django-axes); says when it is possible again."""
    minutes = round(settings.AXES_COOLOFF_TIME * 60)
    return render(request, "desk/locked_out.html", {"minutes": minutes}, status=429)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 in plain words."""
    return render(request, "desk/error.html", {"code": 404}, status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """500 without a database: the page must come even when nothing else does."""
    return render(request, "desk/broken.html", status=500)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _to_login(request: HttpRequest) -> HttpResponse:
    """To the log-in and back; a part of a page cannot hold it, so htmx is told to go there."""
    login = redirect_to_login(request.get_full_path(), reverse("admin:login"))
    if not _target(request):
        return login
    login = redirect_to_login(reverse("desk:items"), reverse("admin:login"))
    return HttpResponse(status=204, headers={"HX-Redirect": login["Location"]})


def _target(request: HttpRequest) -> str:
    """The id of the part that htmx asks for, or "" for a whole page."""
    if request.headers.get("HX-Request") != "true" or request.headers.get(
        "HX-History-Restore-Request"
    ):
        return ""
    return request.headers.get("HX-Target", "")


def _page(request: HttpRequest, bench: workbench.Workbench) -> HttpResponse:
    template = "desk/_workbench_part.html" if _target(request) == "workbench" else "desk/items.html"
    item = bench.view.item.pk if bench.view else None
    context = {
        "title": "Exceptions",
        "bench": bench,
        "view": bench.view,
        "filters": bench.filters,
        "query": bench.filters.query(item=item),
    }
    return render(request, template, context)


def _serve(
    request: HttpRequest, item_id: int, service: Callable[[WorkItem], str], *, stays: bool
) -> HttpResponse:
    """Call a service with an item, say how it went, and answer with the page."""
    item = workbench.item_for(_user(request), item_id)
    try:
        messages.success(request, service(item))
    except Refused as refusal:
        messages.warning(request, str(refusal))
        stays = True
    return _answer(request, item, stays=stays)


def _answer(request: HttpRequest, item: WorkItem | None, *, stays: bool = False) -> HttpResponse:
    """The page after an action: the same place in the list, the next item selected or this one."""
    query = _query(request, item=item.pk if item and stays else None)
    is_after = None if stays else item
    if _target(request) != "workbench":
        if is_after is not None:  # The next item must be known before the redirect names it.
            page = workbench.build(_user(request), query, is_after=is_after)
            query = _query(request, item=page.view.item.pk if page.view else None)
        return redirect(_address(query))
    bench = workbench.build(_user(request), query, is_after=is_after)
    answer = _page(request, bench)
    chosen = bench.view.item.pk if bench.view else None
    answer["HX-Push-Url"] = f"{reverse('desk:items')}?{bench.filters.query(item=chosen)}"
    return answer


def _query(request: HttpRequest, item: int | None = None) -> QueryDict:
    """The query of the form's address, with the item to show."""
    query = request.GET.copy()
    query.pop("item", None)
    if item is not None:
        query["item"] = str(item)
    return query


def _address(query: QueryDict) -> str:
    path = reverse("desk:items")
    return f"{path}?{query.urlencode()}" if query else path


def _facts(sent: QueryDict) -> QueryDict:
    """What a remedy's form sent, without the names that are ours."""
    facts = sent.copy()
    for name in OURS & set(facts):
        del facts[name]
    return facts


def _to_confirm(item: WorkItem, key: str, facts: QueryDict) -> Confirm | None:
    """The remedy to be confirmed first, or None when it may act at once."""
    found = [each for each in workbench.detail_of(item).remedies if each.key == key]
    remedy = next((each for each in found if _agrees(each.facts, facts)), None) or next(
        iter(found), None
    )
    if remedy is None or not remedy.needs_confirmation:
        return None
    return Confirm(remedy, [(name, text) for name in facts for text in facts.getlist(name)])


def _agrees(facts: Any, sent: QueryDict) -> bool:
    return all(sent.get(name) == text for name, text in facts.items())


def _person(item: WorkItem, text: str) -> User:
    found = queries.colleagues(item.entity_id).filter(pk=queries.number(text) or 0).first()
    if found is None:
        raise Refused("This person does not work on items of this company.")
    return found


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused("Give the day as year-month-day, such as 2026-03-02.") from None


def _preview(request: HttpRequest, plan: bulk_plans.Plan) -> HttpResponse:
    context = {"title": "Accept together", "plan": plan, "query": _query(request).urlencode()}
    return render(request, "desk/bulk.html", context)


def _url_of(name: str) -> str:
    try:
        return reverse(name) if name else ""
    except NoReverseMatch:
        return ""
